/** What one worker says at the end of a part, as the two sides would sign it. Signatures are left out: all are taken to hold. */
import type { CreditPolicy } from '../../../web/rules/credit-policy.ts'
import { priceOfReceipt } from '../../../web/rules/receipts.ts'
import type { PublicKeyText } from '../../../web/wire/device-keys.ts'
import { ACKNOWLEDGE_TOKENS } from '../../../web/wire/limits/credits.ts'
import { keyOfPeer } from '../../../web/wire/peers.ts'
import type { Receipt, SignedAcknowledgement, SignedReceipt } from '../../../web/wire/receipt-bytes.ts'
import { assert } from '../../../web/wire/result.ts'
import type { TicketClaims } from '../../../web/wire/tickets.ts'

export interface Done {
  readonly promptTokens: number
  readonly outputTokens: number
  readonly beganMs: number
  readonly endedMs: number
  /** Tells two receipts of the same work apart. */
  readonly nonce: string
}

const HEAD = 'A'.repeat(43)
const SIGNATURE = 'A'.repeat(86)

export function receiptOf(policy: CreditPolicy, claims: TicketClaims, { nonce, ...done }: Done): Receipt {
  const { pay, id, request, part, modelId, span, job } = claims
  assert(pay.kind === 'paid', 'only paid work has a receipt')
  const work = { ...done, reusedTokens: 0, span }
  return {
    kind: job ?? 'stage',
    request,
    part,
    ticket: id,
    ...sidesOf(claims),
    modelId,
    ...work,
    chainIn: HEAD,
    chainOut: HEAD,
    micro: priceOfReceipt(policy, work, pay),
    policy: pay.policy,
    nonce,
  }
}

export function signedBy(sides: 'both' | 'worker', receipt: Receipt): SignedReceipt {
  return { receipt, workerSignature: SIGNATURE, askerSignature: sides === 'both' ? SIGNATURE : null }
}

/** The newest that an asker has said of so many tokens. */
export function acknowledgedOf(claims: TicketClaims, tokens: number): SignedAcknowledgement {
  const { id: ticket, request, part } = claims
  const outputTokens = tokens - (tokens % ACKNOWLEDGE_TOKENS)
  const acknowledgement = { request, part, ticket, ...sidesOf(claims), outputTokens, chain: HEAD }
  return { acknowledgement, signature: SIGNATURE }
}

function sidesOf({ asker, worker }: TicketClaims): { readonly asker: PublicKeyText; readonly worker: PublicKeyText } {
  const [own, other] = [keyOfPeer(asker), keyOfPeer(worker)]
  assert(own !== null && other !== null, 'both sides have keys')
  return { asker: own, worker: other }
}
