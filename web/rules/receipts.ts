/**
 * Whether a receipt may be settled, and for how much: it is for what its ticket allows and costs what the policy says. Pure; that
 * its signatures hold is checked before.
 */
import type { PricedModel } from '../wire/active-parameters.ts'
import type { MicroCredits } from '../wire/ledger-events.ts'
import { keyOfPeer } from '../wire/peers.ts'
import type { Acknowledgement, Receipt } from '../wire/receipt-bytes.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { TicketClaims, TicketPay } from '../wire/tickets.ts'
import { type CreditPolicy, priceOf } from './credit-policy.ts'

/**
 * What it is for, to the micro-credit. Refusals, the first that applies: `receipt-ticket` where the ticket is for something else,
 * `work-free` where nothing is paid for it, `receipt-inflated` where it counts more than the ticket allows, `receipt-price` where
 * the policy comes to another price.
 */
export function checkReceipt(
  receipt: Receipt,
  claims: TicketClaims,
  policies: readonly CreditPolicy[],
): Result<MicroCredits> {
  const { span, pay } = claims
  const sameKind = receipt.kind === (claims.job ?? 'stage')
  const sameWork =
    receipt.modelId === claims.modelId && receipt.span.first === span.first && receipt.span.last === span.last
  const sameSides = receipt.asker === keyOfPeer(claims.asker) && receipt.worker === keyOfPeer(claims.worker)
  const sameRequest = receipt.ticket === claims.id && receipt.request === claims.request && receipt.part === claims.part
  if (!sameKind || !sameWork || !sameSides || !sameRequest) return fail('receipt-ticket', '')
  if (pay.kind !== 'paid') return fail('work-free', '')
  if (span.last > pay.layers) return fail('receipt-ticket', '')
  const { promptTokens, outputTokens, micro } = receipt
  if (promptTokens + outputTokens > claims.positions || outputTokens > claims.outputTokens) {
    const allowed = `${claims.positions} were allowed, ${claims.outputTokens} of them of an answer`
    return fail('receipt-inflated', `It counts ${promptTokens} and ${outputTokens} tokens; ${allowed}.`)
  }
  const policy = receipt.policy === pay.policy ? policies.find(({ version }) => version === pay.policy) : undefined
  if (!policy) return fail('receipt-price', `There is no policy ${receipt.policy}.`)
  const price = priceOfReceipt(policy, receipt, pay)
  return micro === price ? ok(micro) : fail('receipt-price', `It asks for ${micro}; the work costs ${price}.`)
}

/** Whether a ticket pays for all of this model: fewer parameters, or a share of more layers, would be less than the work costs. */
export function isPriceOf(pay: TicketPay, { layers, activeParameters }: Omit<PricedModel, 'id'>): boolean {
  return pay.kind !== 'paid' || (pay.layers === layers && pay.activeParameters >= activeParameters)
}

/** By this policy, of a model that the ticket names. */
export function priceOfReceipt(
  policy: CreditPolicy,
  {
    promptTokens,
    reusedTokens,
    outputTokens,
    span,
  }: Pick<Receipt, 'promptTokens' | 'reusedTokens' | 'outputTokens' | 'span'>,
  { activeParameters, layers }: Extract<TicketPay, { readonly kind: 'paid' }>,
): MicroCredits {
  const work = { promptTokens: promptTokens - reusedTokens, outputTokens, activeParameters }
  return priceOf(policy, { ...work, layers: span.last - span.first, layersAll: layers })
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
