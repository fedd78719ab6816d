/** Verifies what a device key has signed, by the key's name alone. Never throws. */
import {
  fromBase64Url,
  type KeyAlgorithm,
  type Purpose,
  parsePublicKey,
  signedBytes,
} from '../../web/wire/device-keys.ts'

const IMPORT = {
  ed25519: { name: 'Ed25519' },
  p256: { name: 'ECDSA', namedCurve: 'P-256' },
} as const satisfies Record<KeyAlgorithm, object>
const VERIFY = { ed25519: { name: 'Ed25519' }, p256: { name: 'ECDSA', hash: 'SHA-256' } } as const

export async function verifyText(
  key: string,
  purpose: Purpose,
  fields: readonly string[],
  signature: string,
): Promise<boolean> {
  const parsed = parsePublicKey(key)
  const bytes = fromBase64Url(signature)
  if (!parsed.ok || !bytes) return false
  const { algorithm } = parsed.value
  try {
    const imported = await crypto.subtle.importKey('raw', plain(parsed.value.bytes), IMPORT[algorithm], true, [
      'verify',
    ])
    return await crypto.subtle.verify(VERIFY[algorithm], imported, plain(bytes), plain(signedBytes(purpose, fields)))
  } catch {
    return false
  }
}

/** WebCrypto does not take views of shared memory; the type says that this is none. */
function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}
