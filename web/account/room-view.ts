/** A room as a screen shows it: what is kept and heard, put together. Pure; draws and words nothing. */
import type { PublicKeyText } from '../wire/device-keys.ts'
import type { PeerId } from '../wire/peers.ts'
import type { Failure } from '../wire/result.ts'
import type { RoomMember } from '../wire/room-events.ts'
import { type RoomId, writeInvite } from '../wire/rooms.ts'
import type { KeptRoom } from './room-shelf.ts'

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
  /** `ended`: the statement of the owner has expired; the invite is used again. `removed`: the owner has taken it back. */
  readonly state: 'asking' | 'declined' | 'in' | 'ended' | 'removed'
  /** Who is here now, this device among them. */
  readonly people: readonly RoomPerson[]
  /** Of a room of this device: members whom it has let in and who are not here now. */
  readonly away: readonly PublicKeyText[]
  /** Who waits for the owner's word. */
  readonly knocking: readonly PeerId[]
  /** Of a room of this device; the part of an address after the `#`. */
  readonly invite: { readonly hash: string; readonly alone: boolean } | null
  /** What the server said of this room and this browser does not believe. */
  readonly noticed: Failure | null
}

export interface RoomFacts {
  readonly kept: KeptRoom
  readonly members: readonly RoomMember[]
  readonly knocking: ReadonlySet<PeerId>
  readonly noticed: Failure | null
  readonly state: RoomView['state']
}

export function viewOfRoom(facts: RoomFacts, self: PublicKeyText, nowMs: number): RoomView {
  const { kept, members, knocking, noticed, state } = facts
  const { id, name, invite, ownerHash, letIn } = kept
  const people = new Map<PublicKeyText, RoomPerson>()
  for (const { peer, membership } of members) {
    const { key, owner } = membership
    const peers = [...(people.get(key)?.peers ?? []), peer]
    people.set(key, { key, peers, isOwner: key === owner, isSelf: key === self })
  }
  return {
    id,
    name,
    mine: invite !== null,
    state,
    people: [...people.values()],
    away: letIn.filter(({ key, untilMs }) => untilMs > nowMs && !people.has(key)).map(({ key }) => key),
    knocking: [...knocking],
    invite: invite && { hash: writeInvite({ room: id, ownerHash, secret: invite.secret, name }), alone: invite.alone },
    noticed,
  }
}
