/**
 * The state of the frame in a partner's page: whom it belongs to, what the visitor has agreed to, and the room of the chat, which
 * is made only after that. Carries words between page and room. Knows no engine and no mesh.
 */
import type { EmbedConsent, EmbedSettings, EmbedWork, HostWord } from '../wire/embed-words.ts'
import { EMBED_VERSION } from '../wire/embed-words.ts'
import { EMBED_LOOK_MS_MIN } from '../wire/limits/partners.ts'
import { PARTNER_REFUSALS, type PartnerView } from '../wire/partner-keys.ts'
import { type Failure, fail, type Result } from '../wire/result.ts'
import { Bridge, type Posted } from './bridge.ts'
import { type ConsentShelf, KeptConsent } from './kept-consent.ts'
import type { PageCalls, PageCallsParts } from './page-calls.ts'
import { sayRefused } from './refusal.ts'
import type { RoomWish } from './room-wish.ts'
import type { FrameStorage } from './storage-access.ts'
import { applySettings } from './theme.ts'
import type { WidgetRoom } from './widget-room.svelte.ts'

export interface FrameParts {
  /** The page around the frame; null where it stands alone. */
  readonly host: Window | null
  /** Of that page, where the browser tells. */
  readonly origin: string | null
  readonly look: () => Promise<Result<PartnerView>>
  readonly shelf: ConsentShelf
  readonly storage: Pick<FrameStorage, 'ask' | 'recall'>
  /** Fetches the code of the chat first. */
  readonly openRoom: (wish: RoomWish) => Promise<WidgetRoom>
  /** Likewise, of what the page asks by itself. */
  readonly openCalls: (parts: Pick<PageCallsParts, 'onAsks'>) => Promise<PageCalls>
  readonly nowMs: () => number
}

/** `alone`: in no page. `refused`: nothing is answered here. */
export type FrameStage = 'opening' | 'alone' | 'refused' | 'asking' | 'entering' | 'open'

export class WidgetFrame {
  readonly #parts: FrameParts
  #bridge: Bridge | null = null
  #kept: KeptConsent
  /** Whether the page may ask by itself. */
  readonly #keptAsks: KeptConsent
  #pageMayAsk = $state<boolean | null>(null)
  #pageAsks = $state(false)
  #openCalls: Promise<PageCalls | null> | null = null
  #calls: PageCalls | null = null
  #shown = true
  #choices = 0
  #partner = $state.raw<PartnerView | null>(null)
  #failure = $state.raw<Failure | null>(null)
  #consent = $state<EmbedConsent>('none')
  #declined = $state(false)
  #asking = $state(false)
  #room = $state.raw<WidgetRoom | null>(null)
  #entering = $state(false)
  #keeps = $state(true)
  #work: EmbedWork = 'idle'
  /** Of the page, until there is a room. */
  #suggested = $state.raw<readonly string[]>([])
  #draft = $state('')
  #context = ''
  /** The share of the time that it gives. */
  #duty = $state(0.5)
  /** When the key was last asked for, and what is still waited for. */
  #lookedMs = 0
  #looking: Promise<void> | null = null
  /** Something was asked in this visit. */
  #begun = false
  onShown: (shown: boolean) => void = () => {}

  constructor(parts: FrameParts) {
    this.#parts = parts
    this.#kept = new KeptConsent(parts.origin ?? '', parts.shelf)
    this.#keptAsks = new KeptConsent(`${parts.origin ?? ''} asks`, parts.shelf)
    this.#keeps = this.#kept.kept
  }

