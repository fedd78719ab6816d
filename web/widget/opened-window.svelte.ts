/**
 * The frame's end of a pairing: asks for a code inside a press that was found to count, opens a window of Weft with it, and knows what that
 * window gives. While one is paired nothing is given here, and nothing begins here again by itself. Starts nothing anywhere.
 */
import type { App } from '../app.ts'
import { PAIR_CODE_MS } from '../wire/limits/pairings.ts'
import { type PairCode, type PairWord, parsePairOffer, type WindowState } from '../wire/pairings.ts'
import type { Failure } from '../wire/result.ts'

/** `late`: nobody took the code in time. `parted`: the window was closed, or its person ended it. */
export type OpenedWindowView =
  | { readonly state: 'none' | 'asking' | 'late' | 'parted' }
  | { readonly state: 'offered'; readonly code: PairCode; readonly address: string }
  | { readonly state: 'paired'; readonly window: WindowState }
  | { readonly state: 'refused'; readonly failure: Failure }

export interface OpenedWindowParts {
  readonly mesh: Pick<App['mesh'], 'pair' | 'onPair' | 'subscribe'>
  /** Where a window takes the code. */
  readonly addressOf: (code: PairCode) => string
  /** A browser may refuse it without a word. */
  readonly open: (address: string) => void
  /** What is given here has to rest. */
  readonly onPaired: () => void
}

const GIVES_NOTHING: WindowState = { giving: 'off', model: '', tokens: 0 }

export class OpenedWindow {
  readonly #parts: OpenedWindowParts
  #view = $state.raw<OpenedWindowView>({ state: 'none' })
  /** Giving went to a window, and was not wanted back since. */
  #went = $state(false)
  #stopping = false
  #late: ReturnType<typeof setTimeout> | undefined
  readonly #unfollow: () => void

  constructor(parts: OpenedWindowParts) {
    this.#parts = parts
    parts.mesh.onPair = (word) => this.#hear(word)
    let before = 'off'
    this.#unfollow = parts.mesh.subscribe(({ signal: { state } }) => {
      if (state !== before) this.#follow(state)
      before = state
    })
  }

  get view(): OpenedWindowView {
    return this.#view
  }

  /** Nothing is given here: it is elsewhere, or was and is not wanted back yet. */
  get rests(): boolean {
    return this.#went
  }

  /** What the window gives; null where it gives nothing. */
  get gives(): WindowState | null {
    return this.#view.state === 'paired' && this.#view.window.giving !== 'off' ? this.#view.window : null
  }

  /** Inside a press that was found to count: a browser opens a window only then. */
  async ask(): Promise<void> {
    if (this.#view.state === 'asking') return
    this.#end()
    this.#view = { state: 'asking' }
    const { mesh, addressOf, open } = this.#parts
    const answer = await mesh.pair({ kind: 'offer' })
    const offer = answer.ok ? parsePairOffer(answer.value) : answer
    if (this.#view.state !== 'asking') return
    if (!offer.ok) {
      this.#view = { state: 'refused', failure: offer }
      return
    }
    const { code } = offer.value
    const address = addressOf(code)
    this.#view = { state: 'offered', code, address }
    this.#late = setTimeout(() => {
      if (this.#view.state === 'offered') this.#view = { state: 'late' }
    }, PAIR_CODE_MS)
    open(address)
  }

  /** What the window gives ends, if it gives; the pairing stays. False: that could not be said. */
  async stop(): Promise<boolean> {
    if (this.gives === null) return true
    this.#stopping = true
    return (await this.#parts.mesh.pair({ kind: 'stop' })).ok
  }

  /** Ends it; what is given is given here again. */
  forget(): void {
    this.#went = false
    this.#end()
  }

  #end(): void {
    clearTimeout(this.#late)
    const { state } = this.#view
    this.#stopping = false
    this.#view = { state: 'none' }
    if (state === 'offered' || state === 'paired') void this.#parts.mesh.pair({ kind: 'end' })
  }

  close(): void {
    clearTimeout(this.#late)
    this.#unfollow()
  }

  #hear(word: PairWord): void {
    const { state } = this.#view
    if (word.kind === 'paired' && state === 'offered') {
      clearTimeout(this.#late)
      this.#went = true
      this.#view = { state: 'paired', window: GIVES_NOTHING }
      this.#parts.onPaired()
    } else if (word.kind === 'state' && state === 'paired') {
      this.#view = { state: 'paired', window: word.window }
      // A window that was between two connections has not heard it.
      this.#stopping &&= word.window.giving !== 'off'
      if (this.#stopping) void this.stop()
    }
    if (word.kind === 'ended' && state === 'paired') this.#view = { state: 'parted' }
  }

  /** While the server was away it may have forgotten both. */
  #follow(signal: string): void {
    const { state } = this.#view
    if (signal === 'off' && (state === 'paired' || state === 'offered')) {
      clearTimeout(this.#late)
      this.#went = false
      this.#view = { state: 'none' }
    }
    if (signal !== 'here' || state !== 'paired') return
    void this.#parts.mesh.pair({ kind: 'look' }).then((seen) => {
      if (!seen.ok && seen.code === 'peer-unknown' && this.#view.state === 'paired') this.#view = { state: 'parted' }
    })
  }
}
