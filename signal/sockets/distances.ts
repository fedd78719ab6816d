/**
 * How far two peers are from each other, as far as the server knows: what both have told, else an assumption. It measures
 * nothing itself.
 */
import type { Roster } from '../../web/rules/roster.ts'
import type { PeerId } from '../../web/wire/peers.ts'

/** Of a pair that has not measured it yet; twice that through a relay. */
const ROUND_TRIP_ASSUMED_MS = 40

interface Told {
  readonly near: ReadonlyMap<PeerId, number>
  readonly relayed: boolean
}

/**
 * As the roster is now. Where both ends have told how far they are from each other: the longer of the two, since a peer that
 * wants to be chosen could say that it is near.
 */
export function distancesOf(roster: Roster): (a: PeerId, b: PeerId) => number {
  const told = new Map<PeerId, Told>()
  const toldOf = (id: PeerId) => {
    const known = told.get(id)
    if (known) return known
    const { near = [], relayOnly = false } = roster.peer(id)?.presence ?? {}
    const fresh = { near: new Map(near.map(({ peer, roundTripMs }) => [peer, roundTripMs])), relayed: relayOnly }
    told.set(id, fresh)
    return fresh
  }
  // A plan asks for thousands of pairs, those to one peer after another.
  let last: PeerId | null = null
  let ofLast: Told = { near: new Map(), relayed: false }
  return (a, b) => {
    if (b !== last) [last, ofLast] = [b, toldOf(b)]
    const [here, other] = [toldOf(a), ofLast]
    const there = here.near.get(b)
    const back = there === undefined ? undefined : other.near.get(a)
    if (there !== undefined && back !== undefined) return Math.max(there, back)
    return here.relayed || other.relayed ? 2 * ROUND_TRIP_ASSUMED_MS : ROUND_TRIP_ASSUMED_MS
  }
}
