/**
 * `<weft-chat>`: a launcher and a panel on a partner's page. The panel holds a sandboxed frame of Weft, made when the visitor
 * first opens it; until then nothing is fetched. Knows no chat: all that is said and consented to happens in the frame.
 */
import {
  EMBED_THEME_NAMES,
  type EmbedSettings,
  type FrameWord,
  type HostWord,
  parseHostWord,
  writeEmbedWord,
} from '../wire/embed-words.ts'
import { EMBED_HERE_MS_MAX } from '../wire/limits/partners.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import { EMBED_STYLE } from './embed-style.ts'
import { FrameLink } from './frame-link.ts'

/**
 * The frame is another origin than the page, so that scripts and its own origin together let it out of nothing. The last one:
 * a frame may ask for its storage only where its sandbox says so.
 */
const SANDBOX =
  'allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox allow-storage-access-by-user-activation'
const SVG = 'http://www.w3.org/2000/svg'
const MARK = 'M6 4v16M12 4v5M12 15v5M18 4v16M3 12h18'
const LABEL = 'Ask'
const LANGUAGE = 'en'

export class WeftChat extends HTMLElement {
  static readonly observedAttributes = ['label', 'look', 'language']
  /** Where Weft is, and the partner's key there: said by the script that defines the element. */
  protected readonly home: string = ''
  protected readonly key: string = ''
  readonly #launcher = document.createElement('button')
  readonly #label = document.createElement('span')
  readonly #panel = document.createElement('div')
  readonly #word = document.createElement('p')
  /** Until the frame is here, and has one of its own: on a phone the panel covers the launcher. */
  readonly #exit = document.createElement('button')
  /** Said before there was a frame: the newest of each kind. */
  readonly #early = new Map<HostWord['kind'], HostWord>()
  #link: FrameLink | null = null
  #late: ReturnType<typeof setTimeout> | undefined
  #refused: string | null = null
  /** By the visitor, and not opened since: what the page asks does not open it again unless they press something. */
  #closed = false

  constructor() {
    super()
    const root = this.attachShadow({ mode: 'open' })
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(EMBED_STYLE)
    root.adoptedStyleSheets = [sheet]
    this.#launcher.type = 'button'
    this.#launcher.append(mark(), this.#label)
    this.#launcher.addEventListener('click', () => (this.isOpen ? this.#leave() : this.open()))
    this.#panel.className = 'panel'
    this.#panel.hidden = true
    this.#panel.setAttribute('role', 'dialog')
    this.#word.className = 'word'
    this.#word.setAttribute('role', 'status')
    this.#exit.type = 'button'
    this.#exit.className = 'exit'
    this.#exit.textContent = '\u2715'
    this.#exit.setAttribute('aria-label', 'Close')
    this.#exit.addEventListener('click', () => this.#leave())
    this.#panel.append(this.#word, this.#exit)
    // In the order of a keyboard: what opened it, then what it opened.
    root.append(this.#launcher, this.#panel)
  }

  connectedCallback(): void {
    this.#draw()
  }

  disconnectedCallback(): void {
    clearTimeout(this.#late)
    this.#link?.close()
    this.#link = null
    this.#refused = null
    this.#panel.querySelector('iframe')?.remove()
    this.#panel.hidden = true
  }

  attributeChangedCallback(): void {
    this.#draw()
    this.#link?.say({ kind: 'settings', ...this.#settings() })
  }

  get isOpen(): boolean {
    return !this.#panel.hidden
  }

  /** Refusals: `embed-no-visitor`, where nobody has touched the page yet. */
  open(): Result<null> {
    if (this.isOpen) return ok(null)
    if (navigator.userActivation && !navigator.userActivation.hasBeenActive)
      return fail('embed-no-visitor', 'The panel opens when the visitor has clicked or typed.')
    this.#panel.hidden = false
    this.#closed = false
    this.#link ??= this.#frame()
    this.#show(true)
    this.#panel.querySelector('iframe')?.focus()
    return ok(null)
  }

  close(): void {
    if (!this.isOpen) return
    const inside = this.#panel.contains(this.shadowRoot?.activeElement ?? null)
    this.#panel.hidden = true
    this.#show(false)
    if (inside) this.#launcher.focus()
  }

  /** Opens the panel and asks; sent by itself only where the visitor has agreed. Refusals: `embed-word`, `embed-no-visitor`. */
  ask(text: string): Result<null> {
    const said = this.#checked({ kind: 'ask', text })
    if (!said.ok) return said
    const opened = this.open()
    if (opened.ok) this.#link?.say(said.value)
    return opened
  }

  /** For the SDK: why the frame answers nobody, as it said last; null where it does, or has not said. */
  get refused(): string | null {
    return this.#refused
  }

  /** For the SDK: whether it is of this server and key. */
  serves(home: string, key: string): boolean {
    return home === this.home && key === this.key
  }

  /** For the SDK: a question of the page's own, on a port. Opens the panel. Refusals: `embed-no-visitor`, `embed-unseen`. */
  call(port: MessagePort): Result<null> {
    if (this.#closed && navigator.userActivation?.isActive === false)
      return fail('embed-unseen', 'The visitor has closed the panel.')
    const opened = this.open()
    if (opened.ok) this.#link?.call(port)
    return opened
  }

  /** Text of the page that answers may use; empty takes it back. Refusals: `embed-word`, `embed-no-visitor`. */
  setContext(text: string): Result<null> {
    return this.#say({ kind: 'context', text })
  }

  /** Refusals: as of `setContext`. */
  suggest(questions: readonly string[]): Result<null> {
    return this.#say({ kind: 'suggest', questions })
  }

  #say(word: HostWord): Result<null> {
    const said = this.#checked(word)
    if (!said.ok) return said
    if (!this.#link) this.#early.set(word.kind, said.value)
    else this.#link.say(said.value)
    return ok(null)
  }

  /** By the rules that the frame reads it with: a page hears of a mistake where it makes it. */
  #checked(word: HostWord): Result<HostWord> {
    return parseHostWord(writeEmbedWord(word))
  }

  #frame(): FrameLink {
    const frame = document.createElement('iframe')
    const origin = new URL(this.home).origin
    frame.setAttribute('sandbox', SANDBOX)
    frame.allow = 'clipboard-write'
    // The server says in which pages a key may stand; more than the origin it need not know.
    frame.referrerPolicy = 'strict-origin'
    frame.title = this.#name
    const link = new FrameLink({
      frame,
      origin,
      settings: () => this.#settings(),
      onWord: (word) => this.#hear(word),
    })
    const address = new URL('widget.html', this.home)
    address.searchParams.set('key', this.key)
    frame.src = address.href
    this.#panel.append(frame)
    this.#word.textContent = ''
    this.#exit.hidden = false
    this.#late = setTimeout(() => {
      if (link.here) return
      frame.hidden = true
      this.#word.textContent = `${new URL(this.home).host} does not answer.`
    }, EMBED_HERE_MS_MAX)
    for (const word of this.#early.values()) link.say(word)
    this.#early.clear()
    return link
  }

