/** Where each stage of a route stands: between whom, and who may come into their places. Pure. */
import type { StagePlace } from '../wire/peer-control.ts'
import { type LayerSpan, peerOfSeat } from '../wire/peers.ts'

interface Standing {
  readonly span: LayerSpan
  readonly standby: string | null
}

/** `peers` stand in the route now, first to tail. */
export function placeOf(stages: readonly Standing[], peers: readonly string[], index: number): StagePlace {
  const last = peers.length - 1
  // As they are known to each other.
  const names = peers.map(peerOfSeat)
  return {
    span: stages[index]?.span ?? { first: 0, last: 0 },
    before: index === 0 ? null : (names[index - 1] ?? null),
    after: index === last ? null : (names[index + 1] ?? null),
    head: names[0] ?? '',
    tail: names[last] ?? '',
  }
}

/** Who may take the places of a stage's neighbours; the tail's tokens go to the first stage, so they are neighbours too. */
export function sparesOf(stages: readonly Standing[], peers: readonly string[], index: number): readonly string[] {
  const last = peers.length - 1
  const near = [index - 1, index + 1, ...(index === 0 ? [last] : []), ...(index === last ? [0] : [])]
  const standbys = near.filter((at) => at !== index).flatMap((at) => stages[at]?.standby ?? [])
  return [...new Set(standbys)].filter((standby) => !peers.includes(standby))
}
