/** Receipts as a browser keeps them, made of the published vectors: their signatures are nobody's. */
import type { KeptReceipt } from '../../web/account/outbox-store.ts'
import {
  parseAcknowledgement,
  parseReceipt,
  type Receipt,
  type SignedAcknowledgement,
} from '../../web/wire/receipt-bytes.ts'
import vectors from '../../web/wire/receipt-bytes.vectors.json' with { type: 'json' }

const read = parseReceipt(vectors.receipts[0])
const word = parseAcknowledgement(vectors.acknowledgements[0])

export function acknowledgedOf(outputTokens: number): SignedAcknowledgement {
  if (!word.ok) throw new Error(word.detail)
  return { ...word.value, acknowledgement: { ...word.value.acknowledgement, outputTokens } }
}

/** Each of another ticket. `both`: its asker has signed it. */
export function keptReceipt(
  ticket: number,
  { both = true, more = {}, ...kept }: Partial<KeptReceipt> & { both?: boolean; more?: Partial<Receipt> } = {},
): KeptReceipt {
  if (!read.ok) throw new Error(read.detail)
  const { receipt, workerSignature } = read.value
  const signed = {
    receipt: { ...receipt, ticket: ticket.toString(16).padStart(32, '0'), ...more },
    workerSignature,
    askerSignature: both ? workerSignature : null,
  }
  return { signed, acknowledged: null, draftOf: null, keptMs: ticket, ...kept }
}
