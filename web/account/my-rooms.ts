/**
 * The rooms of this device: makes them, joins, leaves, and knows who is in them now. What the server says of members is
 * believed only with the owner's statement; what an owner may do is of `room-owner.ts`. Knows no link and no screen.
 */
import { areAtOdds, isRemoved, listOfBoth, newerList } from '../rules/removals.ts'
import type { PublicKeyText } from '../wire/device-keys.ts'
import { MEMBERSHIP_MS, ROOMS_JOINED_MAX } from '../wire/limits/rooms.ts'
import { keyOfPeer, type PeerId } from '../wire/peers.ts'
import type { Removals } from '../wire/removals.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { RoomMember, RoomWish, RoomWord } from '../wire/room-events.ts'
import { type Membership, parseInvite, type RoomId, randomRoomId, roomName } from '../wire/rooms.ts'
import type { DeviceKey } from './device-key.ts'
import { EMPTY_ROOM, type HeldRoom, heldRoom } from './held-room.ts'
import { checkRemovals, standsIn } from './removals.ts'
import { checkMembership, ownerHashOf, proveInvite, type RoomCrypto } from './room.ts'
import { RoomOwner } from './room-owner.ts'
import type { KeptRoom, RoomChange, RoomShelf } from './room-shelf.ts'
import { type RoomView, viewOfRoom } from './room-view.ts'

export interface MyRoomsParts {
  readonly key: Pick<DeviceKey, 'name' | 'sign'>
  readonly shelf: RoomShelf
  readonly crypto: RoomCrypto
  readonly random: (bytes: number) => Uint8Array
  /** The server's clock, as well as this tab knows it. */
  readonly nowMs: () => number
  readonly say: (wish: RoomWish) => Promise<Result<null>>
  readonly onChange: (rooms: readonly RoomView[]) => void
  /** There is a newer list of removed devices. */
  readonly onRemovals: (id: RoomId) => void
}

export class MyRooms {
  readonly #parts: MyRoomsParts
  readonly #owner: RoomOwner
  readonly #rooms = new Map<RoomId, HeldRoom>()
  /** Writes of this tab, begun and under way: what is read between them is not all there is. */
  #writes = 0
  #writing = 0
  /** One reading after the other: an older one never has the last word. */
  #reading: Promise<void> = Promise.resolve()

