/**
 * The rooms of this device: makes them, invites, lets in or not, joins, leaves, and knows who is in them now. What the
 * server says of members is believed only with the owner's statement. Knows no link and no screen.
 */
import type { PublicKeyText } from '../wire/device-keys.ts'
import { toBase64Url } from '../wire/device-keys.ts'
import { MEMBERSHIP_MS, ROOM_KNOCKS_MAX, ROOMS_JOINED_MAX } from '../wire/limits.ts'
import { keyOfPeer, type PeerId } from '../wire/peers.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { RoomMember, RoomWish, RoomWord } from '../wire/room-events.ts'
import {
  type Membership,
  parseInvite,
  ROOM_SECRET_BYTES,
  type RoomId,
  randomRoomId,
  roomName,
  writeInvite,
} from '../wire/rooms.ts'
import type { DeviceKey } from './device-key.ts'
import { checkMembership, ownerHashOf, proveInvite, type RoomCrypto, signMembership } from './room.ts'
import type { KeptRoom, RoomShelf } from './room-shelf.ts'

export interface RoomPerson {
  readonly key: PublicKeyText
  readonly peers: readonly PeerId[]
  readonly isOwner: boolean
  readonly isSelf: boolean
}

export interface RoomView {
  readonly id: RoomId
  readonly name: string
  /** This device owns it. */
  readonly mine: boolean
  /** `ended`: the statement of the owner has expired; the invite is used again. */
  readonly state: 'asking' | 'declined' | 'in' | 'ended'
  /** Who is here now, this device among them. */
  readonly people: readonly RoomPerson[]
  /** Who waits for the owner's word. */
  readonly knocking: readonly PeerId[]
  /** Of a room of this device; the part of an address after the `#`. */
  readonly invite: { readonly hash: string; readonly alone: boolean } | null
}

export interface MyRoomsParts {
  readonly key: Pick<DeviceKey, 'name' | 'sign'>
  readonly shelf: RoomShelf
  readonly crypto: RoomCrypto
  readonly random: (bytes: number) => Uint8Array
  /** The server's clock, as well as this tab knows it. */
  readonly nowMs: () => number
  readonly say: (wish: RoomWish) => Promise<Result<null>>
  readonly onChange: (rooms: readonly RoomView[]) => void
}

interface Room {
  kept: KeptRoom
  members: readonly RoomMember[]
  readonly knocking: Set<PeerId>
  declined: boolean
}

export class MyRooms {
  readonly #parts: MyRoomsParts
  readonly #rooms = new Map<RoomId, Room>()

  private constructor(parts: MyRoomsParts) {
    this.#parts = parts
  }

  static async open(parts: MyRoomsParts): Promise<MyRooms> {
    const rooms = new MyRooms(parts)
    for (const kept of await parts.shelf.all()) rooms.#rooms.set(kept.id, roomOf(kept))
    rooms.#changed()
    return rooms
  }

  /** This device's own statement; null where it is not in the room. */
  own(id: RoomId): Membership | null {
    return this.#rooms.get(id)?.kept.membership ?? null
  }

  /** Whether a peer with this key belongs to a room of this device. Refusals: `room-unknown`, `peer-not-member`. */
  async check(id: RoomId, key: PublicKeyText, membership: Membership | null): Promise<Result<null>> {
    const room = this.#rooms.get(id)
    if (!room) return fail('room-unknown', '')
    const { nowMs, crypto } = this.#parts
    return checkMembership(membership, { room: id, ownerHash: room.kept.ownerHash, key, nowMs: nowMs() }, crypto)
  }

