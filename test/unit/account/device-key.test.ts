/** Device keys: one name a key, signatures that hold for one purpose and exactly these fields, on both algorithms. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DeviceKey, makeKey, verifySigned } from '../../../web/account/device-key.ts'
import {
  fromBase64Url,
  KEY_ALGORITHMS,
  parsePublicKey,
  signedBytes,
  toBase64Url,
} from '../../../web/wire/device-keys.ts'

describe.each(KEY_ALGORITHMS)('a key: %s', (algorithm) => {
  it('signs what others can verify by its name alone', async () => {
    const key = await DeviceKey.of(await makeKey([algorithm]))
    const name = parsePublicKey(key.name)
    if (!name.ok) throw new Error('its own name is refused')
    const signature = await key.sign('connect', ['server', 'nonce'])
    const holds = (...args: Parameters<typeof verifySigned> extends [unknown, ...infer Rest] ? Rest : never) =>
      verifySigned(name.value, ...args)
    expect(await holds('connect', ['server', 'nonce'], signature)).toBe(true)
    expect(await holds('member', ['server', 'nonce'], signature)).toBe(false)
    expect(await holds('connect', ['server', 'other'], signature)).toBe(false)
    expect(await holds('connect', ['servern', 'once'], signature)).toBe(false)
    expect(await holds('connect', ['server', 'nonce'], signature.subarray(1))).toBe(false)
    const other = await DeviceKey.of(await makeKey([algorithm]))
    expect(await holds('connect', ['server', 'nonce'], await other.sign('connect', ['server', 'nonce']))).toBe(false)
    expect(other.name).not.toBe(key.name)
  })

  it('does not leave its browser', async () => {
    const kept = await makeKey([algorithm])
    for (const format of ['pkcs8', 'jwk'] as const) {
      await expect(crypto.subtle.exportKey(format, kept.privateKey)).rejects.toThrow()
    }
  })
})

describe('names and bytes', () => {
  it('are read only as they are written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const text = toBase64Url(bytes)
        expect(text).toBe(Buffer.from(bytes).toString('base64url'))
        expect(fromBase64Url(text)).toEqual(bytes)
      }),
    )
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'AZaz09-_=+/ '), maxLength: 20 }), (text) => {
        const bytes = fromBase64Url(text)
        if (bytes) expect(toBase64Url(bytes)).toBe(text)
      }),
    )
    for (const text of ['', ':', 'ed25519:', 'rsa:AAAA', `ed25519:${'A'.repeat(44)}`, `ed25519:${'A'.repeat(43)}=`]) {
      expect(parsePublicKey(text)).toMatchObject({ ok: false, code: 'key-invalid' })
    }
    expect(parsePublicKey(`ed25519:${'A'.repeat(43)}`).ok).toBe(true)
  })

  it('are made of text as everybody encodes it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('', '\ud800', '\udc00x'), (text, odd) => {
        const own = signedBytes('connect', [text + odd]).subarray(4 + 6 + 4 + 7 + 4)
        expect(own).toEqual(new TextEncoder().encode(text + odd))
      }),
    )
  })

  it('of different fields are different', () => {
    const field = fc.string({ maxLength: 6 })
    fc.assert(
      fc.property(fc.array(field, { maxLength: 4 }), fc.array(field, { maxLength: 4 }), (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b)
        const hex = (fields: readonly string[]) => Buffer.from(signedBytes('connect', fields)).toString('hex')
        expect(hex(a) === hex(b)).toBe(same)
      }),
      { numRuns: 500 },
    )
  })
})
