/**
 * A recovery key from twelve words: 128 random bits as BIP-39 writes them in English, and the Ed25519 key that they make.
 * The words are shown once and kept nowhere; whoever has them can sign for the account.
 */
import { entropyToMnemonic, mnemonicToEntropy, mnemonicToSeedWebcrypto } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { fromBase64Url } from '../wire/device-keys.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import { DeviceKey } from './device-key.ts'

const ENTROPY_BYTES = 16
const SEED_BYTES = 32
/** RFC 8410: an Ed25519 private key in PKCS #8, up to its 32 bytes. */
const PKCS8_HEAD = Uint8Array.from([0x30, 46, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 34, 4, 32])

export function newRecoveryWords(random: (bytes: number) => Uint8Array): string {
  return entropyToMnemonic(random(ENTROPY_BYTES), wordlist)
}

/** However they were typed. Refusals: `recovery-words-invalid`. Rejects where the browser has no Ed25519. */
export async function recoveryKey(typed: string): Promise<Result<DeviceKey>> {
  const words = typed.trim().toLowerCase().split(/\s+/).join(' ')
  try {
    if (mnemonicToEntropy(words, wordlist).length !== ENTROPY_BYTES) return fail('recovery-words-invalid', '')
  } catch (error) {
    // The library says what is wrong with them; that is not repeated, since it may name words.
    if (error instanceof Error) return fail('recovery-words-invalid', '')
    throw error
  }
  const seed = await mnemonicToSeedWebcrypto(words, 'weft/1 recovery')
  const pkcs8 = new Uint8Array([...PKCS8_HEAD, ...seed.subarray(0, SEED_BYTES)])
  const algorithm = { name: 'Ed25519' }
  // Readable for a moment only, to learn the public half.
  const readable = await crypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign'])
  const { x = '' } = await crypto.subtle.exportKey('jwk', readable)
  const privateKey = await crypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign'])
  const point = new Uint8Array(fromBase64Url(x) ?? [])
  const publicKey = await crypto.subtle.importKey('raw', point, algorithm, true, ['verify'])
  return ok(await DeviceKey.of({ algorithm: 'ed25519', privateKey, publicKey }))
}
