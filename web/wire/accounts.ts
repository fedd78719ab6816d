/**
 * An account is a set of device keys, and perhaps one made from words: a chain of statements, each signed by a key that was in
 * the set before it. It is named by the key of its first device. Says what bytes mean; whether a chain holds is
 * `web/account/account-set.ts`.
 */
import { fromBase64Url, type PublicKeyText, parsePublicKey, SIGNATURE_BYTES, signedBytes } from './device-keys.ts'
import type { Fields } from './fields.ts'
import { PEER_ID_CHARACTERS_MAX } from './limits/mesh.ts'
import { ACCOUNT_CLAIMS_MAX, ACCOUNT_STATEMENTS_MAX } from './limits/rooms.ts'
import { type PeerReader, peerReaderOf } from './peers.ts'
import type { Result } from './result.ts'

/** The key of the device that began it. */
export type AccountId = PublicKeyText

/** Signed by `by`: `enrol`, of all the other fields in this order. */
export interface AccountStatement {
  readonly account: AccountId
  /** From 1. */
  readonly number: number
  /** Hash of the statement before it; empty for the first: two chains with the same end are the same. */
  readonly previous: string
  readonly change: 'add' | 'remove'
  /** A recovery key signs, and is no device. */
  readonly role: 'device' | 'recovery'
  readonly key: PublicKeyText
  readonly by: PublicKeyText
  /** Of an added device: a MAC with the one-time code that it showed, so that it joins no account but that of who saw it. */
  readonly proof: string
  readonly signature: string
}

/** What a new device shows, as a link or a QR code. */
export interface EnrolRequest {
  readonly key: PublicKeyText
  readonly code: string
}

export interface AccountChain {
  readonly account: AccountId
  readonly statements: readonly AccountStatement[]
}

/** To the server. `tell`: the chain of the account that the teller's key belongs to; `ask`: who claims this key, or is named by it. */
export type AccountWish =
  | ({ readonly kind: 'tell' } & AccountChain)
  | { readonly kind: 'ask'; readonly key: PublicKeyText }

export const ENROL_CODE_BYTES = 16
const HASH_BYTES = 32

export function accountFields(statement: Omit<AccountStatement, 'signature'>): readonly string[] {
  const { account, number, previous, change, role, key, by, proof } = statement
  return [account, String(number), previous, change, role, key, by, proof]
}

/** What the next statement names by its hash. */
export function statementBytes(statement: AccountStatement): Uint8Array {
  return signedBytes('enrol', [...accountFields(statement), statement.signature])
}

export function enrolProofBytes(account: AccountId, key: PublicKeyText): Uint8Array {
  return signedBytes('enrol', ['code', account, key])
}

export function writeEnrolRequest({ key, code }: EnrolRequest): string {
  return `/enrol/${key}/${code}`
}

const { attempt, refuse } = peerReaderOf('account-invalid')
const inEvent = peerReaderOf('event-invalid')

/** Refusals: `account-invalid`. Takes a whole address too. */
export function parseEnrolRequest(text: string): Result<EnrolRequest> {
  return attempt(() => {
    const [before, enrol, key = '', code = '', ...more] = text
      .slice(text.indexOf('#') + 1)
      .trim()
      .split('/')
    const sound = before === '' && enrol === 'enrol' && more.length === 0 && parsePublicKey(key).ok
    if (!sound || fromBase64Url(code)?.length !== ENROL_CODE_BYTES) return refuse('The link', 'is of no device')
    return { key, code }
  })
}

export function parseAccountWish(value: unknown): Result<AccountWish> {
  return inEvent.attempt(() => {
    const fields = inEvent.record(value, 'A wish of an account')
    const kind = inEvent.oneOf(fields, 'kind', ['tell', 'ask'])
    return kind === 'tell' ? { kind, ...readChain(fields, inEvent) } : { kind, key: keyIn(fields, 'key', inEvent) }
  })
}

export function parseAccountChains(value: unknown): Result<readonly AccountChain[]> {
  return inEvent.attempt(() =>
    inEvent
      .list(value, 'The accounts', ACCOUNT_CLAIMS_MAX)
      .map((one) => readChain(inEvent.record(one, 'An account'), inEvent)),
  )
}

function readChain(fields: Fields, reader: PeerReader): AccountChain {
  const statements = reader
    .list(fields['statements'], '`statements`', ACCOUNT_STATEMENTS_MAX)
    .map((one) => readStatement(reader.record(one, 'A statement'), reader))
  return { account: keyIn(fields, 'account', reader), statements }
}

function keyIn(fields: Fields, field: string, { words, refuse }: PeerReader): PublicKeyText {
  const text = words(fields, field, PEER_ID_CHARACTERS_MAX)
  return parsePublicKey(text).ok ? text : refuse(`\`${field}\``, 'is no key of a device')
}

function readStatement(fields: Fields, reader: PeerReader): AccountStatement {
  const { words, refuse, whole, oneOf } = reader
  const sized = (field: 'previous' | 'proof' | 'signature', ...bytes: readonly number[]) => {
    const text = words(fields, field, PEER_ID_CHARACTERS_MAX)
    return bytes.includes(fromBase64Url(text)?.length ?? -1) ? text : refuse(`\`${field}\``, 'has another length')
  }
  return {
    account: keyIn(fields, 'account', reader),
    number: whole(fields, 'number', ACCOUNT_STATEMENTS_MAX),
    previous: sized('previous', 0, HASH_BYTES),
    change: oneOf(fields, 'change', ['add', 'remove']),
    role: oneOf(fields, 'role', ['device', 'recovery']),
    key: keyIn(fields, 'key', reader),
    by: keyIn(fields, 'by', reader),
    proof: sized('proof', 0, HASH_BYTES),
    signature: sized('signature', SIGNATURE_BYTES),
  }
}
