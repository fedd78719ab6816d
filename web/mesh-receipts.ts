/**
 * The receipts of this tab: what it signs, what it is owed, and the way of that to the server. Joins the parts; decides nothing.
 * Part of what joining the mesh fetches.
 */
import { verifySigned } from './account/device-key.ts'
import type { OutboxStore } from './account/outbox-store.ts'
import type { SignalClient, Signer } from './mesh/signal-client.ts'
import { CREDIT_POLICIES, CREDIT_POLICY } from './rules/credit-policy.ts'
import { CreditWords } from './schedule/receipts/credit-words.ts'
import { ReceiptOutbox } from './schedule/receipts/outbox.ts'
import { OutboxTabs } from './schedule/receipts/outbox-tabs.ts'
import { ReceiptDesk } from './schedule/receipts/receipt-desk.ts'
import { parseSettled, type Settled } from './wire/credit-events.ts'
import { toBase64Url } from './wire/device-keys.ts'
import type { SignedReceipt } from './wire/receipt-bytes.ts'
import type { Result } from './wire/result.ts'

export interface MeshReceiptsParts {
  readonly key: Signer
  readonly server: Pick<SignalClient, 'credit' | 'serverNowMs'>
  readonly store: OutboxStore
  readonly every: (ms: number, run: () => void) => () => void
  /** As `ReceiptDeskParts`. */
  readonly isDonor: () => boolean
  /** A receipt of this tab's work was accepted, or refused for good. */
  readonly onSettled?: (signed: SignedReceipt, result: Result<Settled>) => void
}

export class MeshReceipts {
  readonly desk: ReceiptDesk
  readonly outbox: ReceiptOutbox
  readonly #words: CreditWords
  readonly #tabs: OutboxTabs

  constructor({ key, server, store, every, isDonor, onSettled = () => {} }: MeshReceiptsParts) {
    const nowMs = () => server.serverNowMs()
    const chance = Math.random
    this.#tabs = new OutboxTabs({ locks: 'locks' in navigator ? navigator.locks : null, tab: randomName(), nowMs })
    const shared = { tabs: this.#tabs, nowMs, every, chance }
    this.#words = new CreditWords({
      ...shared,
      store: store.words,
      say: (word) => server.credit(word),
      keptForMs: CREDIT_POLICY.holdForMs,
    })
    this.outbox = new ReceiptOutbox({
      ...shared,
      store: store.receipts,
      onSettled,
      async settle(wish) {
        const answer = await server.credit(wish)
        return answer.ok ? parseSettled(answer.value) : answer
      },
    })
    this.desk = new ReceiptDesk({
      key,
      nowMs,
      verify: verifySigned,
      outbox: this.outbox,
      policies: CREDIT_POLICIES,
      tell: (word) => void this.#words.tell(word),
      leave: (word) => void this.#words.leave(word),
      isDonor,
      randomNonce: randomName,
    })
  }

  /** The server is there. */
  arrive(): void {
    this.#words.flush()
    this.outbox.flush()
  }

  /** What is kept is left to other tabs, and to the next one. */
  close(): void {
    this.outbox.close()
    this.#words.close()
    this.#tabs.close()
  }
}

function randomName(): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(16)))
}