  /** The server is there again: it may have forgotten who is where. */
  async arrive(): Promise<void> {
    await Promise.all([...this.#rooms.values()].map((room) => this.#appear(room)))
  }

  /** Refusals: `room-full`, and those of the server. `alone`: its invite lets in by itself. */
  async make(name: string, alone: boolean): Promise<Result<RoomId>> {
    if (this.#rooms.size >= ROOMS_JOINED_MAX) return fail('room-full', `${ROOMS_JOINED_MAX} rooms at most.`)
    const { key, random, crypto } = this.#parts
    const id = randomRoomId(random)
    const ownerHash = await ownerHashOf(key.name, crypto)
    const invite = { secret: this.#secret(), alone }
    const kept = { id, name: roomName(name), ownerHash, membership: null, knock: null, invite }
    return this.#begin(kept)
  }

  /** With an invite, as a whole address or its end. Refusals: `invite-invalid`, `room-full`, and those of the server. */
  async join(text: string): Promise<Result<RoomId>> {
    const invite = parseInvite(text)
    if (!invite.ok) return invite
    const { room: id, ownerHash, secret, name } = invite.value
    const known = this.#rooms.get(id)
    // Another owner of the same id is another room: the one that is kept stays.
    if (known && known.kept.ownerHash !== ownerHash) return fail('invite-invalid', 'It names another owner.')
    if (known && (known.kept.invite || this.#stateOf(known) === 'in')) return ok(id)
    if (!known && this.#rooms.size >= ROOMS_JOINED_MAX) return fail('room-full', `${ROOMS_JOINED_MAX} rooms at most.`)
    return this.#begin({ id, name, ownerHash, membership: null, knock: secret, invite: null })
  }

  /** A new link; the one before lets nobody in any more. */
  async renewInvite(id: RoomId, alone: boolean): Promise<void> {
    const room = this.#rooms.get(id)
    if (room?.kept.invite) await this.#keep(room, { ...room.kept, invite: { secret: this.#secret(), alone } })
  }

  /** The owner's word to who knocks. */
  async answer(id: RoomId, peer: PeerId, yes: boolean): Promise<Result<null>> {
    const room = this.#rooms.get(id)
    const key = keyOfPeer(peer)
    if (!room?.kept.invite || key === null || !room.knocking.has(peer)) return fail('room-unknown', '')
    const membership = yes ? await this.#sign(id, key) : null
    room.knocking.delete(peer)
    this.#changed()
    return this.#parts.say({ kind: 'answer', room: id, to: peer, membership })
  }

  async leave(id: RoomId): Promise<void> {
    if (!this.#rooms.delete(id)) return
    this.#changed()
    await this.#parts.shelf.drop(id)
    await this.#parts.say({ kind: 'quit', room: id })
  }

  /** From the server. */
  async hear(word: RoomWord): Promise<void> {
    const room = this.#rooms.get(word.room)
    if (!room) return
    if (word.kind === 'members') await this.#hearMembers(room, word.members)
    else if (word.kind === 'knock') await this.#hearKnock(room, word.from, word.proof)
    else await this.#hearAnswer(room, word.membership)
    this.#changed()
  }

  async #hearMembers(room: Room, members: readonly RoomMember[]): Promise<void> {
    const checks = await Promise.all(
      members.map(async (member) => {
        const checked = await this.check(room.kept.id, keyOfPeer(member.peer) ?? '', member.membership)
        return checked.ok ? [member] : []
      }),
    )
    room.members = checks.flat()
    const inside = new Set(room.members.map(({ membership }) => membership.key))
    for (const peer of room.knocking) if (inside.has(keyOfPeer(peer) ?? '')) room.knocking.delete(peer)
  }

  async #hearKnock(room: Room, from: PeerId, proof: string): Promise<void> {
    const { id, invite } = room.kept
    const key = keyOfPeer(from)
    if (!invite || key === null) return
    // Of an older link, or guessed: nobody is bothered with it.
    if (proof !== (await proveInvite(invite.secret, id, key, this.#parts.crypto))) return
    if (invite.alone) {
      await this.#parts.say({ kind: 'answer', room: id, to: from, membership: await this.#sign(id, key) })
    } else if (room.knocking.size < ROOM_KNOCKS_MAX) room.knocking.add(from)
  }

  async #hearAnswer(room: Room, membership: Membership | null): Promise<void> {
    const { id, knock } = room.kept
    if (knock === null) return
    if (!membership) {
      room.declined = true
      await this.#parts.say({ kind: 'quit', room: id })
      return
    }
    // A statement of anybody but the owner whom the invite names is no answer.
    if (!(await this.check(id, this.#parts.key.name, membership)).ok) return
    await this.#keep(room, { ...room.kept, membership, knock: null })
    await this.#appear(room)
  }

  async #begin(kept: KeptRoom): Promise<Result<RoomId>> {
    const room = roomOf(kept)
    this.#rooms.set(kept.id, room)
    await this.#keep(room, kept)
    const said = await this.#appear(room)
    return said.ok || said.code === 'signal-away' ? ok(kept.id) : said
  }

  /** In the room, or before its door. */
  async #appear(room: Room): Promise<Result<null>> {
    const { key, nowMs, say, crypto } = this.#parts
    const { id, invite, knock, membership } = room.kept
    if (invite && (membership?.untilMs ?? 0) - nowMs() < MEMBERSHIP_MS / 2) {
      await this.#keep(room, { ...room.kept, membership: await this.#sign(id, key.name) })
    }
    const own = room.kept.membership
    if (own) return own.untilMs > nowMs() ? say({ kind: 'enter', membership: own }) : fail('peer-not-member', '')
    if (knock === null || room.declined) return fail('room-unknown', '')
    return say({ kind: 'knock', room: id, proof: await proveInvite(knock, id, key.name, crypto) })
  }

  #sign(room: RoomId, key: PublicKeyText): Promise<Membership> {
    return signMembership(this.#parts.key, { room, key, untilMs: Math.round(this.#parts.nowMs()) + MEMBERSHIP_MS })
  }

  #secret(): string {
    return toBase64Url(this.#parts.random(ROOM_SECRET_BYTES))
  }

  async #keep(room: Room, kept: KeptRoom): Promise<void> {
    room.kept = kept
    this.#changed()
    await this.#parts.shelf.put(kept)
  }

  #stateOf({ kept, declined }: Room): RoomView['state'] {
    if (kept.membership) return kept.membership.untilMs > this.#parts.nowMs() ? 'in' : 'ended'
    return declined ? 'declined' : 'asking'
  }

  #changed(): void {
    this.#parts.onChange([...this.#rooms.values()].map((room) => this.#viewOf(room)))
  }

  #viewOf(room: Room): RoomView {
    const { id, name, invite, ownerHash } = room.kept
    const people = new Map<PublicKeyText, RoomPerson>()
    for (const { peer, membership } of room.members) {
      const { key, owner } = membership
      const peers = [...(people.get(key)?.peers ?? []), peer]
      people.set(key, { key, peers, isOwner: key === owner, isSelf: key === this.#parts.key.name })
    }
    return {
      id,
      name,
      mine: invite !== null,
      state: this.#stateOf(room),
      people: [...people.values()],
      knocking: [...room.knocking],
      invite: invite && {
        hash: writeInvite({ room: id, ownerHash, secret: invite.secret, name }),
        alone: invite.alone,
      },
    }
  }
}

function roomOf(kept: KeptRoom): Room {
  return { kept, members: [], knocking: new Set(), declined: false }
}
