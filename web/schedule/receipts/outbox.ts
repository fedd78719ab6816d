/**
 * Sends receipts to the server until each is accepted or refused for good: in any order, again with rests that grow while it is
 * away, and those that a tab left behind when it was closed. All tabs of a browser share one, and one of them sends at a time.
 * What a receipt is worth is the server's word.
 */
import type { OutboxShelf } from '../../account/outbox-shelf.ts'
import type { KeptReceipt } from '../../account/outbox-store.ts'
import type { Code } from '../../wire/codes.ts'
import type { CreditWish, Settled } from '../../wire/credit-events.ts'
import { RECEIPT_ALONE_MS } from '../../wire/limits/credits.ts'
import { ALIVE_MS } from '../../wire/limits/mesh.ts'
import type { SignedReceipt } from '../../wire/receipt-bytes.ts'
import type { Result } from '../../wire/result.ts'
import { OutboxRests } from './outbox-rests.ts'
import type { OutboxTabs } from './outbox-tabs.ts'
import type { OwedPart } from './worker-part.ts'

export interface ReceiptOutboxParts {
  readonly store: OutboxShelf<KeptReceipt>
  readonly settle: (wish: Extract<CreditWish, { readonly kind: 'settle' }>) => Promise<Result<Settled>>
  /** The server's clock. */
  readonly nowMs: () => number
  /** Calls again and again until told to stop; also while the tab is hidden. */
  readonly every: (ms: number, run: () => void) => () => void
  readonly tabs: OutboxTabs
  /** 0 to 1. */
  readonly chance: () => number
  /** Accepted, or refused for good. */
  readonly onSettled: (signed: SignedReceipt, result: Result<Settled>) => void
}

const SENDING = 'weft-receipts/sending'

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
  readonly #rests: OutboxRests
  #sending = false
  #wanted = false
  #closed = false

  constructor(parts: ReceiptOutboxParts) {
    this.#parts = parts
    this.#rests = new OutboxRests(parts.nowMs, parts.chance)
    this.#rest = parts.every(ALIVE_MS, () => {
      if (this.#rests.isOver) this.flush()
    })
  }

  /** Resolves when it lies in the store. */
  async keep({ signed, acknowledged, draft }: OwedPart): Promise<void> {
    const { store, nowMs, tabs } = this.#parts
    const kept = { signed, acknowledged, draftOf: draft ? tabs.own : null, keptMs: nowMs() }
    await store.put(kept)
    if (draft) return
    if (signed.askerSignature !== null) this.flush()
    else this.#rests.notAfter(dueMs(kept))
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
    const { tabs, every } = this.#parts
    const { locks } = tabs
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
    const { store, settle, nowMs, tabs, onSettled } = this.#parts
    // The drafts of a tab that was closed are what is left of its work.
    const gone = await tabs.gone()
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
    if (refused) this.#rests.refused()
    else this.#rests.said(soonestMs)
  }
}

/** With one signature it waits for the other one. */
function dueMs({ signed }: KeptReceipt): number {
  return signed.askerSignature === null ? signed.receipt.endedMs + RECEIPT_ALONE_MS : 0
}
