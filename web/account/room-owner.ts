/**
 * What only the owner of a room does: signs who belongs to it, makes invites, lets in or not, takes out. Each call does
 * nothing in a room of somebody else. Holds no room: what changes is handed to who does.
 */
import { listWith } from '../rules/removals.ts'
import { type PublicKeyText, toBase64Url } from '../wire/device-keys.ts'
import { MEMBERSHIP_MS, ROOM_KNOCKS_MAX, ROOM_LET_IN_MAX, ROOM_REMOVED_MAX } from '../wire/limits/rooms.ts'
import { keyOfPeer, type PeerId } from '../wire/peers.ts'
import type { Removals } from '../wire/removals.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { RoomWish } from '../wire/room-events.ts'
import { type Membership, ROOM_SECRET_BYTES, type RoomId } from '../wire/rooms.ts'
import type { DeviceKey } from './device-key.ts'
import type { HeldRoom } from './held-room.ts'
import { signRemovals } from './removals.ts'
import { proveInvite, type RoomCrypto, signMembership } from './room.ts'
import type { KeptRoom, RoomChange } from './room-shelf.ts'

export interface RoomOwnerParts {
  readonly key: Pick<DeviceKey, 'name' | 'sign'>
  readonly crypto: RoomCrypto
  readonly random: (bytes: number) => Uint8Array
  readonly nowMs: () => number
  readonly say: (wish: RoomWish) => Promise<Result<null>>
  readonly keep: (room: HeldRoom, change: RoomChange) => Promise<void>
  /** Keeps a list of removed devices with what changes beside it, and tells of it. */
  readonly know: (room: HeldRoom, removals: Removals, change: RoomChange) => Promise<void>
  readonly onChange: () => void
}

export class RoomOwner {
  readonly #parts: RoomOwnerParts

  constructor(parts: RoomOwnerParts) {
    this.#parts = parts
  }

  /** `alone`: it lets in by itself. */
  newInvite(alone: boolean): NonNullable<KeptRoom['invite']> {
    return { secret: this.#secret(), alone }
  }

  /** A new link; the one before lets nobody in any more. */
  async renewInvite(room: HeldRoom, alone: boolean): Promise<void> {
    if (!room.kept.invite) return
    const invite = this.newInvite(alone)
    await this.#parts.keep(room, (kept) => ({ ...kept, invite }))
  }

  /** The owner's word to who knocks. Refusals: `room-unknown`, and those of the server. */
  async answer(room: HeldRoom, peer: PeerId, yes: boolean): Promise<Result<null>> {
    const key = keyOfPeer(peer)
    if (!room.kept.invite || key === null || !room.knocking.has(peer)) return fail('room-unknown', '')
    room.knocking.delete(peer)
    this.#parts.onChange()
    return this.#sayAnswer(room, peer, yes ? await this.#letIn(room, key) : null)
  }

  /** Null where another list came meanwhile: ask again. Refusals: `room-unknown`, `room-full` where too many were removed of late. */
  async remove(room: HeldRoom, key: PublicKeyText): Promise<Result<null> | null> {
    if (!room.kept.invite || key === this.#parts.key.name) return fail('room-unknown', '')
    const known = room.kept.removals
    const list = listWith(known, key, this.#parts.nowMs())
    if (!list) return fail('room-full', `${ROOM_REMOVED_MAX} devices were taken out in the last weeks.`)
    const removals = await this.signList(room.kept.id, list)
    // Another list has come while this one was signed: one number names one list.
    if (room.kept.removals !== known) return null
    const invite = this.newInvite(room.kept.invite.alone)
    const without = ({ letIn }: KeptRoom) => letIn.filter((one) => one.key !== key)
    await this.#parts.know(room, removals, (kept) => ({ ...kept, invite, letIn: without(kept) }))
    return ok(null)
  }

  async hearKnock(room: HeldRoom, from: PeerId, proof: string): Promise<void> {
    const { id, invite, removals } = room.kept
    const key = keyOfPeer(from)
    if (!invite || key === null) return
    // Of an older link, or guessed: nobody is bothered with it.
    if (proof !== (await proveInvite(invite.secret, id, key, this.#parts.crypto))) return
    // Who was taken out comes back by a person's word only.
    const wasRemoved = removals?.removed.some((one) => one.key === key) ?? false
    if (invite.alone && !wasRemoved) await this.#sayAnswer(room, from, await this.#letIn(room, key))
    else if (room.knocking.size < ROOM_KNOCKS_MAX) room.knocking.add(from)
  }

  sign(room: HeldRoom, key: PublicKeyText): Promise<Membership> {
    const { id, removals } = room.kept
    const untilMs = Math.round(this.#parts.nowMs()) + MEMBERSHIP_MS
    return signMembership(this.#parts.key, { room: id, key, untilMs, listNumber: removals?.number ?? 0 })
  }

  signList(room: RoomId, list: Pick<Removals, 'number' | 'removed'>): Promise<Removals> {
    return signRemovals(this.#parts.key, { room, ...list })
  }

  /** Remembered, so that it can be taken out also while it is not here. */
  async #letIn(room: HeldRoom, key: PublicKeyText): Promise<Membership> {
    const membership = await this.sign(room, key)
    const nowMs = this.#parts.nowMs()
    await this.#parts.keep(room, (kept) => {
      const others = kept.letIn.filter((one) => one.key !== key && one.untilMs > nowMs)
      return { ...kept, letIn: [...others, { key, untilMs: membership.untilMs }].slice(-ROOM_LET_IN_MAX) }
    })
    return membership
  }

  #sayAnswer({ kept }: HeldRoom, to: PeerId, membership: Membership | null): Promise<Result<null>> {
    return this.#parts.say({ kind: 'answer', room: kept.id, to, membership, removals: kept.removals })
  }

  #secret(): string {
    return toBase64Url(this.#parts.random(ROOM_SECRET_BYTES))
  }
}
