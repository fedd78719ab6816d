/**
 * Whether a receipt may be settled, and for how much: it is for what its ticket allows and costs what the policy says. Pure; that
 * its signatures hold is checked before.
 */
import type { MicroCredits } from '../wire/ledger-events.ts'
import { keyOfPeer } from '../wire/peers.ts'
import type { Acknowledgement, Receipt } from '../wire/receipt-bytes.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { TicketClaims } from '../wire/tickets.ts'
import { type CreditPolicy, priceOf } from './credit-policy.ts'

export interface ReceiptModel {
  readonly activeParameters: number
  readonly layers: number
}

/**
 * What it is for, to the micro-credit. Refusals, the first that applies: `receipt-ticket` where the ticket is for something else,
 * `receipt-inflated` where it counts more than the ticket allows, `receipt-price` where the policy comes to another price.
 */
export function checkReceipt(
  receipt: Receipt,
  claims: TicketClaims,
  model: ReceiptModel,
  policies: readonly CreditPolicy[],
): Result<MicroCredits> {
  const { span } = claims
  const sameKind = receipt.kind === (claims.job ?? 'stage')
  const sameWork =
    receipt.modelId === claims.modelId && receipt.span.first === span.first && receipt.span.last === span.last
  const sameSides = receipt.asker === keyOfPeer(claims.asker) && receipt.worker === keyOfPeer(claims.worker)
  const sameRequest = receipt.ticket === claims.id && receipt.request === claims.request
  if (!sameKind || !sameWork || !sameSides || !sameRequest || span.last > model.layers)
    return fail('receipt-ticket', '')
  const { promptTokens, reusedTokens, outputTokens, micro } = receipt
  if (promptTokens + outputTokens > claims.positions) {
    return fail(
      'receipt-inflated',
      `It counts ${promptTokens + outputTokens} tokens; ${claims.positions} were allowed.`,
    )
  }
  const policy = policies.find(({ version }) => version === receipt.policy)
  if (!policy) return fail('receipt-price', `There is no policy ${receipt.policy}.`)
  const work = { promptTokens: promptTokens - reusedTokens, outputTokens, activeParameters: model.activeParameters }
  const price = priceOf(policy, { ...work, layers: span.last - span.first, layersAll: model.layers })
  return micro === price ? ok(micro) : fail('receipt-price', `It asks for ${micro}; the work costs ${price}.`)
}

/**
 * What was acknowledged of a receipt that only its worker has signed: the same work, cut where the asker last said that it has
 * it. Never more than the receipt. Refusals: `receipt-ticket` where the word is of other work.
 */
export function acknowledgedPart(
  receipt: Receipt,
  acknowledged: Acknowledgement,
): Result<Pick<Receipt, 'outputTokens'>> {
  const { request, part, ticket, asker, worker, outputTokens } = acknowledged
  const sameWork = receipt.request === request && receipt.part === part && receipt.ticket === ticket
  if (!sameWork || receipt.asker !== asker || receipt.worker !== worker) return fail('receipt-ticket', '')
  return ok({ outputTokens: Math.min(outputTokens, receipt.outputTokens) })
}
