/**
 * The receipts of this tab: what it signs, what it is owed, and the way of that to the server. Joins the parts; decides nothing.
 * Part of what joining the mesh fetches.
 */
import { verifySigned } from './account/device-key.ts'
import type { OutboxStore } from './account/outbox-store.ts'
import type { SignalClient, Signer } from './mesh/signal-client.ts'
import { CREDIT_POLICY } from './rules/credit-policy.ts'
import { CreditWords } from './schedule/receipts/credit-words.ts'
import { ReceiptOutbox } from './schedule/receipts/outbox.ts'
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

  constructor({ key, server, store, every, isDonor, onSettled = () => {} }: MeshReceiptsParts) {
    const nowMs = () => server.serverNowMs()
    this.#words = new CreditWords((word) => server.credit(word))
    this.outbox = new ReceiptOutbox({
      store,
      nowMs,
      every,
      onSettled,
      async settle(wish) {
        const answer = await server.credit(wish)
        return answer.ok ? parseSettled(answer.value) : answer
      },
      locks: 'locks' in navigator ? navigator.locks : null,
      tab: randomName(),
      chance: Math.random,
    })
    this.desk = new ReceiptDesk({
      key,
      nowMs,
      verify: verifySigned,
      outbox: this.outbox,
      policies: [CREDIT_POLICY],
      tell: (word) => this.#words.tell(word),
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
  }
}

function randomName(): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(16)))
}
