/**
 * The server as far as it settles receipts, played: goes by the same rules and verifies the same signatures, and remembers each
 * ticket's receipt. May be away, be away only after it has settled, or refuse. Moves no credits.
 */
import { verifySigned } from '../../web/account/device-key.ts'
import { CREDIT_POLICIES, CREDIT_POLICY } from '../../web/rules/credit-policy.ts'
import { acknowledgedPart, checkReceipt, priceOfReceipt } from '../../web/rules/receipts.ts'
import type { Code } from '../../web/wire/codes.ts'
import type { CreditWish, Settled } from '../../web/wire/credit-events.ts'
import { parseCreditWish, parseSettled, writeCredits } from '../../web/wire/credit-events.ts'
import { fromBase64Url, type Purpose, parsePublicKey } from '../../web/wire/device-keys.ts'
import { RECEIPT_ALONE_MS } from '../../web/wire/limits/credits.ts'
import {
  acknowledgementFields,
  type Receipt,
  receiptFields,
  type SignedAcknowledgement,
  type SignedReceipt,
  writeReceipt,
} from '../../web/wire/receipt-bytes.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import type { TicketClaims } from '../../web/wire/tickets.ts'

export interface Taken {
  readonly signed: SignedReceipt
  readonly acknowledged: SignedAcknowledgement | null
  readonly settled: Settled
}

export class PlayedCredits {
  /** `lost`: it settles, and its answer does not come. */
  state: 'here' | 'away' | 'lost' = 'here'
  /** What it refuses the next receipts with. */
  refuses: Code | null = null
  /** Calls, heard or not. */
  asked = 0
  readonly taken = new Map<string, Taken>()
  readonly #tickets = new Map<string, TicketClaims>()
  readonly #nowMs: () => number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  know(claims: TicketClaims): void {
    this.#tickets.set(claims.id, claims)
  }

  /** As a tab's signalling client gives it on: over JSON, and parsed on both sides. */
  readonly settle = async (wish: Extract<CreditWish, { readonly kind: 'settle' }>): Promise<Result<Settled>> => {
    this.asked += 1
    if (this.state === 'away') return fail('signal-away', '')
    const heard = parseCreditWish(writeCredits(wish))
    if (!heard.ok || heard.value.kind !== 'settle') return fail('event-invalid', '')
    if (this.refuses) return fail(this.refuses, '')
    const settled = await this.#settled(heard.value.receipt, heard.value.acknowledged)
    if (this.state === 'lost') return fail('signal-away', '')
    return settled.ok ? parseSettled(writeCredits(settled.value)) : settled
  }

  async #settled(signed: SignedReceipt, acknowledged: SignedAcknowledgement | null): Promise<Result<Settled>> {
    const { receipt, askerSignature } = signed
    const before = this.taken.get(receipt.ticket)
    if (before) {
      const same = writeReceipt({ ...before.signed, askerSignature }) === writeReceipt(signed)
      return same ? ok({ ...before.settled, again: true }) : fail('posting-taken', '')
    }
    const claims = this.#tickets.get(receipt.ticket)
    const checked = claims ? checkReceipt(receipt, claims, CREDIT_POLICIES) : fail('receipt-ticket', '')
    if (!checked.ok) return checked
    if (!(await areGood(signed, acknowledged))) return fail('receipt-signature', '')
    let settledMicro = checked.value
    if (askerSignature === null) {
      if (!acknowledged) return fail('receipt-unsigned', '')
      const part = acknowledgedPart(receipt, acknowledged.acknowledgement)
      if (!part.ok) return part
      if (this.#nowMs() < receipt.endedMs + RECEIPT_ALONE_MS) return fail('receipt-early', '')
      if (claims?.pay.kind === 'paid')
        settledMicro = priceOfReceipt(CREDIT_POLICY, { ...receipt, ...part.value }, claims.pay)
    }
    const settled = { settledMicro, disputedMicro: receipt.micro - settledMicro, again: false }
    this.taken.set(receipt.ticket, { signed, acknowledged, settled })
    return ok(settled)
  }
}

async function areGood(
  { receipt, workerSignature, askerSignature }: SignedReceipt,
  word: SignedAcknowledgement | null,
) {
  const fields = receiptFields(receipt)
  const good = await Promise.all([
    isBy(receipt.worker, 'receipt', fields, workerSignature),
    askerSignature === null || isBy(receipt.asker, 'receipt', fields, askerSignature),
    word === null || isBy(receipt.asker, 'acknowledge', acknowledgementFields(word.acknowledgement), word.signature),
  ])
  return good.every((one) => one)
}

async function isBy(name: Receipt['asker'], purpose: Purpose, fields: readonly string[], signature: string) {
  const [key, bytes] = [parsePublicKey(name), fromBase64Url(signature)]
  return key.ok && bytes !== null && verifySigned(key.value, purpose, fields, bytes)
}
