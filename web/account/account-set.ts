/**
 * Who belongs to an account: reads its chain of statements from the first device on, and makes the next one. A chain that
 * breaks a rule anywhere is refused as a whole. Keeps nothing and asks nobody.
 */

import {
  type AccountId,
  type AccountStatement,
  accountFields,
  type EnrolRequest,
  enrolProofBytes,
  statementBytes,
} from '../wire/accounts.ts'
import { fromBase64Url, type PublicKeyText, parsePublicKey, toBase64Url } from '../wire/device-keys.ts'
import { ACCOUNT_KEYS_MAX, ACCOUNT_STATEMENTS_MAX } from '../wire/limits.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { DeviceKey } from './device-key.ts'
import type { RoomCrypto } from './room.ts'

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
export async function readAccount(
  account: AccountId,
  statements: readonly AccountStatement[],
  crypto: RoomCrypto,
): Promise<Result<AccountSet>> {
  let set = newAccount(account)
  for (const statement of statements) {
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
  by: Pick<DeviceKey, 'name' | 'sign'>,
  crypto: RoomCrypto,
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
export async function isOffered(set: AccountSet, request: EnrolRequest, crypto: RoomCrypto): Promise<boolean> {
  const added = set.statements.find(({ change, key }) => change === 'add' && key === request.key)
  return (
    set.devices.includes(request.key) &&
    added !== undefined &&
    added.proof === (await proofOf(request, set.account, crypto))
  )
}

async function follow(set: AccountSet, statement: AccountStatement, crypto: RoomCrypto): Promise<Result<AccountSet>> {
  const wrong = ruleBroken(set, statement)
  if (wrong !== null) return fail('account-invalid', wrong)
  if (statement.previous !== (await headOf(set, crypto))) return fail('account-invalid', 'A statement is missing.')
  const by = parsePublicKey(statement.by)
  const signature = fromBase64Url(statement.signature)
  const signed = by.ok && signature && (await crypto.verify(by.value, 'enrol', accountFields(statement), signature))
  if (!signed) return fail('account-invalid', 'A signature is wrong.')
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

async function headOf({ statements }: AccountSet, { sha256 }: RoomCrypto): Promise<string> {
  const last = statements.at(-1)
  return last ? toBase64Url(await sha256(statementBytes(last))) : ''
}

async function proofOf({ key, code }: EnrolRequest, account: AccountId, { mac }: RoomCrypto): Promise<string> {
  return toBase64Url(await mac(fromBase64Url(code) ?? new Uint8Array(0), enrolProofBytes(account, key)))
}
