/**
 * Finds stop strings in streamed text. Text that may be the beginning of one is held back until it is clear, so that a
 * stop string is never shown, not even in part. The occurrence that is complete first ends the answer, the longest of
 * those that are complete at the same character; how the text was cut into pieces makes no difference.
 */

export interface StopStep {
  /** Text that may be shown now. */
  readonly visible: string
  readonly stopped: boolean
}

export class StopMatcher {
  readonly #stops: readonly string[]
  #held = ''
  #stopped = false

  /** Empty stop strings are ignored. */
  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== '').sort((a, b) => b.length - a.length)
  }

  push(text: string): StopStep {
    if (this.#stopped) return { visible: '', stopped: true }
    const all = this.#held + text
    const start = this.#findStop(all, this.#held.length)
    if (start !== null) {
      this.#stopped = true
      this.#held = ''
      return { visible: all.slice(0, start), stopped: true }
    }
    const clear = all.length - this.#heldLength(all)
    this.#held = all.slice(clear)
    return { visible: all.slice(0, clear), stopped: false }
  }

  /** The answer is over: what was held back was no stop string. */
  flush(): string {
    const held = this.#held
    this.#held = ''
    return held
  }

  /** Start of the stop string that is complete first; what is held from before completes none. */
  #findStop(text: string, from: number): number | null {
    let best: { start: number; end: number } | null = null
    for (const stop of this.#stops) {
      const start = text.indexOf(stop, Math.max(0, from - stop.length + 1))
      if (start >= 0 && (best === null || start + stop.length < best.end)) best = { start, end: start + stop.length }
    }
    return best === null ? null : best.start
  }

  /** Length of the longest end of `text` that begins a stop string. */
  #heldLength(text: string): number {
    const longest = this.#stops[0]?.length ?? 0
    for (let length = Math.min(longest - 1, text.length); length > 0; length--) {
      const end = text.slice(text.length - length)
      if (this.#stops.some((stop) => stop.length > length && stop.startsWith(end))) return length
    }
    return 0
  }
}
