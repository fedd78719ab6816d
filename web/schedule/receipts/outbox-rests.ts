/** When an outbox tries again by itself: with rests that grow while the server is away, each up to half longer. Sends nothing. */
import { RECEIPTS_REST_MS, RECEIPTS_REST_MS_MAX } from '../../wire/limits/credits.ts'

export class OutboxRests {
  readonly #nowMs: () => number
  /** 0 to 1. */
  readonly #chance: () => number
  #restMs = RECEIPTS_REST_MS
  #nextMs = 0

  constructor(nowMs: () => number, chance: () => number) {
    this.#nowMs = nowMs
    this.#chance = chance
  }

  get isOver(): boolean {
    return this.#nowMs() >= this.#nextMs
  }

  /** No later than then. */
  notAfter(atMs: number): void {
    this.#nextMs = Math.min(this.#nextMs, atMs)
  }

  /** Some could not be said. */
  refused(): void {
    this.#nextMs = this.#nowMs() + this.#restMs * (1 + this.#chance() / 2)
    this.#restMs = Math.min(2 * this.#restMs, RECEIPTS_REST_MS_MAX)
  }

  /** All was said that could be; the next is due then. */
  said(nextMs: number): void {
    this.#nextMs = nextMs
    this.#restMs = RECEIPTS_REST_MS
  }
}
