/**
 * One room as a tab holds it: what is kept of it, and what is true of it only while this tab is there.
 */
import type { PeerId } from '../wire/peers.ts'
import type { Failure } from '../wire/result.ts'
import type { RoomMember } from '../wire/room-events.ts'
import type { KeptRoom } from './room-shelf.ts'

export interface HeldRoom {
  kept: KeptRoom
  members: readonly RoomMember[]
  readonly knocking: Set<PeerId>
  declined: boolean
  /** The number of the list that the server is known to have, since this tab is there. */
  told: number
  noticed: Failure | null
}

export const EMPTY_ROOM = { membership: null, knock: null, invite: null, removals: null, letIn: [] } as const

export function heldRoom(kept: KeptRoom): HeldRoom {
  return { kept, members: [], knocking: new Set(), declined: false, told: 0, noticed: null }
}
