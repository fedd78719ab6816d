/**
 * Who is in which room now, and who knocks: carries knocks to the owner and the owner's answers back, and tells members of
 * each other and of who was taken out. It knows no secret of a room. That it checks statements keeps strangers from filling a
 * room; members check each other themselves and do not believe it.
 */
import { isRemoved, newerList } from '../../web/rules/removals.ts'
import type { PublicKeyText } from '../../web/wire/device-keys.ts'
import {
  ROOM_KNOCKS_MAX,
  ROOM_MEMBERS_MAX,
  ROOM_OWNERS_MAX,
  ROOM_TELL_MS,
  ROOMS_JOINED_MAX,
} from '../../web/wire/limits/rooms.ts'
import { keyOfPeer, type PeerId } from '../../web/wire/peers.ts'
import { type Removals, removalFields } from '../../web/wire/removals.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import type { RoomWish, RoomWord } from '../../web/wire/room-events.ts'
import { type Membership, memberFields, type RoomId } from '../../web/wire/rooms.ts'
import { verifyText } from './verify.ts'

/** A room is its id and its owner: who claims an id with another key has another room, and takes nothing from this one. */
interface Room {
  readonly owner: PublicKeyText
  readonly members: Map<PeerId, Membership>
  /** The newest of the lists that its members have shown. */
  removals: Removals | null
}

interface Hall {
  readonly rooms: Map<PublicKeyText, Room>
  /** By who knocks: the proof of the invite, for the owner to read. */
  readonly knocks: Map<PeerId, string>
}

export interface RoomsParts {
  readonly nowMs: () => number
  readonly isHere: (peer: PeerId) => boolean
  readonly tell: (peer: PeerId, word: RoomWord) => void
}

export class Rooms {
  readonly #parts: RoomsParts
  readonly #halls = new Map<RoomId, Hall>()
  /** Halls in which a peer is or knocks. */
  readonly #of = new Map<PeerId, Set<RoomId>>()
  readonly #changed = new Map<Room, RoomId>()
  #telling: ReturnType<typeof setTimeout> | null = null
  #isOpen = true

  constructor(parts: RoomsParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#halls.size
  }

  /** How many are in each, and how many wait for its owner. */
  *halls(): Generator<{ readonly id: RoomId; readonly members: number; readonly knocks: number }> {
    for (const [id, { rooms, knocks }] of this.#halls) {
      const members = [...rooms.values()].reduce((sum, room) => sum + room.members.size, 0)
      yield { id, members, knocks: knocks.size }
    }
  }

  /** Those who are in the asker's room; null where the asker is in none with this id. */
  peersIn(asker: PeerId, id: RoomId): ReadonlySet<PeerId> | null {
    const room = this.#roomOf(asker, id)
    return room && new Set(room.members.keys())
  }

  /** Refusals: `room-unknown`, `room-full`, `room-list-wrong`, `peer-not-member`, `peer-unknown`. */
  async wish(own: PeerId, wish: RoomWish): Promise<Result<null>> {
    switch (wish.kind) {
      case 'enter':
        return this.#enter(own, wish.membership, wish.removals)
      case 'removals':
        return this.#takeList(own, wish.removals)
      case 'quit':
        this.#quit(own, wish.room)
        return ok(null)
      case 'knock':
        return this.#knock(own, wish.room, wish.proof)
      case 'answer':
        return this.#answer(own, wish)
      default:
        return wish satisfies never
    }
  }

  /** What a tab has said that still holds, as it would say it again. */
  wishesOf(peer: PeerId): readonly RoomWish[] {
    return this.roomsOf(peer).flatMap((id): readonly RoomWish[] => {
      const room = this.#roomOf(peer, id)
      const membership = room?.members.get(peer)
      if (room && membership) return [{ kind: 'enter', membership, removals: room.removals }]
      const proof = this.#halls.get(id)?.knocks.get(peer)
      return proof === undefined ? [] : [{ kind: 'knock', room: id, proof }]
    })
  }

