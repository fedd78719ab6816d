/**
 * The window's end of a pairing: what the address or a person brought, the frame that it belongs to, and what that is told of this tab.
 * A code starts nothing and agrees to nothing; it is taken by a person's press. Talks to `App` only.
 */
import type { App } from '../../app.ts'
import type { ContributionView, MeshView } from '../../app-mesh-view.ts'
import { NAME_CHARACTERS_MAX } from '../../wire/limits/models.ts'
import { PAIR_SAY_MS, PAIR_WAIT_MS_MAX } from '../../wire/limits/pairings.ts'
import {
  type PairCode,
  type PairWord,
  parsePairTaken,
  readPairAddress,
  readPairCode,
  type WindowState,
} from '../../wire/pairings.ts'
import { type Failure, fail } from '../../wire/result.ts'

/** `site`: the name of it; empty until it is known. */
export type OpenedFromView =
  | { readonly state: 'none' }
  | { readonly state: 'brought'; readonly site: string; readonly code: PairCode }
  | { readonly state: 'taking'; readonly site: string }
  /** `stopped`: from there, and nothing was given since. */
  | { readonly state: 'paired'; readonly site: string; readonly stopped: boolean }
  | { readonly state: 'parted'; readonly site: string }
  | { readonly state: 'refused'; readonly site: string; readonly failure: Failure }

const GIVING: Readonly<Record<ContributionView['state'], WindowState['giving']>> = {
  off: 'off',
  connecting: 'starting',
  loading: 'starting',
  measuring: 'starting',
  serving: 'serving',
  paused: 'paused',
}

const ends = new WeakMap<App, OpenedFrom>()

/** One for each page: it outlives the screen that shows it. */
export function openedFrom(app: App): OpenedFrom {
  const known = ends.get(app) ?? new OpenedFrom(app)
  ends.set(app, known)
  return known
}

class OpenedFrom {
  readonly #app: App
  #view = $state.raw<OpenedFromView>({ state: 'none' })
  #before: MeshView
  #said = ''
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(app: App) {
    this.#app = app
    this.#before = app.mesh.view
    app.mesh.onPair = (word) => this.#hear(word)
    app.mesh.subscribe((mesh) => this.#follow(mesh))
  }

  get view(): OpenedFromView {
    return this.#view
  }

  /** By the address. Nothing is asked but the name of the site. */
  async bring(hash: string): Promise<void> {
    const brought = readPairAddress(hash)
    this.#end()
    if (!brought) {
      this.#view = { state: 'refused', site: '', failure: fail('pair-code', '') }
      return
    }
    const { code, key } = brought
    const view: OpenedFromView = { state: 'brought', site: '', code }
    this.#view = view
    const site = key === null ? null : await this.#app.mesh.siteOf(key)
    if (site?.ok && this.#view === view) this.#view = { ...view, site: site.value }
  }

  /** By a person, as they read it in the frame. */
  type(text: string): void {
    const code = readPairCode(text)
    this.#end()
    this.#view = code
      ? { state: 'brought', site: '', code }
      : { state: 'refused', site: '', failure: fail('pair-code', '') }
  }

  /** Once a person has agreed to what peers see. */
  async take(): Promise<void> {
    const view = this.#view
    if (view.state !== 'brought') return
    const { site, code } = view
    this.#view = { state: 'taking', site }
    const answer = await this.#app.mesh.pair({ kind: 'take', code })
    const taken = answer.ok ? parsePairTaken(answer.value) : answer
    const now = this.#view
    if (now.state !== 'taking' && now.state !== 'paired') return
    if (!taken.ok) {
      this.#end()
      this.#view = { state: 'refused', site, failure: taken }
      return
    }
    // What the link said of the site is worth less than what the server does.
    this.#view = { ...now, ...taken.value }
    if (now.state === 'taking') this.#wait(PAIR_WAIT_MS_MAX, () => this.#refuse())
  }

  /** Also of what was only brought: it is shown no more. */
  leave(): void {
    this.#end()
    this.#view = { state: 'none' }
  }

  #end(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#view.state === 'paired' || this.#view.state === 'taking') void this.#app.mesh.pair({ kind: 'end' })
  }

  #refuse(): void {
    if (this.#view.state !== 'taking') return
    const { site } = this.#view
    this.#end()
    this.#view = { state: 'refused', site, failure: fail('pair-code', '') }
  }

  #wait(ms: number, run: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      run()
    }, ms)
  }

  #hear(word: PairWord): void {
    const view = this.#view
    switch (word.kind) {
      case 'paired':
        if (view.state !== 'taking') return
        this.#view = { state: 'paired', site: view.site, stopped: false }
        this.#said = ''
        this.#say()
        break
      case 'stop':
        if (view.state !== 'paired') return
        this.#view = { ...view, stopped: true }
        void this.#app.mesh.stop()
        break
      case 'ended':
        if (view.state === 'taking') this.#refuse()
        else if (view.state === 'paired') this.#part()
        break
      // The frame's.
      case 'state':
        break
      default:
        word satisfies never
    }
  }

  #part(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#view.state === 'paired') this.#view = { state: 'parted', site: this.#view.site }
  }

  #follow(mesh: MeshView): void {
    const before = this.#before
    this.#before = mesh
    const [was, is] = [before.contribution.state, mesh.contribution.state]
    if (was === 'off' && is !== 'off' && this.#view.state === 'paired') this.#view = { ...this.#view, stopped: false }
    if (this.#view.state !== 'paired') return
    if (mesh.signal.state === 'off') this.#part()
    else if (mesh.signal.state === 'here') {
      // While the server was away it may have forgotten both.
      if (before.signal.state !== 'here') this.#said = ''
      if (this.#timer === undefined) this.#say()
    }
  }

  /** What has changed, and no more often than that. */
  #say(): void {
    const window = stateOf(this.#before, this.#app.view.entries)
    const text = JSON.stringify(window)
    if (this.#view.state !== 'paired' || text === this.#said) return
    this.#said = text
    this.#wait(PAIR_SAY_MS, () => this.#say())
    void this.#app.mesh.pair({ kind: 'say', window }).then((said) => {
      if (!said.ok && said.code === 'peer-unknown') this.#part()
    })
  }
}

function stateOf({ contribution }: MeshView, entries: App['view']['entries']): WindowState {
  const giving = GIVING[contribution.state]
  const model = contribution.state === 'off' ? undefined : entries.find(({ key }) => key === contribution.key)?.model
  const tokens = contribution.state === 'serving' ? contribution.tokens : 0
  return { giving, model: (model?.name ?? '').slice(0, NAME_CHARACTERS_MAX), tokens }
}
