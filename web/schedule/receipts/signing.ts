/** Signatures of receipts and acknowledgements as the text that is said and kept. Decides nothing about what is signed. */
import type { verifySigned } from '../../account/device-key.ts'
import type { Signer } from '../../mesh/signal-client.ts'
import { fromBase64Url, type PublicKeyText, type Purpose, parsePublicKey, toBase64Url } from '../../wire/device-keys.ts'

export interface Signing {
  readonly key: Signer
  readonly verify: typeof verifySigned
}

export async function signText({ key }: Signing, purpose: Purpose, fields: readonly string[]): Promise<string> {
  return toBase64Url(await key.sign(purpose, fields))
}

/** Whether this is that device's signature over exactly this. */
export async function isSignedBy(
  { verify }: Signing,
  name: PublicKeyText,
  purpose: Purpose,
  fields: readonly string[],
  signature: string,
): Promise<boolean> {
  const [key, bytes] = [parsePublicKey(name), fromBase64Url(signature)]
  return key.ok && bytes !== null && verify(key.value, purpose, fields, bytes)
}
