/**
 * A receipt: what one worker did for one request, as both sides sign it, and the acknowledgement that an asker signs while it
 * runs. The bytes are those of `signedBytes`, with the fields in the order below; numbers as decimal text. Test vectors:
 * `receipt-bytes.vectors.json`. Whether a receipt is to be believed is `rules/receipts.ts`.
 */
import { fromBase64Url, type PublicKeyText, parsePublicKey, SIGNATURE_BYTES } from './device-keys.ts'
import type { Fields } from './fields.ts'
import { JOB_KINDS, type JobKind } from './jobs.ts'
import type { MicroCredits } from './ledger-events.ts'
import { LEDGER_MICRO_MAX, LEDGER_PART_MAX } from './limits/credits.ts'
import { CONTEXT_POSITIONS_MAX } from './limits/engine.ts'
import { PEER_ID_CHARACTERS_MAX } from './limits/mesh.ts'
import { TIME_MS_MAX } from './limits/units.ts'
import type { RequestId } from './peer-frame.ts'
import { type LayerSpan, peerReaderOf } from './peers.ts'
import type { Result } from './result.ts'

/** A token id has 4 bytes, a frame's hash 32: what a chain is of says which. */
export const CHAIN_BYTES = 32
export const CHAIN_SALT_BYTES = 16
const NONCE_BYTES = 16

/** Base64url, all of them without padding. */
type ChainHead = string

export interface Receipt {
  readonly kind: JobKind | 'stage'
  readonly request: RequestId
  /** Of the request's receipts: 0 for a whole job. */
  readonly part: number
  /** Id of the ticket that the worker let it in with. */
  readonly ticket: string
  readonly asker: PublicKeyText
  readonly worker: PublicKeyText
  readonly modelId: string
  readonly span: LayerSpan
  /** Read for this request; `reusedTokens` of them had been read before and cost nothing. */
  readonly promptTokens: number
  readonly reusedTokens: number
  readonly outputTokens: number
  /** Over token ids for a whole job, where both are the same; over frames for a stage: received, and sent. */
  readonly chainIn: ChainHead
  readonly chainOut: ChainHead
  readonly beganMs: number
  readonly endedMs: number
  readonly micro: MicroCredits
  /** Version of the credit policy that the price is by. */
  readonly policy: number
  readonly nonce: string
}

export interface SignedReceipt {
  readonly receipt: Receipt
  readonly workerSignature: string
  /** Null where the asker has not signed: an acknowledgement says how much it had. */
  readonly askerSignature: string | null
}

/** The asker has so many tokens of this answer, in all, and they are these. Each says more than the one before it. */
export interface Acknowledgement {
  readonly request: RequestId
  readonly part: number
  readonly ticket: string
  readonly asker: PublicKeyText
  readonly worker: PublicKeyText
  readonly outputTokens: number
  readonly chain: ChainHead
}

export interface SignedAcknowledgement {
  readonly acknowledgement: Acknowledgement
  readonly signature: string
}

/** For `signedBytes('receipt', ...)`. */
export function receiptFields(receipt: Receipt): readonly string[] {
  const { kind, request, part, ticket, asker, worker, modelId, span } = receipt
  const { promptTokens, reusedTokens, outputTokens, chainIn, chainOut, beganMs, endedMs, micro, policy, nonce } =
    receipt
  const who = [kind, request, String(part), ticket, asker, worker, modelId]
  const work = [span.first, span.last, promptTokens, reusedTokens, outputTokens].map(String)
  const cost = [beganMs, endedMs, micro, policy].map(String)
  return [...who, ...work, chainIn, chainOut, ...cost, nonce]
}

/** For `signedBytes('acknowledge', ...)`. */
export function acknowledgementFields(acknowledgement: Acknowledgement): readonly string[] {
  const { request, part, ticket, asker, worker, outputTokens, chain } = acknowledgement
  return [request, String(part), ticket, asker, worker, String(outputTokens), chain]
}

const reader = peerReaderOf('receipt-invalid')
const { attempt, refuse, record, words, whole, oneOf, orNull, span, modelId, requestId } = reader

