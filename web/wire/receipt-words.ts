/**
 * What asker and worker say of credits on the control channel of their link, of a stage or of a whole job. The worker's ticket
 * names the part; only work that is paid has such words.
 */

import type { Code } from './codes.ts'
import { CODES } from './codes.ts'
import { fromBase64Url, SIGNATURE_BYTES } from './device-keys.ts'
import type { Fields } from './fields.ts'
import { LEDGER_PART_MAX } from './limits/credits.ts'
import { CONTEXT_POSITIONS_MAX } from './limits/engine.ts'
import { DETAIL_CHARACTERS_MAX } from './limits/mesh.ts'
import type { RequestId } from './peer-frame.ts'
import { peerReaderOf } from './peers.ts'
import { CHAIN_BYTES } from './receipt-bytes.ts'

interface OfPart {
  readonly request: RequestId
  readonly part: number
}

/**
 * Said by the asker. `acknowledge`: it has so many tokens of this part, in all; signed, as `Acknowledgement`. `receipt-signed`
 * answers a receipt with the asker's signature of it; `receipt-refused` says why there is none.
 */
export type ReceiptAskerSays =
  | (OfPart & {
      readonly says: 'acknowledge'
      readonly outputTokens: number
      readonly chain: string
      readonly signature: string
    })
  | (OfPart & { readonly says: 'receipt-signed'; readonly signature: string })
  | (OfPart & { readonly says: 'receipt-refused'; readonly code: Code; readonly detail: string })

/** Said by the worker, once: the receipt as it has signed it. `receipt` is the text of `writeReceipt`. */
export type ReceiptWorkerSays = OfPart & { readonly says: 'receipt'; readonly receipt: string }

export const RECEIPT_ASKER_SAYS = ['acknowledge', 'receipt-signed', 'receipt-refused'] as const
export const RECEIPT_WORKER_SAYS = ['receipt'] as const

const RECEIPT_CHARACTERS_MAX = 4_096
const { words, whole, requestId, refuse } = peerReaderOf('control-invalid')

/** For `readPeerSays`: throws what `attempt` of the same reader catches. */
export function readReceiptSays(
  says: (typeof RECEIPT_ASKER_SAYS | typeof RECEIPT_WORKER_SAYS)[number],
  fields: Fields,
): ReceiptAskerSays | ReceiptWorkerSays {
  const about = { request: requestId(fields, 'request'), part: whole(fields, 'part', LEDGER_PART_MAX) }
  switch (says) {
    case 'acknowledge': {
      const [chain, signature] = [sized(fields, 'chain', CHAIN_BYTES), sized(fields, 'signature', SIGNATURE_BYTES)]
      return { ...about, says, outputTokens: whole(fields, 'outputTokens', CONTEXT_POSITIONS_MAX), chain, signature }
    }
    case 'receipt-signed':
      return { ...about, says, signature: sized(fields, 'signature', SIGNATURE_BYTES) }
    case 'receipt-refused': {
      const code = words(fields, 'code', 64)
      const known = Object.hasOwn(CODES, code) ? (code as Code) : 'peer-refused'
      return { ...about, says, code: known, detail: words(fields, 'detail', DETAIL_CHARACTERS_MAX) }
    }
    case 'receipt':
      return { ...about, says, receipt: words(fields, 'receipt', RECEIPT_CHARACTERS_MAX) }
    default:
      return says satisfies never
  }
}

function sized(fields: Fields, field: string, bytes: number): string {
  const text = words(fields, field, 128)
  return fromBase64Url(text)?.length === bytes ? text : refuse(`\`${field}\``, 'has another length')
}
