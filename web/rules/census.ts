/**
 * Counts who serves what, from what peers have said of themselves. Pure; the roster comes in. Names nobody.
 */
import type { Census, CensusChat, CensusModel, CensusRange, CensusWhole } from '../wire/census.ts'
import { JOB_MS_MAX, type JobOffer } from '../wire/jobs.ts'
import { CENSUS_MODELS_MAX, CENSUS_PEERS_MAX, CENSUS_RANGES_MAX } from '../wire/limits/signalling.ts'
import type { LayerSpan } from '../wire/peers.ts'
import type { RoomId } from '../wire/rooms.ts'
import { hasPlace, JOB_TOKENS_PREDICTED, speedOf, TOKENS_PER_SECOND_ASSUMED } from './job-match.ts'
import type { RosterPeer } from './roster.ts'

interface Count {
  readonly span: LayerSpan
  holders: number
  totalMs: number
}

/** `room`: those of whom it counts are in it. `waiting`: tokens of the jobs that wait for each model there. */
export function censusOf(
  peers: readonly RosterPeer[],
  room: RoomId | null,
  waiting: ReadonlyMap<string, number> = new Map(),
): Census {
  const models = new Map<string, Map<string, Count>>()
  for (const { modelId, span, msPerLayer } of peers.flatMap(({ presence }) => presence?.held ?? [])) {
    const ranges = models.get(modelId) ?? new Map<string, Count>()
    models.set(modelId, ranges)
    const key = `${span.first}-${span.last}`
    const count = ranges.get(key) ?? { span, holders: 0, totalMs: 0 }
    ranges.set(key, count)
    count.holders += 1
    count.totalMs += msPerLayer
  }
  const offers = new Map<string, JobOffer[]>()
  for (const offer of peers.flatMap(({ presence }) => presence?.offers ?? [])) {
    offers.set(offer.modelId, [...(offers.get(offer.modelId) ?? []), offer])
  }
  const all = [...new Set([...models.keys(), ...offers.keys()])].map((modelId) => ({
    modelId,
    ranges: mostHeld([...(models.get(modelId)?.values() ?? [])]),
    whole: wholeOf(offers.get(modelId) ?? [], waiting.get(modelId) ?? 0),
  }))
  all.sort((a, b) => holders(b) - holders(a) || (a.modelId < b.modelId ? -1 : 1))
  return { room, peers: Math.min(peers.length, CENSUS_PEERS_MAX), models: all.slice(0, CENSUS_MODELS_MAX) }
}

function mostHeld(counts: Count[]): readonly CensusRange[] {
  return counts
    .sort((a, b) => b.holders - a.holders || a.span.first - b.span.first || a.span.last - b.span.last)
    .slice(0, CENSUS_RANGES_MAX)
    .sort((a, b) => a.span.first - b.span.first || a.span.last - b.span.last)
    .map(({ span, holders, totalMs }) => ({ span, holders, msPerLayer: totalMs / holders }))
}

function wholeOf(offers: readonly JobOffer[], waitingTokens: number): CensusWhole | null {
  if (offers.length === 0) return null
  const measured = offers.flatMap(({ tokensPerSecond }) => tokensPerSecond ?? [])
  const total = measured.reduce((sum, speed) => sum + speed, 0)
  return {
    offers: offers.length,
    tokensPerSecond: measured.length === 0 ? TOKENS_PER_SECOND_ASSUMED : total / measured.length,
    chat: chatOf(
      offers.filter(({ kinds }) => kinds.includes('chat')),
      waitingTokens,
    ),
  }
}

/** Where somebody is free, of them; else who waits goes first, at the speed of all of them together. */
function chatOf(offers: readonly JobOffer[], waitingTokens: number): CensusChat | null {
  const free = offers.filter(hasPlace)
  const together = offers.reduce((sum, offer) => sum + speedOf(offer), 0)
  const lineMs = free.length > 0 ? 0 : msFor(waitingTokens, together)
  const able = (free.length > 0 ? free : offers).map((offer) => {
    const tokensPerSecond = speedOf(offer)
    const firstMs = Math.min(JOB_MS_MAX, lineMs + msFor(offer.heldTokens, tokensPerSecond))
    return { tokensPerSecond, firstMs, doneMs: firstMs + msFor(JOB_TOKENS_PREDICTED, tokensPerSecond) }
  })
  const [best] = able.sort((a, b) => a.doneMs - b.doneMs)
  if (!best) return null
  const { tokensPerSecond, firstMs } = best
  return { offers: offers.length, free: free.length, tokensPerSecond, firstMs }
}

function msFor(tokens: number, tokensPerSecond: number): number {
  return tokens === 0 ? 0 : Math.min(JOB_MS_MAX, (1_000 * tokens) / tokensPerSecond)
}

function holders({ ranges, whole }: CensusModel): number {
  return ranges.reduce((sum, range) => sum + range.holders, whole?.offers ?? 0)
}
