/**
 * How a server ends while tabs use it: it takes no new work, says so, and waits until nobody is left or its time is over. What
 * tabs compute for each other goes on without it. It closes nothing: who drains does that after.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { DRAIN_LOOK_MS } from './config.ts'

export interface DrainParts {
  /** Takes no new work from now on and tells everybody. */
  readonly begin: (closesInMs: number) => void
  /** Sockets that are open, and HTTP answers that are not whole yet. */
  readonly busy: () => number
  readonly nowMs: () => number
}

export class Drain {
  readonly #parts: DrainParts
  #began: Promise<void> | null = null

  constructor(parts: DrainParts) {
    this.#parts = parts
  }

  get began(): boolean {
    return this.#began !== null
  }

  /** Idempotent: the first wait counts. */
  over(waitMs: number): Promise<void> {
    this.#began ??= this.#wait(waitMs)
    return this.#began
  }

  async #wait(waitMs: number): Promise<void> {
    const { begin, busy, nowMs } = this.#parts
    const untilMs = nowMs() + waitMs
    begin(waitMs)
    while (busy() > 0 && nowMs() < untilMs) await sleep(Math.min(DRAIN_LOOK_MS, Math.max(1, untilMs - nowMs())))
  }
}
