/**
 * Which workers answer a whole job: the few best, with what their predicted time is made of; or which of four things is
 * missing, as the planner of layers says it. Pure and the same for the same offers and seed. Only live peers come in, and
 * only those that serve the room of the wish or anyone.
 *
 * What a worker has not measured is assumed: an answer at the speed from which a device answers itself, and a prompt
 * `PREFILL_FACTOR` times as fast as an answer.
 */
import { JOB_MS_MAX, type JobOffer, type JobScore, type JobWish } from '../wire/jobs.ts'
import { JOB_WORKERS_MAX } from '../wire/limits/jobs.ts'
import type { PeerId } from '../wire/peers.ts'
import { TOKENS_PER_SECOND_ENOUGH } from './engine-choice.ts'
import { mix } from './mix.ts'
import { burdenOf, type PlacementRefusal } from './placement.ts'

export interface MatchOffer extends JobOffer {
  readonly peer: PeerId
  readonly visible: boolean
  /** How likely it is to be gone without a word. 0 to 1. */
  readonly hazard: number
}

export interface MatchQuestion {
  readonly wish: JobWish
  readonly asker: PeerId
  /** Peers that the scope allows; null for all. */
  readonly allowed: ReadonlySet<PeerId> | null
  /** There and back; null where no link can be made. */
  readonly rttMs: (a: PeerId, b: PeerId) => number | null
  readonly seed: number
}

export interface MatchedWorker {
  readonly offer: MatchOffer
  readonly score: JobScore
}

export type MatchResult =
  | { readonly ok: true; readonly workers: readonly MatchedWorker[] }
  /** `waits`: it is only that all who could are busy now. */
  | { readonly ok: false; readonly refusal: PlacementRefusal; readonly waits: boolean }

/** Answer tokens that a time is predicted for, and that a worker has to have room for beside the prompt. */
export const JOB_TOKENS_PREDICTED = 128
export const TOKENS_PER_SECOND_ASSUMED = TOKENS_PER_SECOND_ENOUGH
const PREFILL_FACTOR = 8

export function matchJob(offers: readonly MatchOffer[], question: MatchQuestion): MatchResult {
  const { wish, asker, allowed, rttMs, seed } = question
  const holders = offers.filter(
    ({ modelId, kinds, peer }) => modelId === wish.modelId && kinds.includes(wish.kind) && peer !== asker,
  )
  if (holders.length === 0) return { ok: false, refusal: 'no-holder', waits: false }
  const within = holders.filter(({ peer }) => (allowed?.has(peer) ?? true) && !wish.avoid.includes(peer))
  if (within.length === 0) return { ok: false, refusal: 'filter-empty', waits: false }
  const large = within.filter((offer) => isLargeEnough(offer, wish))
  const free = large.filter(hasPlace)
  if (free.length === 0) return { ok: false, refusal: 'no-capacity', waits: large.length > 0 }
  const scored = free.flatMap((offer) => {
    const rtt = rttMs(asker, offer.peer)
    return rtt === null ? [] : { offer, score: scoreOf(offer, wish, rtt), draw: mix(offer.peer, seed) }
  })
  if (scored.length === 0) return { ok: false, refusal: 'unreachable', waits: false }
  // Two offers of one peer (two engines) are one worker: its better one.
  scored.sort(
    (a, b) =>
      totalMs(a.score) - totalMs(b.score) ||
      a.draw - b.draw ||
      (a.offer.peer === b.offer.peer ? 0 : a.offer.peer < b.offer.peer ? -1 : 1),
  )
  const best = scored.filter(({ offer }, at) => scored.findIndex((other) => other.offer.peer === offer.peer) === at)
  return { ok: true, workers: best.slice(0, JOB_WORKERS_MAX).map(({ offer, score }) => ({ offer, score })) }
}

export function hasPlace({ held, parallel }: Pick<JobOffer, 'held' | 'parallel'>): boolean {
  return held < parallel
}

function isLargeEnough({ positions, promptTokensMax, answerTokensMax }: JobOffer, wish: JobWish): boolean {
  const { kind, promptTokens, maxTokens } = wish
  const allowed = promptTokens <= promptTokensMax && (kind === 'embedding' || maxTokens <= answerTokensMax)
  return allowed && promptTokens + predictedTokens(wish) <= positions
}

export function totalMs({ queueMs, prefillMs, decodeMs, roundTripMs }: JobScore): number {
  return queueMs + prefillMs + decodeMs + roundTripMs
}

export function speedOf({ tokensPerSecond }: Pick<JobOffer, 'tokensPerSecond'>): number {
  return tokensPerSecond ?? TOKENS_PER_SECOND_ASSUMED
}

function predictedTokens({ kind, maxTokens }: JobWish): number {
  return kind === 'embedding' ? 0 : Math.min(maxTokens, JOB_TOKENS_PREDICTED)
}

function scoreOf(offer: MatchOffer, wish: JobWish, roundTripMs: number): JobScore {
  const speed = speedOf(offer)
  const prefillSpeed = offer.prefillTokensPerSecond ?? speed * PREFILL_FACTOR
  const ms = (tokens: number, perSecond: number) =>
    tokens === 0 ? 0 : Math.min(JOB_MS_MAX, ((tokens * 1_000) / perSecond) * burdenOf(offer))
  return {
    queueMs: ms(offer.heldTokens, speed),
    prefillMs: ms(wish.promptTokens, prefillSpeed),
    decodeMs: ms(predictedTokens(wish), speed),
    roundTripMs,
  }
}
