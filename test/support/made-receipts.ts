/** Receipts that nobody has worked for, as the worker of a ticket would make them: for tests of what becomes of them. Signs nothing. */
import { CREDIT_POLICIES } from '../../web/rules/credit-policy.ts'
import { priceOfReceipt } from '../../web/rules/receipts.ts'
import { toBase64Url } from '../../web/wire/device-keys.ts'
import { keyOfPeer } from '../../web/wire/peers.ts'
import type { Receipt } from '../../web/wire/receipt-bytes.ts'
import type { TicketClaims } from '../../web/wire/tickets.ts'
import { randomBytes } from './room-tabs.ts'

/** Of 100 and 64 tokens where `work` says nothing else; its price is that of its policy, and nothing where nothing is paid. */
export function madeReceipt(claims: TicketClaims, endedMs: number, work: Partial<Receipt> = {}): Receipt {
  const { id: ticket, request, part, asker, worker, modelId, span, job, pay } = claims
  const counts = { promptTokens: 100, reusedTokens: 0, outputTokens: 64, ...work }
  const policy = pay.kind === 'paid' ? CREDIT_POLICIES.find(({ version }) => version === pay.policy) : undefined
  const micro = policy && pay.kind === 'paid' ? priceOfReceipt(policy, { ...counts, span }, pay) : 0n
  const head = toBase64Url(randomBytes(32))
  return {
    kind: job ?? 'stage',
    request,
    part,
    ticket,
    asker: keyOfPeer(asker) ?? '',
    worker: keyOfPeer(worker) ?? '',
    modelId,
    span,
    chainIn: head,
    chainOut: head,
    beganMs: endedMs - 2_000,
    endedMs,
    micro,
    policy: pay.kind === 'paid' ? pay.policy : 1,
    nonce: toBase64Url(randomBytes(16)),
    ...counts,
  }
}
