/**
 * What tabs and the signalling server say to each other of rooms. The server carries knocks and answers and knows who is in
 * which room now; it never gets an invite's secret, nor the hash of the owner's key that stands beside it.
 */
import type { Fields } from './fields.ts'
import { ROOM_MEMBERS_MAX } from './limits/rooms.ts'
import { type PeerId, peerReaderOf } from './peers.ts'
import { type Removals, readRemovals } from './removals.ts'
import type { Result } from './result.ts'
import { type Membership, type RoomId, readMembership, readProof } from './rooms.ts'

export type RoomWish =
  /** It is in the room from now on, and knows this list. Said again whenever the tab comes back. */
  | { readonly kind: 'enter'; readonly membership: Membership; readonly removals: Removals | null }
  /** A newer list of the room that this tab is in. */
  | { readonly kind: 'removals'; readonly removals: Removals }
  | { readonly kind: 'quit'; readonly room: RoomId }
  /** It has an invite and asks the owner in. Kept until it enters, quits or is gone: the owner may come later. */
  | { readonly kind: 'knock'; readonly room: RoomId; readonly proof: string }
  /** The owner's answer to a knock, with the newest list; no membership for no. */
  | (Answer & { readonly to: PeerId })

interface Answer {
  readonly kind: 'answer'
  readonly room: RoomId
  readonly membership: Membership | null
  readonly removals: Removals | null
}

export interface RoomMember {
  readonly peer: PeerId
  readonly membership: Membership
}

export type RoomWord =
  /** Who is in a room that this tab is in: on entering, and after every change. */
  | { readonly kind: 'members'; readonly room: RoomId; readonly members: readonly RoomMember[] }
  /** To the owner's tabs. */
  | { readonly kind: 'knock'; readonly room: RoomId; readonly from: PeerId; readonly proof: string }
  | Answer
  /** To those in the room, and once to each whom it takes out. */
  | { readonly kind: 'removals'; readonly room: RoomId; readonly removals: Removals }

const { attempt, record, list, orNull, oneOf, peer, run } = peerReaderOf('event-invalid')

export function parseRoomWish(value: unknown): Result<RoomWish> {
  return attempt(() => {
    const fields = record(value, 'A wish of a room')
    const kind = oneOf(fields, 'kind', ['enter', 'removals', 'quit', 'knock', 'answer'])
    switch (kind) {
      case 'enter':
        return { kind, membership: readMembership(fields['membership']), removals: listOf(fields) }
      case 'removals':
        return { kind, removals: readRemovals(fields['removals']) }
      case 'quit':
        return { kind, room: run(fields, 'room') }
      case 'knock':
        return { kind, room: run(fields, 'room'), proof: readProof(fields) }
      case 'answer':
        return {
          kind,
          room: run(fields, 'room'),
          to: peer(fields, 'to'),
          membership: orNull(fields, 'membership', readMember),
          removals: listOf(fields),
        }
      default:
        return kind satisfies never
    }
  })
}

export function parseRoomWord(value: unknown): Result<RoomWord> {
  return attempt(() => {
    const fields = record(value, 'A word of a room')
    const room = run(fields, 'room')
    const kind = oneOf(fields, 'kind', ['members', 'knock', 'answer', 'removals'])
    switch (kind) {
      case 'members':
        return {
          kind,
          room,
          members: list(fields['members'], '`members`', ROOM_MEMBERS_MAX).map((one) => {
            const member = record(one, 'A member')
            return { peer: peer(member, 'peer'), membership: readMembership(member['membership']) }
          }),
        }
      case 'knock':
        return { kind, room, from: peer(fields, 'from'), proof: readProof(fields) }
      case 'answer':
        return { kind, room, membership: orNull(fields, 'membership', readMember), removals: listOf(fields) }
      case 'removals':
        return { kind, room, removals: readRemovals(fields['removals']) }
      default:
        return kind satisfies never
    }
  })
}

function listOf(fields: Fields): Removals | null {
  return orNull(fields, 'removals', (value) => readRemovals(value))
}

function readMember(value: unknown): Membership {
  return readMembership(value)
}
