/**
 * The key of this device: made here on first use, never to leave. Ed25519 where the browser has it, else ECDSA over P-256.
 * Signs statements and verifies those of others. Keeps nothing; `key-shelf.ts` does.
 */

import type { Purpose } from '../wire/device-keys.ts'
import {
  type KeyAlgorithm,
  type PublicKey,
  type PublicKeyText,
  signedBytes,
  writePublicKey,
} from '../wire/device-keys.ts'

const MAKE = {
  ed25519: { name: 'Ed25519' },
  p256: { name: 'ECDSA', namedCurve: 'P-256' },
} as const satisfies Record<KeyAlgorithm, Algorithm | EcKeyGenParams>

const SIGN = {
  ed25519: { name: 'Ed25519' },
  p256: { name: 'ECDSA', hash: 'SHA-256' },
} as const satisfies Record<KeyAlgorithm, Algorithm | EcdsaParams>

export interface KeptKey {
  readonly algorithm: KeyAlgorithm
  /** Not extractable. */
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
}

export class DeviceKey {
  /** Names the device. */
  readonly name: PublicKeyText
  readonly #kept: KeptKey

  private constructor(name: PublicKeyText, kept: KeptKey) {
    this.name = name
    this.#kept = kept
  }

  static async of(kept: KeptKey): Promise<DeviceKey> {
    const bytes = new Uint8Array(await crypto.subtle.exportKey('raw', kept.publicKey))
    return new DeviceKey(writePublicKey({ algorithm: kept.algorithm, bytes }), kept)
  }

  async sign(purpose: Purpose, fields: readonly string[]): Promise<Uint8Array> {
    const { algorithm, privateKey } = this.#kept
    return new Uint8Array(await crypto.subtle.sign(SIGN[algorithm], privateKey, plain(signedBytes(purpose, fields))))
  }
}

/** `algorithms`: in the order of preference; the first that the browser has is taken. */
export async function makeKey(algorithms: readonly KeyAlgorithm[] = ['ed25519', 'p256']): Promise<KeptKey> {
  let refusal: unknown = null
  for (const algorithm of algorithms) {
    try {
      const pair = await crypto.subtle.generateKey(MAKE[algorithm], false, ['sign', 'verify'])
      if (!('privateKey' in pair)) throw new Error(`${algorithm} gave no pair`)
      return { algorithm, privateKey: pair.privateKey, publicKey: pair.publicKey }
    } catch (error) {
      refusal = error
    }
  }
  throw refusal
}

/** False for anything that is not this key's signature over exactly this. Never throws. */
export async function verifySigned(
  { algorithm, bytes }: PublicKey,
  purpose: Purpose,
  fields: readonly string[],
  signature: Uint8Array,
): Promise<boolean> {
  try {
    const key = await crypto.subtle.importKey('raw', plain(bytes), MAKE[algorithm], true, ['verify'])
    return await crypto.subtle.verify(SIGN[algorithm], key, plain(signature), plain(signedBytes(purpose, fields)))
  } catch {
    return false
  }
}

/** WebCrypto does not take views of shared memory; the type says that this is none. */
function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}
