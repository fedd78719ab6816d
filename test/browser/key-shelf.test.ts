/** The key of a device in a real browser's database: the same the next time, one for all tabs, never to be taken out. */
import { deleteDB } from 'idb'
import { beforeEach, expect, it } from 'vitest'
import { DeviceKey, makeKey, verifySigned } from '../../web/account/device-key.ts'
import { deviceIdentity } from '../../web/account/key-shelf.ts'
import { parsePublicKey } from '../../web/wire/device-keys.ts'

beforeEach(() => deleteDB('weft-keys'))

const nameOf = async ({ key }: Awaited<ReturnType<typeof deviceIdentity>>) => (await DeviceKey.of(key)).name

it('is the same the next time', async () => {
  const first = await deviceIdentity()
  expect(first.kept).toBe(true)
  expect(await nameOf(await deviceIdentity())).toBe(await nameOf(first))
})

it('is one for tabs that begin at once', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, deviceIdentity))
  expect(new Set(await Promise.all(all.map(nameOf))).size).toBe(1)
})

it.each(['ed25519', 'p256'] as const)(
  'signs with %s from the shelf, and its private half stays there',
  async (algorithm) => {
    const made = await makeKey([algorithm])
    const kept = structuredClone(made)
    await expect(crypto.subtle.exportKey('pkcs8', kept.privateKey)).rejects.toThrow()
    await expect(crypto.subtle.exportKey('jwk', kept.privateKey)).rejects.toThrow()
    const key = await DeviceKey.of(kept)
    const parsed = parsePublicKey(key.name)
    if (!parsed.ok) throw new Error(parsed.code)
    const signature = await key.sign('connect', ['a', 'b'])
    expect(await verifySigned(parsed.value, 'connect', ['a', 'b'], signature)).toBe(true)
    expect(await verifySigned(parsed.value, 'connect', ['a', 'c'], signature)).toBe(false)
  },
)

it('lasts for the page where the browser refuses its database', async () => {
  const open = indexedDB.open
  indexedDB.open = () => {
    throw new DOMException('', 'SecurityError')
  }
  try {
    expect(await deviceIdentity()).toMatchObject({ kept: false })
  } finally {
    indexedDB.open = open
  }
})