  #hear(word: FrameWord): void {
    switch (word.kind) {
      case 'here':
        this.#exit.hidden = true
        this.#tell('weft-ready', null)
        break
      case 'state':
        this.#refused = word.refused
        this.#tell('weft-state', { consent: word.consent, work: word.work, refused: word.refused })
        break
      case 'answered':
        this.#tell('weft-answer', { reason: word.reason })
        break
      case 'close':
        this.#leave()
        break
      default:
        word satisfies never
    }
  }

  /** The visitor closes it. */
  #leave(): void {
    this.close()
    this.#closed = true
  }

  #show(shown: boolean): void {
    this.#link?.say({ kind: 'shown', shown })
    this.#launcher.setAttribute('aria-expanded', String(shown))
    this.#tell(shown ? 'weft-open' : 'weft-close', null)
  }

  #tell(name: string, detail: object | null): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }))
  }

  #draw(): void {
    this.#label.textContent = this.#name
    this.#launcher.setAttribute('aria-expanded', String(this.isOpen))
    this.#panel.setAttribute('aria-label', this.#name)
  }

  get #name(): string {
    return this.getAttribute('label')?.trim() || LABEL
  }

  /** What a page has of it that the widget takes; the rest is named in the console of the page. */
  #settings(): EmbedSettings {
    const look = this.getAttribute('look')
    const plain: EmbedSettings = {
      theme: {},
      look: look === 'light' || look === 'dark' ? look : 'system',
      language: LANGUAGE,
    }
    const takes = (settings: EmbedSettings, what: string) => {
      const taken = this.#checked({ kind: 'settings', ...settings }).ok
      if (!taken) console.warn(`weft-chat does not take ${what}.`)
      return taken
    }
    const language = this.getAttribute('language') || document.documentElement.lang || navigator.language
    const style = getComputedStyle(this)
    const values = EMBED_THEME_NAMES.map((name) => [name, style.getPropertyValue(`--weft-${name}`).trim()] as const)
    const theme = values.filter(
      ([name, value]) => value !== '' && takes({ ...plain, theme: { [name]: value } }, `--weft-${name}: ${value}`),
    )
    return {
      ...plain,
      theme: Object.fromEntries(theme),
      language: takes({ ...plain, language }, `the language ${language}`) ? language : LANGUAGE,
    }
  }
}

function mark(): SVGElement {
  const [svg, path] = [document.createElementNS(SVG, 'svg'), document.createElementNS(SVG, 'path')]
  const drawn = { 'viewBox': '0 0 24 24', 'fill': 'none', 'stroke': 'currentColor', 'stroke-width': '2' }
  for (const [name, value] of Object.entries(drawn)) svg.setAttribute(name, value)
  svg.setAttribute('aria-hidden', 'true')
  path.setAttribute('d', MARK)
  path.setAttribute('stroke-linecap', 'round')
  svg.append(path)
  return svg
}
