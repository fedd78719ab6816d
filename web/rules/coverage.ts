/**
 * Which layers a new tab is needed for. Ranges of a route must meet exactly, so tabs share one grid of cuts as long as it
 * fits them: the coarsest on which anybody stands already and which the new tab has room for, else the coarsest it has
 * room for. On the grid the range with the fewest holders is taken: holes first, then standbys. Where askers keep the ends
 * to themselves, the middle that they need has a grid of its own. Pure.
 */
import type { LayerSpan } from '../wire/peers.ts'

export interface CoverageWish {
  readonly layers: number
  /** What the tab has room for; at least 1. */
  readonly layersMax: number
  /** One entry a holder. */
  readonly held: readonly LayerSpan[]
  /** What askers with private ends look for. */
  readonly middles: readonly LayerSpan[]
}

/** Of equal needs a middle goes first: somebody waits for it. */
export function assignSpan({ layers, layersMax, held, middles }: CoverageWish): LayerSpan {
  const areas = [...middles, { first: 0, last: layers }]
  return fewestHeld(
    areas.map((area) => fewestHeld(gridFor(area, layersMax, held), held)),
    held,
  )
}

function gridFor({ first, last }: LayerSpan, layersMax: number, held: readonly LayerSpan[]): readonly LayerSpan[] {
  const layers = last - first
  const cutInto = (stages: number) =>
    gridOf(layers, stages).map((span) => ({ first: first + span.first, last: first + span.last }))
  const fewest = Math.ceil(layers / Math.min(layers, layersMax))
  for (let stages = fewest; stages <= layers; stages += 1) {
    const grid = cutInto(stages)
    if (grid.some((span) => holders(held, span) > 0)) return grid
  }
  return cutInto(fewest)
}

function fewestHeld(spans: readonly LayerSpan[], held: readonly LayerSpan[]): LayerSpan {
  return spans.reduce((best, span) => (holders(held, span) < holders(held, best) ? span : best))
}

/** So many ranges, as even as they go: no other is a layer longer. */
export function gridOf(layers: number, stages: number): [LayerSpan, ...LayerSpan[]] {
  const cut = (index: number) => Math.round((index * layers) / stages)
  const spans = Array.from({ length: stages }, (_, index) => ({ first: cut(index), last: cut(index + 1) }))
  return spans as [LayerSpan, ...LayerSpan[]]
}

function holders(held: readonly LayerSpan[], { first, last }: LayerSpan): number {
  return held.filter((span) => span.first === first && span.last === last).length
}
