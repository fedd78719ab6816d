/**
 * Sends receipts to the server until each is accepted or refused for good: in any order, again with rests that grow while it is
 * away, and those that a tab left behind when it was closed. All tabs of a browser share one, and one of them sends at a time.
 * What a receipt is worth is the server's word.
 */
import type { KeptReceipt, OutboxStore } from '../../account/outbox-store.ts'
import type { Code } from '../../wire/codes.ts'
import type { CreditWish, Settled } from '../../wire/credit-events.ts'
import { ALIVE_MS, RECEIPT_ALONE_MS, RECEIPTS_REST_MS, RECEIPTS_REST_MS_MAX } from '../../wire/limits.ts'
import type { SignedReceipt } from '../../wire/receipt-bytes.ts'
import type { Result } from '../../wire/result.ts'
import type { OwedPart } from './worker-part.ts'

/** Of `navigator.locks`. */
export type OutboxLocks = Pick<LockManager, 'request' | 'query'>

export interface ReceiptOutboxParts {
  readonly store: OutboxStore
  readonly settle: (wish: Extract<CreditWish, { readonly kind: 'settle' }>) => Promise<Result<Settled>>
  /** The server's clock. */
  readonly nowMs: () => number
  /** Calls again and again until told to stop; also while the tab is hidden. */
  readonly every: (ms: number, run: () => void) => () => void
  /** Null where the browser has none. */
  readonly locks: OutboxLocks | null
  /** Random: names this tab among those of its browser. */
  readonly tab: string
  /** 0 to 1. */
  readonly chance: () => number
  /** Accepted, or refused for good. */
  readonly onSettled: (signed: SignedReceipt, result: Result<Settled>) => void
}

const SENDING = 'weft-receipts/sending'
const tabLock = (tab: string) => `weft-receipts/tab/${tab}`

/** The same receipt may be taken another time. */
const LATER: readonly Code[] = [
  'signal-away',
  'not-proven',
  'not-kept',
  'event-invalid',
  'receipt-early',
  'hold-live',
  'ledger-away',
  'queue-full',
  'peer-refused',
]

export class ReceiptOutbox {
  readonly #parts: ReceiptOutboxParts
  readonly #rest: () => void
  #free: () => void = () => {}
  #sending = false
  #wanted = false
  #restMs = RECEIPTS_REST_MS
  /** When to look again by itself. */
  #nextMs = 0
  #closed = false

  constructor(parts: ReceiptOutboxParts) {
    this.#parts = parts
    this.#rest = parts.every(ALIVE_MS, () => {
      if (parts.nowMs() >= this.#nextMs) this.flush()
    })
    const open = new Promise<void>((resolve) => (this.#free = resolve))
    // The browser gives it up when the tab is closed: then its drafts are what is left of its work.
    parts.locks?.request(tabLock(parts.tab), () => open).catch(() => {})
  }

  /** Resolves when it lies in the store. */
  async keep({ signed, acknowledged, draft }: OwedPart): Promise<void> {
    const { store, nowMs, tab } = this.#parts
    const kept = { signed, acknowledged, draftOf: draft ? tab : null, keptMs: nowMs() }
    await store.put(kept)
    if (draft) return
    if (signed.askerSignature !== null) this.flush()
    else this.#nextMs = Math.min(this.#nextMs, dueMs(kept))
  }

  /** The server is there, or may be: sends what is due. */
  flush(): void {
    this.#wanted = true
    if (!this.#sending && !this.#closed) void this.#send()
  }

  /** What is kept is left to other tabs, and to the next one. */
  close(): void {
    this.#closed = true
    this.#rest()
    this.#free()
  }

  async #send(): Promise<void> {
    this.#sending = true
    while (this.#wanted && !this.#closed) {
      this.#wanted = false
      await this.#alone(() => this.#sendAll())
    }
    this.#sending = false
  }

  /** Another tab that takes too long over it is not waited for: the server knows what it has had. */
  async #alone(work: () => Promise<void>): Promise<void> {
    const { locks, every } = this.#parts
    if (!locks) return work()
    const late = new AbortController()
    const rest = every(RECEIPT_ALONE_MS, () => late.abort())
    let begun = false
    const begin = () => {
      begun = true
      rest()
      return work()
    }
    try {
      await locks.request(SENDING, { signal: late.signal }, begin)
    } catch (error) {
      if (begun) throw error
      await begin()
    }
  }

  async #sendAll(): Promise<void> {
    const { store, settle, nowMs, chance, onSettled } = this.#parts
    const gone = await this.#gone()
    const all = (await store.all()).filter(({ draftOf, keptMs }) => draftOf === null || gone(draftOf, keptMs))
    let soonestMs = nowMs() + RECEIPT_ALONE_MS
    let refused = false
    for (const kept of all) {
      if (this.#closed) return
      if (dueMs(kept) > nowMs()) {
        soonestMs = Math.min(soonestMs, dueMs(kept))
        continue
      }
      const { signed, acknowledged } = kept
      const result = await settle({ kind: 'settle', receipt: signed, acknowledged })
      if (!result.ok && LATER.includes(result.code)) {
        refused = true
        if (result.code === 'signal-away') break
        continue
      }
      await store.delete(kept)
      onSettled(signed, result)
    }
    if (refused) {
      this.#nextMs = nowMs() + this.#restMs * (1 + chance() / 2)
      this.#restMs = Math.min(2 * this.#restMs, RECEIPTS_REST_MS_MAX)
    } else {
      this.#nextMs = soonestMs
      this.#restMs = RECEIPTS_REST_MS
    }
  }

  /** Whether the tab of a draft is there no more. */
  async #gone(): Promise<(tab: string, keptMs: number) => boolean> {
    const { locks, tab: own, nowMs } = this.#parts
    const held = locks ? new Set((await locks.query()).held?.map(({ name }) => name)) : null
    // Nobody tells without locks: long silence has to do.
    return (tab, keptMs) => tab !== own && !(held?.has(tabLock(tab)) ?? nowMs() < keptMs + RECEIPT_ALONE_MS)
  }
}

/** With one signature it waits for the other one. */
function dueMs({ signed }: KeptReceipt): number {
  return signed.askerSignature === null ? signed.receipt.endedMs + RECEIPT_ALONE_MS : 0
}
