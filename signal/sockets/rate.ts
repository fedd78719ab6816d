/** How much one socket may say: a bucket that fills with time and empties with events. Pure: the time comes in. */
import { EVENTS_BURST_MAX, EVENTS_PER_SECOND_MAX } from '../../web/wire/limits.ts'

export class EventRate {
  #left = EVENTS_BURST_MAX
  #sinceMs: number

  constructor(nowMs: number) {
    this.#sinceMs = nowMs
  }

  /** False: too much. */
  take(nowMs: number): boolean {
    const gained = ((nowMs - this.#sinceMs) / 1000) * EVENTS_PER_SECOND_MAX
    this.#left = Math.min(EVENTS_BURST_MAX, this.#left + gained)
    this.#sinceMs = nowMs
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }
}
