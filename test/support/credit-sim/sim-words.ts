/**
 * What tabs tell the server of work that began and of requests that are over, over the same bad network: each word is kept and said
 * again until there is an answer, and at once when a server that was away is back. Not for longer than a hold waits.
 */
import { RECEIPTS_REST_MS, RECEIPTS_REST_MS_MAX } from '../../../web/wire/limits/credits.ts'
import type { Random } from '../../fixtures/random.ts'

const LOST = 0.08
const DOUBLED = 0.06
const SECOND_MS = 1_000
/** Tabs do not all come back in the same moment. */
const BACK_MS = 5 * SECOND_MS

export interface SimWordsParts {
  readonly random: Random
  readonly later: (delayMs: number, run: () => Promise<void>) => void
  readonly nowMs: () => number
  readonly keptForMs: number
}

/** Null is no answer. */
type Say = () => Promise<unknown>

export class SimWords {
  readonly #parts: SimWordsParts
  readonly #waiting = new Set<() => Promise<void>>()

  constructor(parts: SimWordsParts) {
    this.#parts = parts
  }

  /** First said after so long. */
  tell(say: Say, afterMs = 0): void {
    const { random, later, nowMs, keptForMs } = this.#parts
    const untilMs = nowMs() + afterMs + keptForMs
    let restMs = RECEIPTS_REST_MS
    const once = async (): Promise<void> => {
      if (!this.#waiting.has(once)) return
      if (nowMs() >= untilMs) return void this.#waiting.delete(once)
      if (random.uniform() < DOUBLED) later(random.uniform() * 60 * SECOND_MS, async () => void (await say()))
      const answer = random.uniform() < LOST ? null : await say()
      if (answer !== null && random.uniform() >= LOST) return void this.#waiting.delete(once)
      restMs = Math.min(2 * restMs, RECEIPTS_REST_MS_MAX)
      later(restMs * (1 + random.uniform() / 2), once)
    }
    later(afterMs, async () => {
      this.#waiting.add(once)
      await once()
    })
  }

  /** The server is back. */
  flush(): void {
    const { random, later } = this.#parts
    for (const once of this.#waiting) later(random.uniform() * BACK_MS, once)
  }
}