/** As JSON carries it: `micro` as decimal text. */
export function writeReceipt({ receipt, ...signatures }: SignedReceipt): string {
  return JSON.stringify({ receipt: { ...receipt, micro: receipt.micro.toString() }, ...signatures })
}

/** Refusals: `receipt-invalid`. Its signatures are not looked at. */
export function parseReceipt(value: unknown): Result<SignedReceipt> {
  return attempt(() => {
    const fields = record(value, 'A receipt')
    const workerSignature = sized(fields, 'workerSignature', SIGNATURE_BYTES)
    const askerSignature = orNull(fields, 'askerSignature', () => sized(fields, 'askerSignature', SIGNATURE_BYTES))
    return { receipt: receiptOf(record(fields['receipt'], '`receipt`')), workerSignature, askerSignature }
  })
}

/** Refusals: `receipt-invalid`. Its signature is not looked at. */
export function parseAcknowledgement(value: unknown): Result<SignedAcknowledgement> {
  return attempt(() => {
    const fields = record(value, 'An acknowledgement')
    const said = record(fields['acknowledgement'], '`acknowledgement`')
    const outputTokens = whole(said, 'outputTokens', CONTEXT_POSITIONS_MAX)
    const acknowledgement = { ...partiesOf(said), outputTokens, chain: sized(said, 'chain', CHAIN_BYTES) }
    return { acknowledgement, signature: sized(fields, 'signature', SIGNATURE_BYTES) }
  })
}

function receiptOf(fields: Fields): Receipt {
  const count = (field: string) => whole(fields, field, CONTEXT_POSITIONS_MAX)
  const receipt = {
    kind: oneOf(fields, 'kind', [...JOB_KINDS, 'stage'] as const),
    ...partiesOf(fields),
    modelId: modelId(fields, 'modelId'),
    span: span(fields, 'span'),
    promptTokens: count('promptTokens'),
    reusedTokens: count('reusedTokens'),
    outputTokens: count('outputTokens'),
    chainIn: sized(fields, 'chainIn', CHAIN_BYTES),
    chainOut: sized(fields, 'chainOut', CHAIN_BYTES),
    beganMs: whole(fields, 'beganMs', TIME_MS_MAX),
    endedMs: whole(fields, 'endedMs', TIME_MS_MAX),
    micro: amount(fields),
    policy: whole(fields, 'policy', LEDGER_PART_MAX),
    nonce: sized(fields, 'nonce', NONCE_BYTES),
  }
  if (receipt.reusedTokens > receipt.promptTokens) return refuse('`reusedTokens`', 'are more than all')
  if (receipt.endedMs < receipt.beganMs) return refuse('`endedMs`', 'is before `beganMs`')
  return receipt
}

function partiesOf(fields: Fields) {
  const ticket = requestId(fields, 'ticket')
  const [asker, worker] = [keyOf(fields, 'asker'), keyOf(fields, 'worker')]
  return { request: requestId(fields, 'request'), part: whole(fields, 'part', LEDGER_PART_MAX), ticket, asker, worker }
}

function keyOf(fields: Fields, field: string): PublicKeyText {
  const text = words(fields, field, PEER_ID_CHARACTERS_MAX)
  return parsePublicKey(text).ok ? text : refuse(`\`${field}\``, 'is no key of a device')
}

function sized(fields: Fields, field: string, bytes: number): string {
  const text = words(fields, field, PEER_ID_CHARACTERS_MAX)
  return fromBase64Url(text)?.length === bytes ? text : refuse(`\`${field}\``, 'has another length')
}

/** Only the one way of writing it, so that what was signed and what is kept are the same. */
function amount(fields: Fields): MicroCredits {
  const text = words(fields, 'micro', 20)
  const micro = /^(0|[1-9]\d*)$/.test(text) ? BigInt(text) : refuse('`micro`', 'is no amount')
  return micro <= LEDGER_MICRO_MAX ? micro : refuse('`micro`', 'is more than there can be')
}
