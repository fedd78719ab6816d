/**
 * An owner's list of removed devices, signed and checked, and whether a member's statement holds beside it. Keeps nothing and
 * knows no server. The rules are `web/rules/removals.ts`.
 */
import { isRemoved } from '../rules/removals.ts'
import { fromBase64Url, parsePublicKey, toBase64Url } from '../wire/device-keys.ts'
import { type Removals, removalFields } from '../wire/removals.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { Membership, RoomId } from '../wire/rooms.ts'
import type { DeviceKey } from './device-key.ts'
import { ownerHashOf, type RoomCrypto } from './room.ts'

export async function signRemovals(
  owner: Pick<DeviceKey, 'name' | 'sign'>,
  about: Pick<Removals, 'room' | 'number' | 'removed'>,
): Promise<Removals> {
  const signature = toBase64Url(await owner.sign('removals', removalFields(about)))
  return { room: about.room, owner: owner.name, number: about.number, removed: about.removed, signature }
}

/** Refusals: `room-list-wrong`. `ownerHash`: from the invite. */
export async function checkRemovals(
  removals: Removals,
  { room, ownerHash }: { readonly room: RoomId; readonly ownerHash: string },
  crypto: RoomCrypto,
): Promise<Result<null>> {
  if (removals.room !== room) return fail('room-list-wrong', 'It is for another room.')
  if ((await ownerHashOf(removals.owner, crypto)) !== ownerHash) {
    return fail('room-list-wrong', 'It is signed by another key than the one in the invite.')
  }
  const [owner, signature] = [parsePublicKey(removals.owner), fromBase64Url(removals.signature)]
  const signed =
    owner.ok && signature && (await crypto.verify(owner.value, 'removals', removalFields(removals), signature))
  return signed ? ok(null) : fail('room-list-wrong', 'Its signature is wrong.')
}

/**
 * Whether a statement that was checked holds beside the newest list known here. `own`: of this device; both statements name
 * the list they were signed under, so a list that somebody keeps back is missed. Refusals: `peer-not-member`.
 */
export function standsIn(member: Membership, own: Membership | null, removals: Removals | null): Result<null> {
  if (isRemoved(member, removals)) return fail('peer-not-member', 'The owner has taken it out of the room.')
  const needed = Math.max(member.listNumber, own?.listNumber ?? 0)
  if (member.key !== member.owner && (removals?.number ?? 0) < needed) {
    return fail('peer-not-member', `List ${needed} of removed devices has not come here yet.`)
  }
  return ok(null)
}
