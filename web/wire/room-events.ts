/**
 * What tabs and the signalling server say to each other of rooms. The server carries knocks and answers and knows who is in
 * which room now; it never gets an invite's secret, nor the hash of the owner's key that stands beside it.
 */
import { ROOM_MEMBERS_MAX } from './limits.ts'
import { type PeerId, peerReaderOf } from './peers.ts'
import type { Result } from './result.ts'
import { type Membership, type RoomId, readMembership, readProof } from './rooms.ts'

export type RoomWish =
  /** It is in the room from now on. Said again whenever the tab comes back. */
  | { readonly kind: 'enter'; readonly membership: Membership }
  | { readonly kind: 'quit'; readonly room: RoomId }
  /** It has an invite and asks the owner in. Kept until it enters, quits or is gone: the owner may come later. */
  | { readonly kind: 'knock'; readonly room: RoomId; readonly proof: string }
  /** The owner's answer to a knock; null for no. */
  | { readonly kind: 'answer'; readonly room: RoomId; readonly to: PeerId; readonly membership: Membership | null }

export interface RoomMember {
  readonly peer: PeerId
  readonly membership: Membership
}

export type RoomWord =
  /** Who is in a room that this tab is in: on entering, and after every change. */
  | { readonly kind: 'members'; readonly room: RoomId; readonly members: readonly RoomMember[] }
  /** To the owner's tabs. */
  | { readonly kind: 'knock'; readonly room: RoomId; readonly from: PeerId; readonly proof: string }
  | { readonly kind: 'answer'; readonly room: RoomId; readonly membership: Membership | null }

const { attempt, record, list, orNull, oneOf, peer, run } = peerReaderOf('event-invalid')

export function parseRoomWish(value: unknown): Result<RoomWish> {
  return attempt(() => {
    const fields = record(value, 'A wish of a room')
    const kind = oneOf(fields, 'kind', ['enter', 'quit', 'knock', 'answer'])
    switch (kind) {
      case 'enter':
        return { kind, membership: readMembership(fields['membership']) }
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
    const kind = oneOf(fields, 'kind', ['members', 'knock', 'answer'])
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
        return { kind, room, membership: orNull(fields, 'membership', readMember) }
      default:
        return kind satisfies never
    }
  })
}

function readMember(value: unknown): Membership {
  return readMembership(value)
}
