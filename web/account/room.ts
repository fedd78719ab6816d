/**
 * The keys of a room: the owner signs who belongs to it, everybody checks that against the owner's key that their invite
 * names, and who knocks proves that they have the invite. Keeps nothing and knows no server.
 */
import { fromBase64Url, type PublicKeyText, parsePublicKey, toBase64Url } from '../wire/device-keys.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import { knockBytes, type Membership, memberFields, type RoomId } from '../wire/rooms.ts'
import type { DeviceKey, verifySigned } from './device-key.ts'

export interface RoomCrypto {
  readonly verify: typeof verifySigned
  readonly sha256: (bytes: Uint8Array) => Promise<Uint8Array>
  readonly mac: (secret: Uint8Array, bytes: Uint8Array) => Promise<Uint8Array>
}

/** What a statement has to be to be believed. */
export interface MemberCheck {
  readonly room: RoomId
  /** From the invite. */
  readonly ownerHash: string
  /** Of the peer that shows it: whose key it is was proven when the link was made. */
  readonly key: PublicKeyText
  readonly nowMs: number
}

export const BROWSER_ROOM_CRYPTO: Omit<RoomCrypto, 'verify'> = {
  sha256: async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes))),
  async mac(secret, bytes) {
    const key = await crypto.subtle.importKey('raw', new Uint8Array(secret), { name: 'HMAC', hash: 'SHA-256' }, false, [
      'sign',
    ])
    return new Uint8Array(await crypto.subtle.sign('HMAC', key, new Uint8Array(bytes)))
  },
}

export async function ownerHashOf(owner: PublicKeyText, { sha256 }: Pick<RoomCrypto, 'sha256'>): Promise<string> {
  return toBase64Url(await sha256(new TextEncoder().encode(owner)))
}

export async function signMembership(
  owner: Pick<DeviceKey, 'name' | 'sign'>,
  about: Omit<Membership, 'owner' | 'signature'>,
): Promise<Membership> {
  const { room, key, untilMs, listNumber } = about
  const signature = toBase64Url(await owner.sign('member', memberFields(about)))
  return { room, owner: owner.name, key, untilMs, listNumber, signature }
}

/** Refusals: `peer-not-member`. */
export async function checkMembership(
  membership: Membership | null,
  { room, ownerHash, key, nowMs }: MemberCheck,
  crypto: RoomCrypto,
): Promise<Result<null>> {
  if (!membership) return fail('peer-not-member', 'It shows no statement of the owner.')
  if (membership.room !== room) return fail('peer-not-member', 'Its statement is for another room.')
  if (membership.key !== key) return fail('peer-not-member', "Its statement is for somebody else's key.")
  if (membership.untilMs <= nowMs) return fail('peer-not-member', 'Its statement has expired.')
  if ((await ownerHashOf(membership.owner, crypto)) !== ownerHash) {
    return fail('peer-not-member', 'Its statement is signed by another key than the one in the invite.')
  }
  const owner = parsePublicKey(membership.owner)
  const signature = fromBase64Url(membership.signature)
  const signed =
    owner.ok && signature && (await crypto.verify(owner.value, 'member', memberFields(membership), signature))
  return signed ? ok(null) : fail('peer-not-member', 'The signature of its statement is wrong.')
}

/** Proves the invite's secret to the owner, for this key alone; whoever carries it learns nothing that works for another. */
export async function proveInvite(
  secret: string,
  room: RoomId,
  key: PublicKeyText,
  { mac }: Pick<RoomCrypto, 'mac'>,
): Promise<string> {
  return toBase64Url(await mac(fromBase64Url(secret) ?? new Uint8Array(0), knockBytes(room, key)))
}
