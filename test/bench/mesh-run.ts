/**
 * One measured run of `bench:mesh`: asks over a route, reads the clocks of all tabs, and says what the parts cost. The same
 * tabs answer alone, at once and with a death in the middle, so that all figures are of one run.
 */
import type { MeshTabPage } from '../support/mesh-app.ts'
import type { FrameTime } from '../support/timed-stage.ts'
import {
  type Answer,
  divergence,
  intervals,
  type Percentiles,
  percentiles,
  same,
  togetherPerSecond,
} from './mesh-answers.ts'
import { type Recovery, recoverFrom } from './mesh-kill.ts'
import { median, round } from './report.ts'

export interface RouteResult {
  /** That stood in the route. */
  readonly stages: number
  readonly tokensPerSecond: number
  readonly wholeTokensPerSecond: number
  readonly identical: boolean
  readonly numericClasses: number
  /** Index of the first token that differs; null where none does. */
  readonly firstDivergence: number | null
  /** A token's, of all stages together, measured in their workers. */
  readonly computeMs: number
  /** A token's, of all stages together: the wait that was asked for, as it came out. */
  readonly syntheticMs: number
  readonly roundTripMs: number
  /** Of a hop, beyond compute and wire. */
  readonly hopOverheadMs: Percentiles
  /** Of that: from the page into its worker and back. */
  readonly doorMs: Percentiles
  readonly bytesPerToken: number
  /** Of 1 / (compute + trips). */
  readonly shareOfLimit: number
  /** From the detection of a death to the next token, less the compute of the replay; null without `--kill`. */
  readonly recoveryMs: number | null
  readonly replayComputeMs: number | null
  readonly replacedBy: 'journal' | 'tokens' | null
  /** Tokens of all streams per second, and over those of one stream. */
  readonly aggregateTokensPerSecond: number
  readonly aggregateSpeedup: number
  /** As `computeMs`, with all streams under way. */
  readonly aggregateComputeMs: number
  readonly relayed: boolean
}

export interface RouteRun {
  readonly asker: MeshTabPage
  readonly workers: readonly MeshTabPage[]
  /** What one tab says, one answer for each seed. */
  readonly whole: readonly Answer[]
  /** Asks over the route for what `whole` has at that place. */
  readonly ask: (stream: number) => Promise<Answer>
  readonly kill: boolean
}

export async function measureRoute({ asker, workers, whole, ask, kill }: RouteRun): Promise<RouteResult> {
  const [expected] = whole
  if (!expected) throw new Error('There is nothing to compare with.')
  // Compiles what is not compiled yet, and makes the links.
  await ask(0)
  const tabs = [...workers, asker]
  await takeTimes(workers)

  const before = await sentBytes(tabs)
  const answer = await ask(0)
  // Where standbys hold the same, each answer may have another route.
  const route = await routeOf(asker, workers)
  const classes = new Set(await Promise.all(route.map((worker) => worker.call('numericClass'))))
  const bytes = (await sentBytes(tabs)) - before
  const steps = intervals(answer)
  const cost = costOf(await takeTimes(route), steps.length)
  const links = (await Promise.all(tabs.map((tab) => tab.call('links')))).flat()
  const known = links.flatMap(({ path }) => path?.roundTripMs ?? [])
  const roundTripMs = known.length === 0 ? 0 : median(known)
  const wireMs = (route.length * roundTripMs) / 2
  const limits = cost.computeMs.map((ms, index) => ms + (cost.waitedMs[index] ?? 0) + wireMs)
  const overheads = steps.map((ms, index) => (ms - (limits[index] ?? 0)) / route.length)
  const one = togetherPerSecond([answer])

  const answers = whole.length === 1 ? [answer] : await Promise.all(whole.map((_, stream) => ask(stream)))
  const together = togetherPerSecond(answers)
  if (one === null || together === null) throw new Error('The answers are too short to measure: ask for more --tokens.')
  const busy = whole.length === 1 ? cost : costOf(await takeTimes(route), steps.length)
  const recovery: Recovery | null = kill
    ? await recoverFrom({ asker, workers, routeNow: () => routeOf(asker, workers), ask: () => ask(0) })
    : null
  const said = [[answer, expected] as const, ...answers.map((own, stream) => [own, whole[stream] ?? expected] as const)]
  if (recovery) said.push([recovery.answer, expected])

  return {
    stages: route.length,
    tokensPerSecond: round(1000 / median(steps)),
    wholeTokensPerSecond: round(1000 / median(intervals(expected))),
    identical: said.every(([own, other]) => same(own, other)),
    numericClasses: classes.size,
    firstDivergence: said.map(([own, other]) => divergence(own, other)).find((at) => at !== null) ?? null,
    computeMs: round(median(cost.computeMs)),
    syntheticMs: round(median(cost.waitedMs)),
    roundTripMs: round(roundTripMs),
    hopOverheadMs: percentiles(overheads),
    doorMs: percentiles(cost.doorMs),
    bytesPerToken: Math.round(bytes / answer.tokens.length),
    shareOfLimit: round(median(limits) / median(steps)),
    recoveryMs: recovery && round(recovery.ms),
    replayComputeMs: recovery && round(recovery.replayComputeMs),
    replacedBy: recovery?.replacedBy ?? null,
    aggregateTokensPerSecond: round(together),
    aggregateSpeedup: round(together / one),
    aggregateComputeMs: round(median(busy.computeMs)),
    relayed: links.some(({ path }) => path?.relayed === true),
  }
}

async function routeOf(asker: MeshTabPage, workers: readonly MeshTabPage[]): Promise<readonly MeshTabPage[]> {
  const planned = (await asker.call('routeEvents')).findLast(({ kind }) => kind === 'planned')
  const stages: readonly { readonly peer: string }[] = JSON.parse(planned?.detail ?? '[]')
  const peers = await Promise.all(workers.map((worker) => worker.call('peer')))
  return stages.flatMap(({ peer }) => workers[peers.indexOf(peer)] ?? [])
}

interface StageTimes {
  readonly computeMs: readonly number[]
  readonly frames: readonly FrameTime[]
}

function takeTimes(workers: readonly MeshTabPage[]): Promise<readonly StageTimes[]> {
  return Promise.all(
    workers.map(async (worker) => {
      const [computed, frames] = [await worker.call('takeTimes'), await worker.call('takeFrames')]
      if (!computed.ok) throw new Error(computed.code)
      return { computeMs: computed.value, frames }
    }),
  )
}

/** Of the newest frames, which are those of the answer's tokens; those before belong to its prompt. By token. */
function costOf(stages: readonly StageTimes[], count: number) {
  const tokens = Array.from({ length: count }, (_, index) => index - count)
  const sum = (of: (stage: StageTimes, at: number) => number) =>
    tokens.map((at) => stages.reduce((ms, stage) => ms + of(stage, at), 0))
  return {
    computeMs: sum(({ computeMs }, at) => computeMs.at(at) ?? 0),
    waitedMs: sum(({ frames }, at) => frames.at(at)?.waitedMs ?? 0),
    doorMs: stages.flatMap(({ computeMs, frames }) =>
      tokens.map((at) => (frames.at(at)?.seenMs ?? 0) - (computeMs.at(at) ?? 0)),
    ),
  }
}

async function sentBytes(tabs: readonly MeshTabPage[]): Promise<number> {
  const links = (await Promise.all(tabs.map((tab) => tab.call('links')))).flat()
  return links.reduce((sum, { stats }) => sum + stats.control.sentBytes + stats.tensors.sentBytes, 0)
}
