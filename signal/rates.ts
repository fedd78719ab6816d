/**
 * How much each of many may ask: one bucket for each address, or for each key. It remembers so many of them and forgets who was
 * quiet longest, who then begins with a full one. It answers nobody: who asks it says what a refusal is.
 */
import { Rate, type RateLimit } from '../web/rules/rate.ts'

export class Rates {
  readonly #limit: RateLimit
  readonly #knownMax: number
  readonly #nowMs: () => number
  /** Quiet longest first. */
  readonly #rates = new Map<string, Rate>()

  constructor(limit: RateLimit, knownMax: number, nowMs: () => number) {
    this.#limit = limit
    this.#knownMax = knownMax
    this.#nowMs = nowMs
  }

  /** False: too much. */
  take(who: string): boolean {
    const nowMs = this.#nowMs()
    const rate = this.#rates.get(who) ?? new Rate(this.#limit, nowMs)
    this.#rates.delete(who)
    this.#rates.set(who, rate)
    const [quiet] = this.#rates.keys()
    if (this.#rates.size > this.#knownMax && quiet !== undefined) this.#rates.delete(quiet)
    return rate.take(nowMs)
  }

  /** After a refusal: by then one more is taken. */
  get retrySeconds(): number {
    return Math.max(1, Math.ceil(1 / this.#limit.perSecond))
  }
}
