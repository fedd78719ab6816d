/**
 * What tabs and the server say of credits: the first grant, the wallet and its history, receipts, and that a request is over.
 * Amounts are millionths of a credit, in JSON as decimal text. No field can carry a prompt or an answer.
 */
import type { AccountId } from './accounts.ts'
import { parsePublicKey } from './device-keys.ts'
import type { Fields } from './fields.ts'
import { LEDGER_KINDS, LEDGER_TYPES, type LedgerEvent, type LedgerKind, type MicroCredits } from './ledger-events.ts'
import {
  GRANT_PROOF_BITS_MAX,
  GRANT_PROOF_CHARACTERS_MAX,
  LEDGER_MICRO_MAX,
  LEDGER_NAME_CHARACTERS_MAX,
  LEDGER_PART_MAX,
  OVER_PARTS_MAX,
  WALLET_PAGE_MAX,
} from './limits/credits.ts'
import { PEER_ID_CHARACTERS_MAX } from './limits/mesh.ts'
import { TIME_MS_MAX } from './limits/units.ts'
import type { RequestId } from './peer-frame.ts'
import { peerReaderOf } from './peers.ts'
import { parseAcknowledgement, parseReceipt, type SignedAcknowledgement, type SignedReceipt } from './receipt-bytes.ts'
import type { Result } from './result.ts'

/**
 * `wallet`: what the account of this device has. `history`: a page of it, from before this entry. `puzzle`: what a first grant
 * asks for; `grant`: its proof. `began`: the worker has let in a paid ticket. `settle`: a receipt, and what was acknowledged
 * where the asker has not signed it. `over`: the asker's request has ended, and these of its parts were used: each is owed its
 * receipt, and what is not owed comes back.
 */
export type CreditWish =
  | { readonly kind: 'wallet' }
  | { readonly kind: 'puzzle' }
  | { readonly kind: 'history'; readonly before: number | null }
  | { readonly kind: 'grant'; readonly proof: string }
  | { readonly kind: 'began'; readonly ticket: string }
  | {
      readonly kind: 'settle'
      readonly receipt: SignedReceipt
      readonly acknowledged: SignedAcknowledgement | null
    }
  | OverWish

/** `parts`: the newest `OVER_PARTS_MAX` of them, where there were more. */
export interface OverWish {
  readonly kind: 'over'
  readonly request: RequestId
  readonly parts: readonly number[]
}

/** What the server is told of paid work besides its receipts. Said again, each changes nothing. */
export type CreditWord = Extract<CreditWish, { readonly kind: 'began' | 'over' }>

/** Work that is paid with the hash of it: SHA-256 of `challenge`, a dot and the proof begins with so many zero bits. */
export interface GrantPuzzle {
  readonly challenge: string
  readonly bits: number
}

export interface HeldCredits {
  readonly request: string
  readonly micro: MicroCredits
  /** It comes back then at the latest. */
  readonly untilMs: number
}

export interface EscrowCredits {
  readonly request: string
  readonly part: number
  readonly micro: MicroCredits
  /** It can be used from then on. */
  readonly vestMs: number
}

export interface DisputedCredits {
  readonly request: string
  readonly part: number
  readonly micro: MicroCredits
  /** This account did the work, or asked for it. */
  readonly side: 'worker' | 'asker'
}

/** What an account has. The lists name the newest `WALLET_PAGE_MAX`; the sums are of all. */
export interface Wallet {
  readonly owner: AccountId
  readonly userMicro: MicroCredits
  readonly heldMicro: MicroCredits
  readonly escrowMicro: MicroCredits
  readonly disputedMicro: MicroCredits
  /** Of the gift to this device; null where it had none yet. */
  readonly grant: { readonly leftMicro: MicroCredits; readonly untilMs: number } | null
  readonly held: readonly HeldCredits[]
  readonly escrows: readonly EscrowCredits[]
  readonly disputes: readonly DisputedCredits[]
  /** Version of the credit policy that the server goes by. */
  readonly policy: number
}

/** One posting of the account. */
export interface WalletLine {
  readonly kind: LedgerKind
  readonly micro: MicroCredits
}

/** One event of the ledger that moved credits of the account. */
export interface WalletEntry {
  /** Rises with time; entries of others lie between. */
  readonly seq: number
  readonly atMs: number
  readonly type: LedgerEvent['type']
  readonly request: string | null
  readonly part: number | null
  readonly lines: readonly WalletLine[]
  /** Of a settlement or a dispute. */
  readonly receipt: SignedReceipt | null
  readonly acknowledged: SignedAcknowledgement | null
}

export interface WalletPage {
  /** Newest first. */
  readonly entries: readonly WalletEntry[]
  /** There are older ones. */
  readonly more: boolean
}

/** What a receipt has come to. `disputed`: what its asker has not acknowledged. */
export interface Settled {
  readonly settledMicro: MicroCredits
  readonly disputedMicro: MicroCredits
  /** The server had it before. */
  readonly again: boolean
}

const { attempt, record, refuse, list, words, orNull, whole, flag, oneOf, requestId } = peerReaderOf('event-invalid')

/** As Socket.IO carries it: JSON has no 64-bit integers. */
export function writeCredits(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? one.toString() : one)))
}

