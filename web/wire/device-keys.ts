/**
 * Public keys of devices and what they sign, as text and bytes that every side makes in the same way. A key is named by
 * its algorithm and its raw bytes; what is signed begins with what it is for, so that a signature given for one thing never
 * passes for another. Says what bytes mean; signing and verifying is the browser's and the server's.
 */
import { fail, ok, type Result } from './result.ts'

export const KEY_ALGORITHMS = ['ed25519', 'p256'] as const
export type KeyAlgorithm = (typeof KEY_ALGORITHMS)[number]

/** Raw public keys: 32 bytes, or an uncompressed point. */
const KEY_BYTES: Readonly<Record<KeyAlgorithm, number>> = { ed25519: 32, p256: 65 }
/** Both algorithms give 64 bytes. */
export const SIGNATURE_BYTES = 64

export interface PublicKey {
  readonly algorithm: KeyAlgorithm
  readonly bytes: Uint8Array
}

/** `ed25519:<base64url>`. Names the device everywhere. */
export type PublicKeyText = string

export function writePublicKey({ algorithm, bytes }: PublicKey): PublicKeyText {
  return `${algorithm}:${toBase64Url(bytes)}`
}

/** Refusals: `key-invalid`. Only the one way of writing a key is read, so that a device has one name. */
export function parsePublicKey(text: string): Result<PublicKey> {
  const [name = '', encoded = ''] = text.split(':', 2)
  const algorithm = KEY_ALGORITHMS.find((known) => known === name)
  const bytes = fromBase64Url(encoded)
  if (!algorithm || bytes?.length !== KEY_BYTES[algorithm] || text !== `${algorithm}:${toBase64Url(bytes)}`) {
    return fail('key-invalid', '')
  }
  return ok({ algorithm, bytes })
}

/** What a signature is for. */
export type Purpose =
  | 'connect'
  | 'fingerprint'
  | 'member'
  | 'removals'
  | 'knock'
  | 'enrol'
  | 'receipt'
  | 'acknowledge'
  | 'chain'

/** `weft/1`, the purpose and the fields, each with its length before it: no two lists of fields give the same bytes. */
export function signedBytes(purpose: Purpose, fields: readonly string[]): Uint8Array {
  const parts = ['weft/1', purpose, ...fields].map(utf8)
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0))
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const part of parts) {
    view.setUint32(at, part.length)
    bytes.set(part, at + 4)
    at += 4 + part.length
  }
  return bytes
}

/** As `TextEncoder` does it, which a pure file has not: a lone surrogate becomes U+FFFD. */
export function utf8(text: string): Uint8Array {
  const bytes: number[] = []
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    const code = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point
    const tail = (shift: number) => 0x80 | ((code >> shift) & 0x3f)
    if (code < 0x80) bytes.push(code)
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), tail(0))
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), tail(6), tail(0))
    else bytes.push(0xf0 | (code >> 18), tail(12), tail(6), tail(0))
  }
  return Uint8Array.from(bytes)
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

export function toBase64Url(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(at, at + 3)
    const word = (a << 16) | (b << 8) | c
    const digits = Math.min(bytes.length - at, 3) + 1
    for (let digit = 0; digit < digits; digit += 1) text += ALPHABET[(word >> (18 - 6 * digit)) & 63]
  }
  return text
}

/** Null for what is not base64url, or not written as `toBase64Url` writes it. */
export function fromBase64Url(text: string): Uint8Array | null {
  if (text.length % 4 === 1) return null
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4))
  let word = 0
  let bits = 0
  let at = 0
  for (const digit of text) {
    const value = ALPHABET.indexOf(digit)
    if (value < 0) return null
    word = ((word << 6) | value) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    bytes[at] = (word >> bits) & 0xff
    at += 1
  }
  return (word & ((1 << bits) - 1)) === 0 ? bytes : null
}
