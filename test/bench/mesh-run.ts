/** One measured run of `bench:mesh`: asks over a route, reads the clocks of all tabs, and says what the parts cost. */
import type { MeshTabPage } from '../support/mesh-app.ts'
import type { MeshPage } from '../support/mesh-page.ts'
import { median, round } from './report.ts'

type Answer = Awaited<ReturnType<MeshPage['ask']>>

export interface Question {
  readonly tokens: number
  readonly temperature: number
  readonly seed: number
}

export const QUESTION = 'Tell me about warp and weft.'

interface Percentiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

export interface RouteResult {
  readonly tokensPerSecond: number
  readonly wholeTokensPerSecond: number
  readonly identical: boolean
  readonly numericClasses: number
  /** Index of the first token that differs; null where none does. */
  readonly firstDivergence: number | null
  readonly computeMs: number
  readonly roundTripMs: number
  /** Of a hop, beyond compute and wire. */
  readonly hopOverheadMs: Percentiles
  readonly bytesPerToken: number
  /** Of 1 / (compute + trips). */
  readonly shareOfLimit: number
  /** From the detection of a death to the next token; null without `--kill`. */
  readonly recoveryMs: number | null
  readonly replacedBy: 'journal' | 'tokens' | null
  /** Tokens of all streams per second, over those of one stream. */
  readonly aggregateSpeedup: number
  readonly relayed: boolean
}

export interface RouteRun {
  readonly asker: MeshTabPage
  readonly workers: readonly MeshTabPage[]
  readonly whole: Answer
  readonly question: Question
  readonly streams: number
  readonly kill: boolean
}

export async function measureRoute({ asker, workers, whole, question, streams, kill }: RouteRun): Promise<RouteResult> {
  const ask = (seed = question.seed) => asker.call('ask', QUESTION, question.tokens, question.temperature, seed)
  // Compiles what is not compiled yet, and makes the links.
  await ask()
  const planned = await asker.call('routeEvents')
  const stages: readonly { readonly peer: string }[] = JSON.parse(planned[0]?.detail ?? '[]')
  const peers = await Promise.all(workers.map((worker) => worker.call('peer')))
  const route = stages.flatMap(({ peer }) => workers[peers.indexOf(peer)] ?? [])
  const tabs = [...workers, asker]
  await Promise.all(workers.map((worker) => worker.call('takeTimes')))

  const before = await sentBytes(tabs)
  const answer = await ask()
  const bytes = (await sentBytes(tabs)) - before
  const times = await Promise.all(route.map((worker) => takeTimes(worker)))
  const roundTrips = (await Promise.all(tabs.map((tab) => tab.call('links')))).flat()
  const known = roundTrips.flatMap(({ path }) => path?.roundTripMs ?? [])
  const roundTripMs = known.length === 0 ? 0 : median(known)
  const steps = intervals(answer)
  const trips = route.length
  const wireMs = (trips * roundTripMs) / 2
  // The last frames are those of the answer; those before belong to its prompt.
  const computed = steps.map((_, index) =>
    times.reduce((sum, own) => sum + (own[own.length - steps.length + index] ?? 0), 0),
  )
  const overheads = steps.map((ms, index) => (ms - (computed[index] ?? 0) - wireMs) / trips)
  const stepMs = median(steps)
  const computeMs = median(computed)
  const tokensPerSecond = 1000 / stepMs
  const identical = answer.text === whole.text && sameTokens(answer, whole)
  const contributions = await Promise.all(route.map((worker) => worker.call('numericClass')))
  const aggregate = streams === 1 ? tokensPerSecond : await streamed(ask, streams, question.tokens)
  const recovery = kill ? await killed(asker, route, ask, whole) : null

  return {
    tokensPerSecond: round(tokensPerSecond),
    wholeTokensPerSecond: round(1000 / median(intervals(whole))),
    identical: identical && (recovery?.identical ?? true),
    numericClasses: new Set(contributions).size,
    firstDivergence: divergence(answer, whole),
    computeMs: round(computeMs),
    roundTripMs: round(roundTripMs),
    hopOverheadMs: percentiles(overheads),
    bytesPerToken: Math.round(bytes / question.tokens),
    shareOfLimit: round((computeMs + wireMs) / stepMs),
    recoveryMs: recovery && round(recovery.ms),
    replacedBy: recovery && (recovery.fed ? 'journal' : 'tokens'),
    aggregateSpeedup: round(aggregate / tokensPerSecond),
    relayed: roundTrips.some(({ path }) => path?.relayed === true),
  }
}

async function takeTimes(worker: MeshTabPage): Promise<readonly number[]> {
  const times = await worker.call('takeTimes')
  if (!times.ok) throw new Error(times.code)
  return times.value
}

async function sentBytes(tabs: readonly MeshTabPage[]): Promise<number> {
  const links = (await Promise.all(tabs.map((tab) => tab.call('links')))).flat()
  return links.reduce((sum, { stats }) => sum + stats.control.sentBytes + stats.tensors.sentBytes, 0)
}

/** Milliseconds between tokens that came one after the other. */
function intervals({ atMs }: Answer): readonly number[] {
  return atMs.slice(1).map((ms, index) => ms - (atMs[index] ?? ms))
}

function sameTokens(one: Answer, other: Answer): boolean {
  return divergence(one, other) === null
}

function divergence({ tokens: one }: Answer, { tokens: other }: Answer): number | null {
  const at = one.findIndex((id, index) => id !== other[index])
  return at >= 0 ? at : one.length === other.length ? null : Math.min(one.length, other.length)
}

/** Tokens per second of so many answers at once, each with a seed of its own. */
async function streamed(ask: (seed: number) => Promise<Answer>, streams: number, tokens: number): Promise<number> {
  const answers = await Promise.all(Array.from({ length: streams }, (_, index) => ask(100 + index)))
  const first = Math.min(...answers.map(({ atMs }) => atMs[0] ?? 0))
  const last = Math.max(...answers.map(({ atMs }) => atMs.at(-1) ?? 0))
  return (streams * (tokens - 1) * 1000) / (last - first)
}

/** Closes the tab of a middle stage when some tokens have come. */
async function killed(
  asker: MeshTabPage,
  route: readonly MeshTabPage[],
  ask: () => Promise<Answer>,
  whole: Answer,
): Promise<{ readonly ms: number; readonly fed: boolean; readonly identical: boolean }> {
  await asker.call('routeEvents')
  const answering = ask()
  await asker.until('(await mesh.streamed()).tokens >= 8')
  await route[route.length >> 1]?.page.close()
  const answer = await answering
  const events = await asker.call('routeEvents')
  const lost = events.find(({ kind }) => kind === 'lost')
  const replaced = events.find(({ kind }) => kind === 'replaced')
  if (!lost || !replaced) throw new Error(`the answer was over before the stage was gone: ${JSON.stringify(events)}`)
  const next = answer.atMs.find((ms) => ms > lost.atMs) ?? Number.POSITIVE_INFINITY
  return { ms: next - lost.atMs, fed: replaced.detail === 'fed', identical: sameTokens(answer, whole) }
}

function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0)
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}
