/**
 * The tabs of one browser that share an outbox: each holds a lock for as long as it is open, so that others know when it is gone and
 * send what it left behind. Sends nothing.
 */
import { RECEIPT_ALONE_MS } from '../../wire/limits/credits.ts'

/** Of `navigator.locks`. */
export type OutboxLocks = Pick<LockManager, 'request' | 'query'>

export interface OutboxTabsParts {
  /** Null where the browser has none. */
  readonly locks: OutboxLocks | null
  /** Random: names this tab among those of its browser. */
  readonly tab: string
  /** The server's clock. */
  readonly nowMs: () => number
}

const lockOf = (tab: string) => `weft-receipts/tab/${tab}`

export class OutboxTabs {
  readonly #parts: OutboxTabsParts
  #free: () => void = () => {}

  constructor(parts: OutboxTabsParts) {
    this.#parts = parts
    const open = new Promise<void>((resolve) => (this.#free = resolve))
    // The browser gives it up when the tab is closed.
    parts.locks?.request(lockOf(parts.tab), () => open).catch(() => {})
  }

  get own(): string {
    return this.#parts.tab
  }

  get locks(): OutboxLocks | null {
    return this.#parts.locks
  }

  /** Whether a tab that has kept something then is there no more. */
  async gone(): Promise<(tab: string, keptMs: number) => boolean> {
    const { tab: own, nowMs } = this.#parts
    const held = await this.#held()
    // Nobody tells without locks: long silence has to do.
    return (tab, keptMs) => tab !== own && !(held?.has(lockOf(tab)) ?? nowMs() < keptMs + RECEIPT_ALONE_MS)
  }

  /** Null where the browser has no locks, or refuses them as it does storage. */
  async #held(): Promise<ReadonlySet<string | undefined> | null> {
    try {
      const locks = await this.#parts.locks?.query()
      return locks ? new Set(locks.held?.map(({ name }) => name)) : null
    } catch (error) {
      if (!(error instanceof DOMException)) throw error
      return null
    }
  }

  /** For the others this tab is gone. */
  close(): void {
    this.#free()
  }
}
