/**
 * Settles receipts: looks at what a receipt says against its ticket and the policy, verifies its signatures, and has the ledger
 * post what it comes to. With both signatures all of it is paid; with the worker's alone what its asker has acknowledged, and the
 * little that the worker may have done past that is disputed until the asker signs or its time is over.
 */
import { burnOf, type CreditPolicy } from '../../web/rules/credit-policy.ts'
import { acknowledgedPart, checkReceipt, priceOfReceipt } from '../../web/rules/receipts.ts'
import type { Settled } from '../../web/wire/credit-events.ts'
import type { PublicKeyText } from '../../web/wire/device-keys.ts'
import type { LedgerEvent, MicroCredits } from '../../web/wire/ledger-events.ts'
import { ACKNOWLEDGE_AHEAD_TOKENS, RECEIPT_ALONE_MS } from '../../web/wire/limits/credits.ts'
import {
  acknowledgementFields,
  type Receipt,
  receiptFields,
  type SignedAcknowledgement,
  type SignedReceipt,
} from '../../web/wire/receipt-bytes.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import type { KeptTicket, ReceiptShelf } from '../ledger/receipts.ts'
import type { verifyText } from '../sockets/verify.ts'

export interface SettlementParts {
  readonly shelf: Pick<ReceiptShelf, 'ticket' | 'settle' | 'disputed' | 'left'>
  /** Those that tickets may name; the newest first. */
  readonly policies: readonly CreditPolicy[]
  readonly verify: typeof verifyText
  readonly nowMs: () => number
}

/** What a receipt comes to before the ledger has it. */
interface Due {
  readonly settled: MicroCredits
  readonly disputed: MicroCredits
}

export class Settlements {
  readonly #parts: SettlementParts

  constructor(parts: SettlementParts) {
    this.#parts = parts
  }

  /**
   * `own`: the key that brings it, of either side. `over`: its request was over, and what is left of it may go back. Where more
   * tabs took over than was set aside for, the last of them get what is left. Refusals, the first that applies:
   * `receipt-ticket`, `receipt-key` where it is neither side's, those of `checkReceipt`, `receipt-signature`, `receipt-unsigned` where its asker has signed nothing,
   * `receipt-early`, `self-dealing`, `posting-taken` where its ticket has another receipt, those of the hold.
   */
  async settle(
    own: PublicKeyText,
    signed: SignedReceipt,
    acknowledged: SignedAcknowledgement | null,
  ): Promise<Result<{ readonly settled: Settled; readonly over: boolean }>> {
    const { shelf, policies, nowMs } = this.#parts
    const { receipt } = signed
    const ticket = await shelf.ticket(receipt.ticket)
    if (!ticket) return fail('receipt-ticket', 'No such ticket was given out.')
    if (own !== receipt.worker && own !== receipt.asker) return fail('receipt-key', '')
    const checked = checkReceipt(receipt, ticket.claims, policies)
    if (!checked.ok) return checked
    if (!(await this.#isSigned(signed, acknowledged))) return fail('receipt-signature', '')
    const due =
      signed.askerSignature === null
        ? this.#alone(receipt, acknowledged, ticket)
        : ok({ settled: checked.value, disputed: 0n })
    if (!due.ok) return due
    for (let { value } = due; ; ) {
      const atMs = nowMs()
      const events = await this.#eventsOf(signed, value, ticket, atMs)
      const kept = await shelf.settle(signed, acknowledged, events, atMs)
      if (kept.ok) {
        const { settled: settledMicro, disputed: disputedMicro } = value
        return ok({ settled: { settledMicro, disputedMicro, again: kept.value.again }, over: kept.value.over })
      }
      const less = kept.code === 'hold-short' ? cut(value, await shelf.left(receipt.request)) : value
      // Each time less than before: it ends.
      if (less.settled + less.disputed === value.settled + value.disputed) return kept
      value = less
    }
  }

  /** What is owed where the asker has not signed the whole. */
  #alone(receipt: Receipt, acknowledged: SignedAcknowledgement | null, { claims }: KeptTicket): Result<Due> {
    const { policies, nowMs } = this.#parts
    if (!acknowledged) return fail('receipt-unsigned', '')
    const part = acknowledgedPart(receipt, acknowledged.acknowledgement)
    if (!part.ok) return part
    const ahead = receipt.outputTokens - part.value.outputTokens
    if (ahead > ACKNOWLEDGE_AHEAD_TOKENS)
      return fail('receipt-inflated', `It counts ${ahead} tokens past the last word.`)
    if (nowMs() < receipt.endedMs + RECEIPT_ALONE_MS) return fail('receipt-early', '')
    const policy = policies.find(({ version }) => version === receipt.policy)
    if (!policy || claims.pay.kind !== 'paid') return fail('work-free', '')
    const settled = priceOfReceipt(policy, { ...receipt, ...part.value }, claims.pay)
    return ok({ settled, disputed: receipt.micro - settled })
  }

  async #eventsOf(
    { receipt, askerSignature }: SignedReceipt,
    { settled, disputed }: Due,
    { workerOwner: worker, alone }: KeptTicket,
    atMs: number,
  ): Promise<readonly LedgerEvent[]> {
    const { request, part } = receipt
    const policy = this.#policyOf(receipt)
    const settle = (micro: MicroCredits) => {
      const burnMicro = burnOf(policy, micro)
      return {
        type: 'settle',
        request,
        part,
        worker,
        micro,
        burnMicro,
        escrowMs: policy.escrowMs,
        final: false,
        atMs,
      } as const
    }
    if (askerSignature === null) {
      const dispute = { type: 'dispute', request, part, worker, micro: disputed, atMs } as const
      return [...(settled > 0n ? [settle(settled)] : []), ...(disputed > 0n ? [dispute] : [])]
    }
    if (!alone) return settled > 0n ? [settle(settled)] : []
    // The asker signs late: what is disputed still is the worker's.
    const workerMicro = await this.#parts.shelf.disputed(request, part)
    if (workerMicro === 0n) return []
    return [{ type: 'judge', request, part, workerMicro, burnMicro: burnOf(policy, workerMicro), atMs }]
  }

  #policyOf({ policy }: Receipt): CreditPolicy {
    const { policies } = this.#parts
    const found = policies.find(({ version }) => version === policy) ?? policies[0]
    if (!found) throw new Error('there is a credit policy')
    return found
  }

  async #isSigned(
    { receipt, workerSignature, askerSignature }: SignedReceipt,
    acknowledged: SignedAcknowledgement | null,
  ) {
    const { verify } = this.#parts
    const fields = receiptFields(receipt)
    const said = await Promise.all([
      verify(receipt.worker, 'receipt', fields, workerSignature),
      askerSignature === null || verify(receipt.asker, 'receipt', fields, askerSignature),
      acknowledged === null ||
        verify(
          receipt.asker,
          'acknowledge',
          acknowledgementFields(acknowledged.acknowledgement),
          acknowledged.signature,
        ),
    ])
    return said.every((good) => good)
  }
}

/** To what is left of a hold. */
function cut({ settled, disputed }: Due, left: MicroCredits): Due {
  const paid = settled < left ? settled : left
  return { settled: paid, disputed: disputed < left - paid ? disputed : left - paid }
}