  get stage(): FrameStage {
    if (this.#parts.host === null) return 'alone'
    if (this.#failure) return 'refused'
    if (!this.#partner) return 'opening'
    if (this.#asking || this.#consent === 'none') return 'asking'
    return this.#room ? 'open' : 'entering'
  }

  get partner(): PartnerView | null {
    return this.#partner
  }

  get failure(): Failure | null {
    return this.#failure
  }

  get consent(): EmbedConsent {
    return this.#consent
  }

  /** The visitor has said no in this visit. */
  get declined(): boolean {
    return this.#declined
  }

  get room(): WidgetRoom | null {
    return this.#room
  }

  /** The browser remembers what the visitor answers. */
  get keeps(): boolean {
    return this.#keeps
  }

  /** What the page would ask, while nothing may be sent. */
  get draft(): string {
    return this.#draft
  }

  /** The page wants to ask by itself, and waits for what the visitor says to that. */
  get pageAsks(): boolean {
    return this.#pageAsks
  }

  /** Null until the visitor was asked. */
  get pageMayAsk(): boolean | null {
    return this.#pageMayAsk
  }

  get duty(): number {
    return this.#duty
  }

  set duty(share: number) {
    this.#duty = share
  }

  async start(): Promise<void> {
    const { host, origin, look, nowMs } = this.#parts
    if (host === null) return
    this.#failure = null
    this.#lookedMs = nowMs()
    const seen = await look()
    if (!seen.ok) return this.#refuse(host, seen)
    const { origins } = seen.value
    if (origin !== null && !origins.includes(origin)) return this.#refuse(host, fail('partner-origin', ''))
    this.#partner = seen.value
    this.#suggested = seen.value.suggested
    this.#bridge = new Bridge(origins, origin, { host, nowMs, onWord: (word, port) => this.#hear(word, port) })
    this.#bridge.say({ kind: 'here', version: EMBED_VERSION })
    for (const kept of [this.#kept, this.#keptAsks]) kept.within(`${seen.value.scope} ${seen.value.state}`)
    this.#consent = this.#kept.value
    if (!this.#kept.kept || this.#consent !== 'none') await this.#recall()
    this.#pageMayAsk = this.#keptAsks.value === 'none' ? null : true
    this.#duty = this.#kept.duty
    this.#tell()
    if (this.#consent !== 'none') await this.#enter()
  }

  hear(posted: Posted): void {
    this.#bridge?.hear(posted)
  }

  /** Inside a press that was found to count. */
  async choose(consent: EmbedConsent): Promise<void> {
    this.#asking = false
    this.#choices += 1
    this.#declined = consent === 'none'
    this.#consent = consent
    this.#kept.keep(consent, this.#duty)
    if (consent === 'none') {
      this.#pageMayAsk = null
      this.#keptAsks.keep('none', this.#duty)
      await this.#leave()
    }
    this.#stand()
    this.#tell()
    if (consent === 'none') return
    await this.#keep()
    // Taken back while the browser asked.
    if (this.consent !== 'none') await this.#enter()
  }

  /** Whether the page may ask by itself. A yes only inside a press that was found to count. */
  letPageAsk(may: boolean): void {
    this.#pageMayAsk = may
    this.#keptAsks.keep(may ? 'use' : 'none', this.#duty)
    this.#stand()
  }

  /** Shows the question again; what was agreed to holds until it is answered. */
  ask(): void {
    this.#asking = true
  }

  /** Leaves the question as it was. */
  goBack(): void {
    this.#asking = false
  }

  close(): void {
    this.#bridge?.say({ kind: 'close' })
  }

  async #enter(): Promise<void> {
    const partner = this.#partner
    if (!partner || this.#entering) return
    this.#entering = true
    const room =
      this.#room ??
      (await this.#parts
        .openRoom({
          partner,
          onWork: (work) => {
            this.#work = work
            this.#tell()
          },
          onAnswered: (reason) => this.#bridge?.say({ kind: 'answered', reason }),
          onRefused: (code) => this.#fail(fail(code, '')),
          onStopped: () => this.#stopped(),
          cleared: () => this.#cleared(),
        })
        .catch(() => null))
    this.#entering = false
    if (!room) return this.#fail(fail('source-unreachable', ''))
    // Taken back, or refused, while its code was fetched.
    if (this.#consent === 'none' || this.failure) return room.close()
    this.#room = room
    this.#stand()
    room.setContext(this.#context)
    room.suggest(this.#suggested)
    room.offer(this.#draft)
    this.#draft = ''
    if (this.#consent === 'give') room.give(this.#duty)
    else room.stopGiving()
  }

  async #leave(): Promise<void> {
    const room = this.#room
    this.#room = null
    this.#stand()
    this.#work = 'idle'
    await room?.close()
  }

  #stopped(): void {
    if (this.#consent !== 'give') return
    this.#consent = 'use'
    this.#kept.keep('use', this.#duty)
    this.#tell()
  }

  async #keep(): Promise<void> {
    const { shelf, storage } = this.#parts
    this.#moveTo(await storage.ask(shelf))
    this.#keptAsks.keep(this.#pageMayAsk ? 'use' : 'none', this.#duty)
    this.#kept.keep(this.#consent, this.#duty)
    this.#keeps = this.#kept.kept
  }

  /** What was answered may lie where the browser lets the frame without a question. */
  async #recall(): Promise<void> {
    const { shelf, storage } = this.#parts
    const before = this.#choices
    this.#moveTo(await storage.recall(shelf))
    // Answered meanwhile: that holds.
    if (before === this.#choices) this.#consent = this.#kept.value
    this.#keeps = this.#kept.kept
  }

  #moveTo(shelf: ConsentShelf): void {
    for (const kept of [this.#kept, this.#keptAsks]) kept.moveTo(shelf)
  }

  #hear(word: HostWord, port?: MessagePort): void {
    switch (word.kind) {
      case 'hello':
        if (word.version === EMBED_VERSION) this.#dress(word)
        else this.#fail(fail('protocol-unknown', ''))
        break
      case 'settings':
        this.#dress(word)
        break
      case 'shown':
        this.#shown = word.shown
        this.#stand()
        this.onShown(word.shown)
        if (word.shown) void this.#lookAgain()
        break
      case 'ask':
        if (this.#room && this.stage === 'open') void this.#room.hear(word.text)
        else this.#draft = word.text
        break
      case 'context':
        this.#context = word.text
        this.#room?.setContext(word.text)
        break
      case 'suggest':
        this.#suggested = word.questions
        this.#room?.suggest(word.questions)
        break
      case 'call':
        if (port) void this.#call(port)
        break
      default:
        word satisfies never
    }
  }

  async #call(port: MessagePort): Promise<void> {
    const onAsks = (asks: boolean) => {
      this.#pageAsks = asks
    }
    this.#openCalls ??= this.#parts.openCalls({ onAsks }).catch(() => null)
    this.#calls = await this.#openCalls
    if (this.#calls) {
      this.#stand()
      this.#calls.add(port)
    } else {
      this.#openCalls = null
      port.close()
    }
  }

  /** What calls of the page go by. */
  #stand(): void {
    const consent = this.#consent !== 'none'
    this.#calls?.stand({
      allowed: consent ? this.#pageMayAsk : this.#declined ? false : null,
      room: this.#room,
      shown: this.#shown,
      failure: this.#failure ?? spentFor(this.#partner),
    })
  }

  #dress(settings: EmbedSettings): void {
    applySettings(settings, document.documentElement)
    this.#room?.setFont(settings.theme.font ?? null)
  }

  /** A key may be revoked while nothing here is joined that would hear of it. An outage changes nothing. */
  #lookAgain(): Promise<void> {
    const { look, nowMs } = this.#parts
    if (!this.#partner || nowMs() - this.#lookedMs < EMBED_LOOK_MS_MIN) return this.#looking ?? Promise.resolve()
    this.#lookedMs = nowMs()
    this.#looking = look().then((seen) => {
      this.#looking = null
      if (!seen.ok && PARTNER_REFUSALS.some((code) => code === seen.code)) this.#fail(seen)
    })
    return this.#looking
  }

  /** The first answer of a visit waits for the look; a later one is ended by it. */
  async #cleared(): Promise<boolean> {
    const looked = this.#lookAgain()
    if (!this.#begun) await looked
    this.#begun = true
    return this.#failure === null
  }

  #refuse(host: Window, failure: Failure): void {
    this.#failure = failure
    sayRefused(host, failure.code)
  }

  #fail(failure: Failure): void {
    this.#failure = failure
    this.#stand()
    void this.#leave()
    this.#tell()
  }

  #tell(): void {
    const refused = this.#failure?.code ?? (this.#partner?.state === 'partner-budget' ? 'partner-budget' : null)
    this.#bridge?.say({ kind: 'state', consent: this.#consent, work: this.#work, refused })
  }
}

/** Where only others may answer and nobody pays them any more today. */
function spentFor(partner: PartnerView | null): Failure | null {
  return partner?.state === 'partner-budget' && partner.scope === 'mesh' ? fail('partner-budget', '') : null
}
