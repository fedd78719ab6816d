/**
 * The rooms of this device: makes them, invites, lets in or not, takes out, joins, leaves, and knows who is in them now. What
 * the server says of members is believed only with the owner's statement. Knows no link and no screen.
 */
import { areAtOdds, isRemoved, listOfBoth, listWith, newerList } from '../rules/removals.ts'
import type { PublicKeyText } from '../wire/device-keys.ts'
import { toBase64Url } from '../wire/device-keys.ts'
import { MEMBERSHIP_MS, ROOM_KNOCKS_MAX, ROOM_LET_IN_MAX, ROOM_REMOVED_MAX, ROOMS_JOINED_MAX } from '../wire/limits.ts'
import { keyOfPeer, type PeerId } from '../wire/peers.ts'
import type { Removals } from '../wire/removals.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import type { RoomMember, RoomWish, RoomWord } from '../wire/room-events.ts'
import { type Membership, parseInvite, ROOM_SECRET_BYTES, type RoomId, randomRoomId, roomName } from '../wire/rooms.ts'
import type { DeviceKey } from './device-key.ts'
import { checkRemovals, signRemovals, standsIn } from './removals.ts'
import { checkMembership, ownerHashOf, proveInvite, type RoomCrypto, signMembership } from './room.ts'
import type { KeptRoom, RoomShelf } from './room-shelf.ts'
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

interface Room {
  kept: KeptRoom
  members: readonly RoomMember[]
  readonly knocking: Set<PeerId>
  declined: boolean
  /** The number of the list that the server is known to have, since this tab is there. */
  told: number
  noticed: Failure | null
}

export class MyRooms {
  readonly #parts: MyRoomsParts
  readonly #rooms = new Map<RoomId, Room>()
  /** Writes of this tab, begun and under way: what is read between them is not all there is. */
  #writes = 0
  #writing = 0

  private constructor(parts: MyRoomsParts) {
    this.#parts = parts
  }