  /** In which it is, or knocks. */
  roomsOf(peer: PeerId): readonly RoomId[] {
    return [...(this.#of.get(peer) ?? [])]
  }

  /** Its lease has ended, or it left. */
  gone(peer: PeerId): void {
    for (const id of [...(this.#of.get(peer) ?? [])]) this.#quit(peer, id)
  }

  /** What is still under way tells nobody any more. */
  close(): void {
    this.#isOpen = false
    if (this.#telling !== null) clearTimeout(this.#telling)
  }

  async #enter(own: PeerId, membership: Membership, shown: Removals | null): Promise<Result<null>> {
    const { room: id, owner, key, untilMs, signature } = membership
    if (key !== keyOfPeer(own)) return fail('peer-not-member', 'The statement is for another key.')
    if (untilMs <= this.#parts.nowMs()) return fail('peer-not-member', 'The statement has expired.')
    if (!(await verifyText(owner, 'member', memberFields(membership), signature))) {
      return fail('peer-not-member', 'The signature of the statement is wrong.')
    }
    const listed = shown && (await checkList(shown, membership))
    if (listed && !listed.ok) return listed
    // It may have left while the signature was verified.
    if (!this.#parts.isHere(own)) return fail('not-proven', '')
    if (!this.#mayBeIn(own, id)) return fail('room-full', `A tab is in ${ROOMS_JOINED_MAX} rooms at most.`)
    const hall = this.#hall(id)
    const room = hall.rooms.get(owner) ?? { owner, members: new Map<PeerId, Membership>(), removals: null }
    if (isRemoved(membership, room.removals)) {
      if (room.removals) this.#parts.tell(own, { kind: 'removals', room: id, removals: room.removals })
      return fail('peer-not-member', 'The owner has taken it out of the room.')
    }
    if (!hall.rooms.has(owner) && hall.rooms.size >= ROOM_OWNERS_MAX) return fail('room-full', '')
    if (!room.members.has(own) && room.members.size >= ROOM_MEMBERS_MAX) {
      return fail('room-full', `It has ${ROOM_MEMBERS_MAX} tabs.`)
    }
    // In one room of this id only: that of the owner it names now.
    for (const other of hall.rooms.values()) if (other !== room) this.#leave(hall, other, own, id)
    hall.rooms.set(owner, room)
    hall.knocks.delete(own)
    room.members.set(own, membership)
    this.#note(own, id)
    if (shown) this.#renew(room, shown)
    if (room.removals && room.removals !== shown)
      this.#parts.tell(own, { kind: 'removals', room: id, removals: room.removals })
    this.#change(id, room)
    if (key === owner)
      for (const [from, proof] of hall.knocks) this.#parts.tell(own, { kind: 'knock', room: id, from, proof })
    return ok(null)
  }

  #knock(own: PeerId, id: RoomId, proof: string): Result<null> {
    if (!this.#mayBeIn(own, id)) return fail('room-full', `A tab is in ${ROOMS_JOINED_MAX} rooms at most.`)
    const hall = this.#hall(id)
    if (!hall.knocks.has(own) && hall.knocks.size >= ROOM_KNOCKS_MAX)
      return fail('room-full', 'Too many wait for its owner.')
    hall.knocks.set(own, proof)
    this.#note(own, id)
    for (const { owner, members } of hall.rooms.values())
      for (const peer of members.keys())
        if (keyOfPeer(peer) === owner) this.#parts.tell(peer, { kind: 'knock', room: id, from: own, proof })
    return ok(null)
  }

  async #takeList(own: PeerId, removals: Removals): Promise<Result<null>> {
    const membership = this.#roomOf(own, removals.room)?.members.get(own)
    if (!membership) return fail('room-unknown', '')
    const checked = await checkList(removals, membership)
    const room = this.#roomOf(own, removals.room)
    if (!checked.ok || !room) return checked
    this.#renew(room, removals)
    return ok(null)
  }

  /** Those whom a newer list takes out are told so, and are in the room no more. */
  #renew(room: Room, shown: Removals): void {
    if (newerList(room.removals, shown) !== shown || room.removals?.signature === shown.signature) return
    room.removals = shown
    for (const [peer, membership] of [...room.members]) {
      this.#parts.tell(peer, { kind: 'removals', room: shown.room, removals: shown })
      if (isRemoved(membership, shown)) this.#quit(peer, shown.room)
    }
  }

  #answer(
    own: PeerId,
    { room: id, to, membership, removals }: Extract<RoomWish, { readonly kind: 'answer' }>,
  ): Result<null> {
    if (this.#roomOf(own, id)?.owner !== keyOfPeer(own)) return fail('room-unknown', 'Only its owner answers.')
    if (!this.#of.get(to)?.has(id)) return fail('peer-unknown', '')
    this.#parts.tell(to, { kind: 'answer', room: id, membership, removals })
    return ok(null)
  }

  #quit(own: PeerId, id: RoomId): void {
    const hall = this.#halls.get(id)
    if (!hall) return
    hall.knocks.delete(own)
    for (const room of [...hall.rooms.values()]) this.#leave(hall, room, own, id)
    const halls = this.#of.get(own)
    halls?.delete(id)
    if (halls?.size === 0) this.#of.delete(own)
    if (hall.rooms.size === 0 && hall.knocks.size === 0) this.#halls.delete(id)
  }

  #leave(hall: Hall, room: Room, own: PeerId, id: RoomId): void {
    if (!room.members.delete(own)) return
    if (room.members.size === 0) hall.rooms.delete(room.owner)
    this.#change(id, room)
  }

  #roomOf(peer: PeerId, id: RoomId): Room | null {
    return [...(this.#halls.get(id)?.rooms.values() ?? [])].find(({ members }) => members.has(peer)) ?? null
  }

  #hall(id: RoomId): Hall {
    const hall = this.#halls.get(id) ?? { rooms: new Map<PublicKeyText, Room>(), knocks: new Map<PeerId, string>() }
    this.#halls.set(id, hall)
    return hall
  }

  #mayBeIn(peer: PeerId, id: RoomId): boolean {
    const halls = this.#of.get(peer)
    return !halls || halls.has(id) || halls.size < ROOMS_JOINED_MAX
  }

  #note(peer: PeerId, id: RoomId): void {
    this.#of.set(peer, (this.#of.get(peer) ?? new Set<RoomId>()).add(id))
  }

  #change(id: RoomId, room: Room): void {
    this.#changed.set(room, id)
    if (this.#isOpen) this.#telling ??= setTimeout(() => this.#tell(), ROOM_TELL_MS)
  }

  #tell(): void {
    this.#telling = null
    for (const [room, id] of this.#changed) {
      const members = [...room.members].map(([peer, membership]) => ({ peer, membership }))
      for (const { peer } of members) this.#parts.tell(peer, { kind: 'members', room: id, members })
    }
    this.#changed.clear()
  }
}

/** Of a room that is told from others of its id by its owner. */
async function checkList(removals: Removals, { room, owner }: Membership): Promise<Result<null>> {
  if (removals.room !== room || removals.owner !== owner) return fail('room-list-wrong', 'It is for another room.')
  const signed = await verifyText(owner, 'removals', removalFields(removals), removals.signature)
  return signed ? ok(null) : fail('room-list-wrong', 'Its signature is wrong.')
}
