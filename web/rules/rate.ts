/**
 * How much one side may say: a bucket that fills with time and empties with what is said. The server has one for each
 * socket, a link one for each channel. Pure: the time comes in.
 */
export interface RateLimit {
  readonly perSecond: number
  /** At once, after a quiet while. */
  readonly burst: number
}

export class Rate {
  readonly #limit: RateLimit
  #left: number
  #sinceMs: number

  constructor(limit: RateLimit, nowMs: number) {
    this.#limit = limit
    this.#left = limit.burst
    this.#sinceMs = nowMs
  }

  /** False: too much. */
  take(nowMs: number): boolean {
    const { perSecond, burst } = this.#limit
    const gained = ((nowMs - this.#sinceMs) / 1000) * perSecond
    this.#left = Math.min(burst, this.#left + Math.max(0, gained))
    this.#sinceMs = nowMs
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }
}
