/** Accounts as chains of statements: who may change them, that no other chain passes for one, and the words that recover. */
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import type { DeviceKey } from '../../../web/account/device-key.ts'
import { ACCOUNT_CRYPTO } from '../../../web/account/my-account.ts'
import { newRecoveryWords, recoveryKey } from '../../../web/account/recovery.ts'
import { type AccountSet, changeAccount, isOffered, newAccount, readAccount } from '../../../web/rules/account-set.ts'
import {
  type AccountStatement,
  ENROL_CODE_BYTES,
  parseAccountChains,
  parseAccountWish,
  parseEnrolRequest,
  writeEnrolRequest,
} from '../../../web/wire/accounts.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { ACCOUNT_KEYS_MAX } from '../../../web/wire/limits/rooms.ts'
import { ok, type Result } from '../../../web/wire/result.ts'
import { newKey, randomBytes } from '../../support/room-tabs.ts'

let keys: readonly DeviceKey[]
let first: DeviceKey
let second: DeviceKey
let third: DeviceKey
beforeAll(async () => {
  keys = await Promise.all(Array.from({ length: 4 }, newKey))
  ;[first, second, third] = keys as unknown as [DeviceKey, DeviceKey, DeviceKey]
})

const codeOf = (byte: number) => toBase64Url(new Uint8Array(ENROL_CODE_BYTES).fill(byte))
function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.code} ${result.detail}`)
  return result.value
}
const add = (set: AccountSet, key: DeviceKey, by: DeviceKey, role: 'device' | 'recovery' = 'device') =>
  changeAccount(set, { change: 'add', role, key: key.name }, by, ACCOUNT_CRYPTO, codeOf(7))
const remove = (set: AccountSet, key: DeviceKey, by: DeviceKey) =>
  changeAccount(set, { change: 'remove', role: 'device', key: key.name }, by, ACCOUNT_CRYPTO)
const read = (statements: readonly AccountStatement[]) => readAccount(first.name, statements, ACCOUNT_CRYPTO)

describe('an account', () => {
  it('grows by a device that another one signs in, and is read again from its statements', async () => {
    const two = value(await add(newAccount(first.name), second, first))
    const three = value(await add(two, third, second))
    expect(three.devices).toEqual([first.name, second.name, third.name])
    const chain = { account: first.name, statements: three.statements }
    const [parsed] = value(parseAccountChains(JSON.parse(JSON.stringify([chain]))))
    expect(parsed).toEqual(chain)
    expect(await read(parsed?.statements ?? [])).toEqual(ok(three))
  })

  it('loses a device for good, and never the last one', async () => {
    const two = value(await add(newAccount(first.name), second, first))
    const one = value(await remove(two, first, second))
    expect(one).toMatchObject({ devices: [second.name], removed: [first.name] })
    expect(await add(one, first, second)).toMatchObject({ code: 'account-invalid' })
    expect(await add(one, third, first)).toMatchObject({ code: 'account-invalid' })
    expect(await remove(one, second, second)).toMatchObject({ code: 'account-invalid' })
  })

  it('comes back with its words where the device is lost', async () => {
    const words = newRecoveryWords(randomBytes)
    const recovery = value(await recoveryKey(words))
    const safe = value(await add(newAccount(first.name), recovery, first, 'recovery'))
    expect(safe.devices).toEqual([first.name])
    const again = value(await recoveryKey(`  ${words.toUpperCase().replaceAll(' ', '\n')} `))
    const back = value(await add(safe, second, again))
    const sole = value(await remove(back, first, again))
    expect(await read(sole.statements)).toEqual(ok(sole))
    expect(sole.devices).toEqual([second.name])
  })

  it('has so many keys and no more', async () => {
    let set = newAccount(first.name)
    for (let more = 1; more < ACCOUNT_KEYS_MAX; more += 1) set = value(await add(set, await newKey(), first))
    expect(await add(set, await newKey(), first)).toMatchObject({ code: 'account-invalid' })
  })

  it('is none with any statement left out, moved, twice or changed', async () => {
    const two = value(await add(newAccount(first.name), second, first))
    const three = value(await add(two, third, second))
    const { statements } = value(await remove(three, second, third))
    // What is cut off at the end was true once.
    expect(await read(statements.slice(0, 2))).toEqual(ok(three))
    const position = fc.nat({ max: statements.length - 1 })
    const fields = ['number', 'previous', 'change', 'role', 'key', 'by', 'proof', 'signature'] as const
    const others = { number: 9, change: 'remove', role: 'recovery', key: keys[3]?.name, by: keys[3]?.name }
    const wrong: Record<string, unknown> = {
      ...others,
      ...Object.fromEntries(['previous', 'proof'].map((field) => [field, toBase64Url(new Uint8Array(32).fill(1))])),
      signature: toBase64Url(new Uint8Array(64).fill(1)),
    }
    await fc.assert(
      fc.asyncProperty(position, fc.constantFrom(...fields), async (at, field) => {
        const changed = statements.map((one, index) => (index === at ? { ...one, [field]: wrong[field] } : one))
        fc.pre(changed[at]?.[field] !== statements[at]?.[field])
        expect(await read(changed)).toMatchObject({ code: 'account-invalid' })
      }),
      { numRuns: 60 },
    )
    const [a, b, c] = statements as [AccountStatement, AccountStatement, AccountStatement]
    for (const chain of [[b], [a, c], [b, a, c], [a, a], [a, b, b]])
      expect(await read(chain)).toMatchObject({ code: 'account-invalid' })
    expect(await readAccount(second.name, statements, ACCOUNT_CRYPTO)).toMatchObject({ code: 'account-invalid' })
  })
})

describe('a new device', () => {
  it('joins the account of who saw its code, and of nobody else', async () => {
    const request = { key: second.name, code: codeOf(7) }
    const offered = value(await add(newAccount(first.name), second, first))
    expect(await isOffered(offered, request, ACCOUNT_CRYPTO)).toBe(true)
    // A server that knows the key, and not the code, puts it into an account of its own.
    const change = { change: 'add', role: 'device', key: second.name } as const
    for (const code of [codeOf(8), null]) {
      const taken = value(await changeAccount(newAccount(third.name), change, third, ACCOUNT_CRYPTO, code))
      expect(await isOffered(taken, request, ACCOUNT_CRYPTO)).toBe(false)
    }
    expect(await isOffered(value(await remove(offered, second, first)), request, ACCOUNT_CRYPTO)).toBe(false)
  })

  it('shows a link that is read as it was written, and no other', () => {
    const request = { key: second.name, code: codeOf(1) }
    const link = `https://weft.example/#${writeEnrolRequest(request)}`
    expect(parseEnrolRequest(link)).toEqual(ok(request))
    for (let cut = 1; cut < 60; cut += 1)
      expect(parseEnrolRequest(link.slice(0, -cut))).toMatchObject({ code: 'account-invalid' })
  })
})

it('words that are not those of a key are refused', async () => {
  const words = newRecoveryWords(() => new Uint8Array(16))
  expect(words.split(' ')).toHaveLength(12)
  for (const typed of ['', 'abandon', words.replace('about', 'zoo'), `${words} about`, words.replace('about', 'weft')])
    expect(await recoveryKey(typed)).toMatchObject({ code: 'recovery-words-invalid' })
})

it('statements are parsed where they arrive, whatever arrives', () => {
  fc.assert(
    fc.property(fc.anything(), (anything) => {
      expect(parseAccountWish(anything)).toMatchObject({ code: 'event-invalid' })
      const parsed = parseAccountChains(anything)
      expect(parsed.ok && parsed.value.length > 0).toBe(false)
    }),
  )
})
