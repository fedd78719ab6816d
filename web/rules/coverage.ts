/**
 * Which layers a new tab is needed for. Ranges of a route must meet exactly, so tabs share one grid of cuts as long as it
 * fits them: the coarsest on which anybody stands already and which the new tab has room for, else the coarsest it has
 * room for. On the grid the range with the fewest holders is taken: holes first, then standbys. Pure.
 */
import type { LayerSpan } from '../wire/peers.ts'

export interface CoverageWish {
  readonly layers: number
  /** What the tab has room for; at least 1. */
  readonly layersMax: number
  /** One entry a holder. */
  readonly held: readonly LayerSpan[]
}

export function assignSpan({ layers, layersMax, held }: CoverageWish): LayerSpan {
  const fewest = Math.ceil(layers / Math.min(layers, layersMax))
  let chosen = gridOf(layers, fewest)
  for (let stages = fewest; stages <= layers; stages += 1) {
    const grid = gridOf(layers, stages)
    if (grid.some((span) => holders(held, span) > 0)) {
      chosen = grid
      break
    }
  }
  return chosen.reduce((best, span) => (holders(held, span) < holders(held, best) ? span : best))
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