  static async open(parts: MyRoomsParts): Promise<MyRooms> {
    const rooms = new MyRooms(parts)
    for (const kept of await parts.shelf.all()) rooms.#rooms.set(kept.id, roomOf(kept))
    parts.shelf.hear(() => void rooms.#readAgain())
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
      const both = await this.#signList(id, listOfBoth(before, removals))
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
    const invite = { secret: this.#secret(), alone }
    return this.#begin({ ...EMPTY, id, name: roomName(name), ownerHash, invite })
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
    return this.#begin({ ...EMPTY, id, name, ownerHash, knock: secret, removals: known?.kept.removals ?? null })
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
    room.knocking.delete(peer)
    this.#changed()
    return this.#sayAnswer(room, peer, yes ? await this.#letIn(room, key) : null)
  }

  /**
   * Takes a device out, by the owner: its statement is worth nothing to all who hear of it, and the invite that it has lets
   * nobody in any more. Refusals: `room-unknown`, `room-full` where too many were removed of late.
   */
  async remove(id: RoomId, key: PublicKeyText): Promise<Result<null>> {
    const room = this.#rooms.get(id)
    if (!room?.kept.invite || key === this.#parts.key.name) return fail('room-unknown', '')
    const known = room.kept.removals
    const list = listWith(known, key, this.#parts.nowMs())
    if (!list) return fail('room-full', `${ROOM_REMOVED_MAX} devices were taken out in the last weeks.`)
    const removals = await this.#signList(id, list)
    // Another list has come while this one was signed: one number names one list.
    if (room.kept.removals !== known) return this.remove(id, key)
    const invite = { ...room.kept.invite, secret: this.#secret() }
    room.kept = { ...room.kept, invite, letIn: room.kept.letIn.filter((one) => one.key !== key) }
    await this.#know(room, removals)
    return ok(null)
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
    else if (word.kind === 'knock') await this.#hearKnock(room, word.from, word.proof)
    else await this.#hearAnswer(room, word.membership, word.removals)
    this.#changed()
  }

  /** A server that has a newer list, and shows an older one or somebody else's, lies. */
  async #hearList(room: Room, removals: Removals): Promise<void> {
    const behind = removals.number < room.told
    const learnt = behind
      ? fail('room-list-wrong', `It is list ${removals.number}, and the server has had list ${room.told}.`)
      : await this.learn(room.kept.id, removals)
    if (!learnt.ok) room.noticed = learnt
    else room.told = Math.max(room.told, removals.number)
    await this.#tellList(room)
  }

  async #hearMembers(room: Room, members: readonly RoomMember[]): Promise<void> {
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

  async #hearKnock(room: Room, from: PeerId, proof: string): Promise<void> {
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

  async #hearAnswer(room: Room, membership: Membership | null, removals: Removals | null): Promise<void> {
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
    const { id, invite, knock } = room.kept
    if (invite && (room.kept.membership?.untilMs ?? 0) - nowMs() < MEMBERSHIP_MS / 2) {
      const membership = await this.#sign(room, key.name)
      await this.#keep(room, { ...room.kept, membership })
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
  async #know(room: Room, removals: Removals): Promise<void> {
    await this.#keep(room, { ...room.kept, removals })
    room.members = room.members.filter(({ membership }) => !isRemoved(membership, removals))
    this.#changed()
    this.#parts.onRemovals(room.kept.id)
    // Nobody waits for a server that is away: members tell each other, and it hears when it is back.
    void this.#tellList(room)
  }

  async #tellList(room: Room): Promise<void> {
    const { removals, membership } = room.kept
    if (!removals || removals.number <= room.told || !membership || isRemoved(membership, removals)) return
    const said = await this.#parts.say({ kind: 'removals', removals })
    if (said.ok) room.told = Math.max(room.told, removals.number)
  }

  #checkStatement({ kept }: Room, key: PublicKeyText, membership: Membership | null): Promise<Result<null>> {
    const { nowMs, crypto } = this.#parts
    return checkMembership(membership, { room: kept.id, ownerHash: kept.ownerHash, key, nowMs: nowMs() }, crypto)
  }

  #sign(room: Room, key: PublicKeyText): Promise<Membership> {
    const { id, removals } = room.kept
    const untilMs = Math.round(this.#parts.nowMs()) + MEMBERSHIP_MS
    return signMembership(this.#parts.key, { room: id, key, untilMs, listNumber: removals?.number ?? 0 })
  }

  /** Remembered, so that it can be taken out also while it is not here. */
  async #letIn(room: Room, key: PublicKeyText): Promise<Membership> {
    const membership = await this.#sign(room, key)
    const others = room.kept.letIn.filter((one) => one.key !== key && one.untilMs > this.#parts.nowMs())
    const letIn = [...others, { key, untilMs: membership.untilMs }].slice(-ROOM_LET_IN_MAX)
    await this.#keep(room, { ...room.kept, letIn })
    return membership
  }

  #sayAnswer({ kept }: Room, to: PeerId, membership: Membership | null): Promise<Result<null>> {
    return this.#parts.say({ kind: 'answer', room: kept.id, to, membership, removals: kept.removals })
  }

  #signList(room: RoomId, list: Pick<Removals, 'number' | 'removed'>): Promise<Removals> {
    return signRemovals(this.#parts.key, { room, ...list })
  }

  #secret(): string {
    return toBase64Url(this.#parts.random(ROOM_SECRET_BYTES))
  }

  async #keep(room: Room, kept: KeptRoom): Promise<void> {
    room.kept = kept
    this.#changed()
    await this.#write(() => this.#parts.shelf.put(kept))
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
    for (const kept of all) await this.#take(kept)
    this.#changed()
  }

  async #take(kept: KeptRoom): Promise<void> {
    const known = this.#rooms.get(kept.id)
    const room = known ?? roomOf(kept)
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

  #stateOf({ kept, declined }: Room): RoomView['state'] {
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

const EMPTY = { membership: null, knock: null, invite: null, removals: null, letIn: [] } as const

function roomOf(kept: KeptRoom): Room {
  return { kept, members: [], knocking: new Set(), declined: false, told: 0, noticed: null }
}