export function parseCreditWish(value: unknown): Result<CreditWish> {
  return attempt((): CreditWish => {
    const fields = record(value, 'A wish of credits')
    const kind = oneOf(fields, 'kind', ['wallet', 'puzzle', 'history', 'grant', 'began', 'settle', 'over'])
    switch (kind) {
      case 'wallet':
      case 'puzzle':
        return { kind }
      case 'history':
        return { kind, before: orNull(fields, 'before', () => whole(fields, 'before', Number.MAX_SAFE_INTEGER)) }
      case 'grant':
        return { kind, proof: words(fields, 'proof', GRANT_PROOF_CHARACTERS_MAX) }
      case 'began':
        return { kind, ticket: requestId(fields, 'ticket') }
      case 'settle':
        return { kind, receipt: receiptOf(fields['receipt']), acknowledged: acknowledgedOf(fields) }
      case 'over':
        return { kind, request: requestId(fields, 'request'), parts: partsOf(fields) }
      default:
        return kind satisfies never
    }
  })
}

export function parsePuzzle(value: unknown): Result<GrantPuzzle> {
  return attempt(() => {
    const fields = record(value, 'A puzzle')
    const challenge = words(fields, 'challenge', GRANT_PROOF_CHARACTERS_MAX)
    return { challenge, bits: whole(fields, 'bits', GRANT_PROOF_BITS_MAX) }
  })
}

export function parseWallet(value: unknown): Result<Wallet> {
  return attempt(() => {
    const fields = record(value, 'A wallet')
    const owner = words(fields, 'owner', PEER_ID_CHARACTERS_MAX)
    if (!parsePublicKey(owner).ok) refuse('`owner`', 'is no key of a device')
    const sums = {
      userMicro: micro(fields, 'userMicro'),
      heldMicro: micro(fields, 'heldMicro'),
      escrowMicro: micro(fields, 'escrowMicro'),
      disputedMicro: micro(fields, 'disputedMicro'),
    }
    const many = <T>(field: string, read: (one: Fields) => T) =>
      list(fields[field], `\`${field}\``, WALLET_PAGE_MAX).map((one) => read(record(one, `\`${field}\``)))
    return {
      owner,
      ...sums,
      grant: orNull(fields, 'grant', (given) => {
        const inner = record(given, '`grant`')
        return { leftMicro: micro(inner, 'leftMicro'), untilMs: time(inner, 'untilMs') }
      }),
      held: many('held', (one) => ({
        request: name(one, 'request'),
        micro: micro(one, 'micro'),
        untilMs: time(one, 'untilMs'),
      })),
      escrows: many('escrows', (one) => ({ ...partOf(one), micro: micro(one, 'micro'), vestMs: time(one, 'vestMs') })),
      disputes: many('disputes', (one) => ({
        ...partOf(one),
        micro: micro(one, 'micro'),
        side: oneOf(one, 'side', ['worker', 'asker'] as const),
      })),
      policy: whole(fields, 'policy', LEDGER_PART_MAX),
    }
  })
}

export function parseWalletPage(value: unknown): Result<WalletPage> {
  return attempt(() => {
    const fields = record(value, 'A history')
    const entries = list(fields['entries'], '`entries`', WALLET_PAGE_MAX).map((one) => entryOf(record(one, 'An entry')))
    return { entries, more: flag(fields, 'more') }
  })
}

export function parseSettled(value: unknown): Result<Settled> {
  return attempt(() => {
    const fields = record(value, 'A settlement')
    const [settledMicro, disputedMicro] = [micro(fields, 'settledMicro'), micro(fields, 'disputedMicro')]
    return { settledMicro, disputedMicro, again: flag(fields, 'again') }
  })
}

function entryOf(fields: Fields): WalletEntry {
  return {
    seq: whole(fields, 'seq', Number.MAX_SAFE_INTEGER),
    atMs: time(fields, 'atMs'),
    type: oneOf(fields, 'type', LEDGER_TYPES),
    request: orNull(fields, 'request', () => name(fields, 'request')),
    part: orNull(fields, 'part', () => whole(fields, 'part', LEDGER_PART_MAX)),
    lines: list(fields['lines'], '`lines`', LEDGER_KINDS.length).map((one) => {
      const line = record(one, 'A line')
      return { kind: oneOf(line, 'kind', LEDGER_KINDS), micro: signedMicro(line, 'micro') }
    }),
    receipt: orNull(fields, 'receipt', receiptOf),
    acknowledged: acknowledgedOf(fields),
  }
}

function receiptOf(value: unknown): SignedReceipt {
  const read = parseReceipt(value)
  return read.ok ? read.value : refuse('`receipt`', read.detail)
}

function acknowledgedOf(fields: Fields): SignedAcknowledgement | null {
  return orNull(fields, 'acknowledged', (value) => {
    const read = parseAcknowledgement(value)
    return read.ok ? read.value : refuse('`acknowledged`', read.detail)
  })
}

function partsOf(fields: Fields): readonly number[] {
  const parts = list(fields['parts'], '`parts`', OVER_PARTS_MAX)
  return parts.map((part) => whole({ part }, 'part', LEDGER_PART_MAX))
}

function partOf(fields: Fields) {
  return { request: name(fields, 'request'), part: whole(fields, 'part', LEDGER_PART_MAX) }
}

function name(fields: Fields, field: string): string {
  return words(fields, field, LEDGER_NAME_CHARACTERS_MAX)
}

function time(fields: Fields, field: string): number {
  return whole(fields, field, TIME_MS_MAX)
}

function micro(fields: Fields, field: string): MicroCredits {
  const value = signedMicro(fields, field)
  return value >= 0n ? value : refuse(`\`${field}\``, 'is negative')
}

function signedMicro(fields: Fields, field: string): MicroCredits {
  const text = words(fields, field, 24)
  const value = /^-?\d+$/.test(text) ? BigInt(text) : refuse(`\`${field}\``, 'is no amount')
  return value <= 9_000n * LEDGER_MICRO_MAX && value >= -9_000n * LEDGER_MICRO_MAX
    ? value
    : refuse(`\`${field}\``, 'is more than there can be')
}
