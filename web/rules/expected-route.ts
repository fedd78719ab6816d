/**
 * What a route would be like, from counts of who holds what: before a plan is asked for, and without a peer's name. The
 * planner decides (`placement.ts`); this only says beforehand what a person may expect. Pure.
 */
import type { CensusRange } from '../wire/census.ts'

/** Of one way of a hop, before anything is measured; as the planner assumes it. */
const HOP_MS_ASSUMED = 20

export interface ExpectedRoute {
  readonly stages: number
  /** Of one token. */
  readonly predictedMs: number
}

/** Fewest stages, then the fastest, of ranges that meet exactly. Null where some layer is held by nobody. */
export function expectedRoute(ranges: readonly CensusRange[], layers: number): ExpectedRoute | null {
  const best = new Map<number, ExpectedRoute>([[0, { stages: 0, predictedMs: 0 }]])
  for (const { span, msPerLayer } of [...ranges].sort((a, b) => a.span.first - b.span.first)) {
    const before = best.get(span.first)
    if (!before) continue
    const ownMs = msPerLayer * (span.last - span.first) + HOP_MS_ASSUMED
    const next = { stages: before.stages + 1, predictedMs: before.predictedMs + ownMs }
    const known = best.get(span.last)
    if (!known || isBetter(next, known)) best.set(span.last, next)
  }
  return (layers > 0 && best.get(layers)) || null
}

function isBetter(a: ExpectedRoute, b: ExpectedRoute): boolean {
  return a.stages < b.stages || (a.stages === b.stages && a.predictedMs < b.predictedMs)
}
