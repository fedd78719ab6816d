/**
 * Who belongs to an account: reads its chain of statements from the first device on, and makes the next one. A chain that
 * breaks a rule anywhere is refused as a whole. Hashes and signatures are passed in; keeps nothing.
 */

import {
  type AccountId,
  type AccountStatement,
  accountFields,
  type EnrolRequest,
  enrolProofBytes,
  statementBytes,
} from '../wire/accounts.ts'
import { fromBase64Url, type PublicKeyText, type Purpose, toBase64Url } from '../wire/device-keys.ts'
import { ACCOUNT_KEYS_MAX, ACCOUNT_STATEMENTS_MAX } from '../wire/limits/rooms.ts'
import { fail, ok, type Result } from '../wire/result.ts'

/** What it takes to read a chain. */
export interface AccountReader {
  readonly signed: (
    key: PublicKeyText,
    purpose: Purpose,
    fields: readonly string[],
    signature: string,
  ) => Promise<boolean>
  readonly sha256: (bytes: Uint8Array) => Promise<Uint8Array>
}

/** And to make one. */
export interface AccountCrypto extends AccountReader {
  readonly mac: (secret: Uint8Array, bytes: Uint8Array) => Promise<Uint8Array>
}

export interface AccountSigner {
  readonly name: PublicKeyText
  sign(purpose: Purpose, fields: readonly string[]): Promise<Uint8Array>
}

export interface AccountSet {
  readonly account: AccountId
  readonly devices: readonly PublicKeyText[]
  readonly recovery: readonly PublicKeyText[]
  /** They were in it once and never come back. */
  readonly removed: readonly PublicKeyText[]
  readonly statements: readonly AccountStatement[]
}

export type AccountChange = Pick<AccountStatement, 'change' | 'role' | 'key'>

export function newAccount(first: PublicKeyText): AccountSet {
  return { account: first, devices: [first], recovery: [], removed: [], statements: [] }
}

/** Refusals: `account-invalid`. */
export function readAccount(
  account: AccountId,
  statements: readonly AccountStatement[],
  crypto: AccountReader,
): Promise<Result<AccountSet>> {
  return extendAccount(newAccount(account), statements, crypto)
}

/** A longer chain that begins with what is known. Refusals: `account-invalid`, also for one that goes another way. */
export async function extendAccount(
  known: AccountSet,
  statements: readonly AccountStatement[],
  crypto: AccountReader,
): Promise<Result<AccountSet>> {
  const isSame = known.statements.every(({ signature }, at) => (statements[at]?.signature ?? signature) === signature)
  if (!isSame) return fail('account-invalid', 'Another device has changed it meanwhile.')
  let set = known
  for (const statement of statements.slice(known.statements.length)) {
    const next = await follow(set, statement, crypto)
    if (!next.ok) return next
    set = next.value
  }
  return ok(set)
}

/** The chain with one more statement, signed by this key. Refusals: `account-invalid`. `code`: what the new device showed. */
export async function changeAccount(
  set: AccountSet,
  change: AccountChange,
  by: AccountSigner,
  crypto: AccountCrypto,
  code: string | null = null,
): Promise<Result<AccountSet>> {
  const { account, statements } = set
  const proof = code === null ? '' : await proofOf({ key: change.key, code }, account, crypto)
  const number = statements.length + 1
  const about = { account, number, previous: await headOf(set, crypto), ...change, by: by.name, proof }
  const signature = toBase64Url(await by.sign('enrol', accountFields(about)))
  return follow(set, { ...about, signature }, crypto)
}

/** Whether this account was offered by somebody who saw the code that this device showed. */
export async function isOffered(set: AccountSet, request: EnrolRequest, crypto: AccountCrypto): Promise<boolean> {
  const added = set.statements.find(({ change, key }) => change === 'add' && key === request.key)
  return (
    set.devices.includes(request.key) &&
    added !== undefined &&
    added.proof === (await proofOf(request, set.account, crypto))
  )
}

async function follow(
  set: AccountSet,
  statement: AccountStatement,
  crypto: AccountReader,
): Promise<Result<AccountSet>> {
  const wrong = ruleBroken(set, statement)
  if (wrong !== null) return fail('account-invalid', wrong)
  if (statement.previous !== (await headOf(set, crypto))) return fail('account-invalid', 'A statement is missing.')
  const { by, signature } = statement
  if (!(await crypto.signed(by, 'enrol', accountFields(statement), signature)))
    return fail('account-invalid', 'A signature is wrong.')
  const { change, role, key } = statement
  const others = (keys: readonly PublicKeyText[]) => keys.filter((one) => one !== key)
  const added = (keys: readonly PublicKeyText[], own: typeof role) =>
    change === 'add' && role === own ? [...keys, key] : others(keys)
  return ok({
    account: set.account,
    devices: added(set.devices, 'device'),
    recovery: added(set.recovery, 'recovery'),
    removed: change === 'remove' ? [...set.removed, key] : set.removed,
    statements: [...set.statements, statement],
  })
}

function ruleBroken(set: AccountSet, { account, number, change, role, key, by }: AccountStatement): string | null {
  const { devices, recovery, removed, statements } = set
  const known = [...devices, ...recovery]
  if (account !== set.account) return 'A statement is for another account.'
  if (number !== statements.length + 1) return 'Its statements are out of order.'
  if (number > ACCOUNT_STATEMENTS_MAX) return `It has had ${ACCOUNT_STATEMENTS_MAX} changes, which is all it may.`
  if (!known.includes(by)) return 'A statement is signed by a key that is not in it.'
  if (change === 'remove') {
    if (!(role === 'device' ? devices : recovery).includes(key)) return 'A key that is not in it is taken out.'
    return role === 'device' && devices.length === 1 ? 'Its last device cannot be taken out.' : null
  }
  if (known.includes(key) || removed.includes(key)) return 'A key is in it, or was.'
  return known.length >= ACCOUNT_KEYS_MAX ? `It has ${ACCOUNT_KEYS_MAX} keys, which is all it may.` : null
}

async function headOf({ statements }: AccountSet, { sha256 }: AccountReader): Promise<string> {
  const last = statements.at(-1)
  return last ? toBase64Url(await sha256(statementBytes(last))) : ''
}

async function proofOf({ key, code }: EnrolRequest, account: AccountId, { mac }: AccountCrypto): Promise<string> {
  return toBase64Url(await mac(fromBase64Url(code) ?? new Uint8Array(0), enrolProofBytes(account, key)))
}