  private constructor(parts: MyRoomsParts) {
    this.#parts = parts
    this.#owner = new RoomOwner({
      ...parts,
      keep: (room, change) => this.#keep(room, change),
      know: (room, removals, change) => this.#know(room, removals, change),
      onChange: () => this.#changed(),
    })
  }

  static async open(parts: MyRoomsParts): Promise<MyRooms> {
    const rooms = new MyRooms(parts)
    for (const kept of await parts.shelf.all()) rooms.#rooms.set(kept.id, heldRoom(kept))
    parts.shelf.hear(() => {
      rooms.#reading = rooms.#reading.then(() => rooms.#readAgain())
    })
    rooms.#changed()
    return rooms
  }

  /** This device's own statement; null where it is not in the room. */
  own(id: RoomId): Membership | null {
    const { membership = null, removals = null } = this.#rooms.get(id)?.kept ?? {}
    return membership && isRemoved(membership, removals) ? null : membership
  }

  /** The newest list of removed devices that is known here. */
  removals(id: RoomId): Removals | null {
    return this.#rooms.get(id)?.kept.removals ?? null
  }

  /** Whether a peer with this key belongs to a room of this device. Refusals: `room-unknown`, `peer-not-member`. */
  async check(id: RoomId, key: PublicKeyText, membership: Membership | null): Promise<Result<null>> {
    const room = this.#rooms.get(id)
    if (!room) return fail('room-unknown', '')
    const checked = await this.#checkStatement(room, key, membership)
    if (!checked.ok || !membership) return checked
    return standsIn(membership, room.kept.membership, room.kept.removals)
  }

  /** A list that somebody shows. Only a newer one, signed by the owner, is taken. Refusals: `room-unknown`, `room-list-wrong`. */
  async learn(id: RoomId, removals: Removals): Promise<Result<null>> {
    const room = this.#rooms.get(id)
    if (!room) return fail('room-unknown', '')
    const known = room.kept.removals
    if (known && (removals.number < known.number || removals.signature === known.signature)) return ok(null)
    const checked = await checkRemovals(removals, { room: id, ownerHash: room.kept.ownerHash }, this.#parts.crypto)
    if (!checked.ok) return checked
    const before = room.kept.removals
    if (before && room.kept.invite && areAtOdds(before, removals)) {
      const both = await this.#owner.signList(id, listOfBoth(before, removals))
      if (room.kept.removals !== before) return this.learn(id, removals)
      await this.#know(room, both)
    } else if (newerList(before, removals) !== before) await this.#know(room, removals)
    return ok(null)
  }

  /** The server is there again: it may have forgotten who is where. */
  async arrive(): Promise<void> {
    for (const room of this.#rooms.values()) room.told = 0
    await Promise.all([...this.#rooms.values()].map((room) => this.#appear(room)))
  }

  /** Refusals: `room-full`, and those of the server. `alone`: its invite lets in by itself. */
  async make(name: string, alone: boolean): Promise<Result<RoomId>> {
    if (this.#rooms.size >= ROOMS_JOINED_MAX) return fail('room-full', `${ROOMS_JOINED_MAX} rooms at most.`)
    const { key, random, crypto } = this.#parts
    const id = randomRoomId(random)
    const ownerHash = await ownerHashOf(key.name, crypto)
    const invite = this.#owner.newInvite(alone)
    return this.#begin({ ...EMPTY_ROOM, id, name: roomName(name), ownerHash, invite })
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
    return this.#begin({ ...EMPTY_ROOM, id, name, ownerHash, knock: secret, removals: known?.kept.removals ?? null })
  }

  /** A new link; the one before lets nobody in any more. */
  async renewInvite(id: RoomId, alone: boolean): Promise<void> {
    const room = this.#rooms.get(id)
    if (room) await this.#owner.renewInvite(room, alone)
  }

  /** The owner's word to who knocks. */
  async answer(id: RoomId, peer: PeerId, yes: boolean): Promise<Result<null>> {
    const room = this.#rooms.get(id)
    return room ? this.#owner.answer(room, peer, yes) : fail('room-unknown', '')
  }

  /**
   * Takes a device out, by the owner: its statement is worth nothing to all who hear of it, and the invite that it has lets
   * nobody in any more. Refusals: `room-unknown`, `room-full` where too many were removed of late.
   */
  async remove(id: RoomId, key: PublicKeyText): Promise<Result<null>> {
    const room = this.#rooms.get(id)
    if (!room) return fail('room-unknown', '')
    return (await this.#owner.remove(room, key)) ?? this.remove(id, key)
  }

  async leave(id: RoomId): Promise<void> {
    if (!this.#rooms.delete(id)) return
    this.#changed()
    await this.#write(() => this.#parts.shelf.drop(id))
    await this.#parts.say({ kind: 'quit', room: id })
  }

  /** From the server. */
  async hear(word: RoomWord): Promise<void> {
    const room = this.#rooms.get(word.room)
    if (!room) return
    if (word.kind === 'removals') await this.#hearList(room, word.removals)
    else if (word.kind === 'members') await this.#hearMembers(room, word.members)
    else if (word.kind === 'knock') await this.#owner.hearKnock(room, word.from, word.proof)
    else await this.#hearAnswer(room, word.membership, word.removals)
    this.#changed()
  }

  /** A server that has a newer list, and shows an older one or somebody else's, lies. */
  async #hearList(room: HeldRoom, removals: Removals): Promise<void> {
    const behind = removals.number < room.told
    const learnt = behind
      ? fail('room-list-wrong', `It is list ${removals.number}, and the server has had list ${room.told}.`)
      : await this.learn(room.kept.id, removals)
    if (!learnt.ok) room.noticed = learnt
    else room.told = Math.max(room.told, removals.number)
    await this.#tellList(room)
  }

  async #hearMembers(room: HeldRoom, members: readonly RoomMember[]): Promise<void> {
    const checks = await Promise.all(
      members.map(async (member) => {
        const checked = await this.check(room.kept.id, keyOfPeer(member.peer) ?? '', member.membership)
        return checked.ok ? [member] : []
      }),
    )
    // A list may have come meanwhile.
    room.members = checks.flat().filter(({ membership }) => !isRemoved(membership, room.kept.removals))
    const inside = new Set(room.members.map(({ membership }) => membership.key))
    for (const peer of room.knocking) if (inside.has(keyOfPeer(peer) ?? '')) room.knocking.delete(peer)
  }

  async #hearAnswer(room: HeldRoom, membership: Membership | null, removals: Removals | null): Promise<void> {
    if (room.kept.knock === null) return
    const learnt = removals ? await this.learn(room.kept.id, removals) : ok(null)
    if (!learnt.ok) room.noticed = learnt
    if (!membership) {
      room.declined = true
      await this.#parts.say({ kind: 'quit', room: room.kept.id })
      return
    }
    // A statement of anybody but the owner whom the invite names is no answer.
    if (!(await this.#checkStatement(room, this.#parts.key.name, membership)).ok) return
    await this.#keep(room, (kept) => ({ ...kept, membership, knock: null }))
    await this.#appear(room)
  }

  async #begin(kept: KeptRoom): Promise<Result<RoomId>> {
    const room = heldRoom(kept)
    this.#rooms.set(kept.id, room)
    this.#changed()
    await this.#write(() => this.#parts.shelf.put(kept))
    const said = await this.#appear(room)
    return said.ok || said.code === 'signal-away' ? ok(kept.id) : said
  }

  /** In the room, or before its door. */
  async #appear(room: HeldRoom): Promise<Result<null>> {
    const { key, nowMs, say, crypto } = this.#parts
    const { id, invite, knock } = room.kept
    if (invite && (room.kept.membership?.untilMs ?? 0) - nowMs() < MEMBERSHIP_MS / 2) {
      const membership = await this.#owner.sign(room, key.name)
      await this.#keep(room, (kept) => ({ ...kept, membership }))
    }
    const { membership, removals } = room.kept
    if (membership) {
      if (this.#stateOf(room) !== 'in') return fail('peer-not-member', '')
      const said = await say({ kind: 'enter', membership, removals })
      if (said.ok) room.told = Math.max(room.told, removals?.number ?? 0)
      await this.#tellList(room)
      return said
    }
    if (knock === null || room.declined) return fail('room-unknown', '')
    return say({ kind: 'knock', room: id, proof: await proveInvite(knock, id, key.name, crypto) })
  }

  /** A list is kept before anybody is told of it: the number never falls, whatever happens next. */
  async #know(room: HeldRoom, removals: Removals, change: RoomChange = (kept) => kept): Promise<void> {
    await this.#keep(room, (kept) => ({ ...change(kept), removals }))
    room.members = room.members.filter(({ membership }) => !isRemoved(membership, removals))
    this.#changed()
    this.#parts.onRemovals(room.kept.id)
    // Nobody waits for a server that is away: members tell each other, and it hears when it is back.
    void this.#tellList(room)
  }

  async #tellList(room: HeldRoom): Promise<void> {
    const { removals, membership } = room.kept
    if (!removals || removals.number <= room.told || !membership || isRemoved(membership, removals)) return
    const said = await this.#parts.say({ kind: 'removals', removals })
    if (said.ok) room.told = Math.max(room.told, removals.number)
  }

  #checkStatement({ kept }: HeldRoom, key: PublicKeyText, membership: Membership | null): Promise<Result<null>> {
    const { nowMs, crypto } = this.#parts
    return checkMembership(membership, { room: kept.id, ownerHash: kept.ownerHash, key, nowMs: nowMs() }, crypto)
  }

  /** A change of what lies there, not what this tab believes to lie there: another tab may have changed something else. */
  async #keep(room: HeldRoom, change: RoomChange): Promise<void> {
    room.kept = change(room.kept)
    this.#changed()
    await this.#write(() => this.#parts.shelf.change(room.kept.id, change))
  }

  async #write(work: () => Promise<void>): Promise<void> {
    this.#writes += 1
    this.#writing += 1
    await work()
    this.#writing -= 1
  }

  /** Another tab of this browser has changed something: rooms that it made, joined or left, and what it heard of them. */
  async #readAgain(): Promise<void> {
    let all: readonly KeptRoom[]
    let writes: number
    do {
      writes = this.#writes
      all = await this.#parts.shelf.all()
    } while (writes !== this.#writes || this.#writing > 0)
    const ids = new Set(all.map(({ id }) => id))
    for (const id of [...this.#rooms.keys()].filter((known) => !ids.has(known))) {
      this.#rooms.delete(id)
      void this.#parts.say({ kind: 'quit', room: id })
    }
    for (const kept of all) {
      // This tab has written meanwhile: what was read is old.
      if (writes !== this.#writes) return this.#readAgain()
      await this.#take(kept)
    }
    this.#changed()
  }

  async #take(kept: KeptRoom): Promise<void> {
    const known = this.#rooms.get(kept.id)
    const room = known ?? heldRoom(kept)
    const before = room.kept
    room.kept = kept
    this.#rooms.set(kept.id, room)
    if (!known || before.membership?.signature !== kept.membership?.signature || before.knock !== kept.knock) {
      room.declined = false
      await this.#appear(room)
    }
    if (before.removals?.signature === kept.removals?.signature) return
    room.members = room.members.filter(({ membership }) => !isRemoved(membership, kept.removals))
    this.#parts.onRemovals(kept.id)
    await this.#tellList(room)
  }

  #stateOf({ kept, declined }: HeldRoom): RoomView['state'] {
    const { membership, removals } = kept
    if (!membership) return declined ? 'declined' : 'asking'
    if (isRemoved(membership, removals)) return 'removed'
    return membership.untilMs > this.#parts.nowMs() ? 'in' : 'ended'
  }

  #changed(): void {
    const { key, nowMs } = this.#parts
    const rooms = [...this.#rooms.values()]
    this.#parts.onChange(rooms.map((room) => viewOfRoom({ ...room, state: this.#stateOf(room) }, key.name, nowMs())))
  }
}
