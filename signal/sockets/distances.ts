/**
 * How far two peers are from each other, as far as the server knows: what both have told, else an assumption. It measures
 * nothing itself.
 */
import type { Roster } from '../../web/rules/roster.ts'
import type { PeerId } from '../../web/wire/peers.ts'

/** Of a pair that has not measured it yet; twice that through a relay. */
const ROUND_TRIP_ASSUMED_MS = 40

/**
 * As the roster is now. Where both ends have told how far they are from each other: the longer of the two, since a peer that
 * wants to be chosen could say that it is near.
 */
export function distancesOf(roster: Roster): (a: PeerId, b: PeerId) => number {
  const told = new Map<PeerId, ReadonlyMap<PeerId, number>>()
  const nearOf = (id: PeerId) => {
    const known = told.get(id)
    if (known) return known
    const near = roster.peer(id)?.presence?.near ?? []
    const fresh = new Map(near.map(({ peer, roundTripMs }) => [peer, roundTripMs]))
    told.set(id, fresh)
    return fresh
  }
  const relayed = (id: PeerId) => roster.peer(id)?.presence?.relayOnly === true
  return (a, b) => {
    const [there, back] = [nearOf(a).get(b), nearOf(b).get(a)]
    if (there !== undefined && back !== undefined) return Math.max(there, back)
    return relayed(a) || relayed(b) ? 2 * ROUND_TRIP_ASSUMED_MS : ROUND_TRIP_ASSUMED_MS
  }
}
