/**
 * What `bench:jobs` does with its tabs, one thing after the other: answers of one tab alone, first questions over links that
 * are made for them, questions over links that are there, everybody at once for a while, and deaths.
 */
import type { JobRun } from '../support/job-page.ts'
import type { MeshTabPage } from '../support/mesh-app.ts'
import { added, countWrong, firstTokenMs, jain, type Local, spreadOf } from './job-figures.ts'
import { type Death, dieOnce, type Manner } from './job-kill.ts'
import { type JobBench, type JobWorkerTab, PREFILL_MS, PROMPT_TOKENS, TOKEN_MS, times } from './job-rig.ts'
import { intervals } from './mesh-answers.ts'
import { median, round } from './report.ts'

export interface JobsWish {
  readonly askers: number
  readonly workers: number
  /** Questions of each asker over links that are there. */
  readonly rounds: number
  /** How long everybody asks at once. */
  readonly seconds: number
  /** Of each manner. */
  readonly deaths: number
}

const TOKENS = 32
/** Answers of the one half of the askers, and of the other. */
const SHORT_TOKENS = 16
const LONG_TOKENS = 96
/** Of each asker at once, so that one is always waiting. */
const AT_ONCE = 3
/** The line fills, and links are made. */
const SETTLE_MS = 2_000

interface Asked {
  readonly run: JobRun
  readonly maxTokens: number
}

/** With the engine that says `0 1 2 ...` at a fixed rate, whoever runs it. */
export async function measureFixed(bench: JobBench, wish: JobsWish) {
  const workers = await times(wish.workers, () => bench.worker())
  const askers = await times(wish.askers, () => bench.asker())
  const local = await measureLocal(bench, askers[0])
  const ask = async (asker: MeshTabPage): Promise<Asked> => {
    const run = await asker.call('runJob', bench.question('alone', TOKENS))
    return { run, maxTokens: TOKENS }
  }
  const cold: Asked[] = []
  for (const asker of askers) cold.push(await ask(asker))
  const warm: Asked[] = []
  // One at a time, as the answers of one tab alone are: what many at once cost each other is the crowd's.
  for (let round = 0; round < wish.rounds; round += 1) for (const asker of askers) warm.push(await ask(asker))
  const crowd = await crowdOf(bench, askers, wish.seconds * 1_000)
  const deaths = await deathsOf(bench, askers[0], workers, wish.deaths)
  const all = [...cold, ...warm, ...crowd.asked, ...deaths.closed, ...deaths.killed]
  const wrong = all.map(({ run, maxTokens }) => countWrong(run.tokens, [...Array(maxTokens).keys()]))
  const runsOf = (asked: readonly Asked[]) => asked.map(({ run }) => run)
  const coldAdded = added(runsOf(cold), local)
  return {
    rate: { tokenMs: TOKEN_MS, prefillMs: PREFILL_MS, promptTokens: PROMPT_TOKENS },
    local: { firstTokenMs: round(local.firstTokenMs), perTokenMs: round(local.perTokenMs) },
    ...added(runsOf(warm), local),
    cold: { addedFirstTokenMs: coldAdded.addedFirstTokenMs, queueMs: coldAdded.queueMs },
    jain: crowd.jain,
    crowd: { ...crowd.figures, ...added(runsOf(crowd.asked), local) },
    deathToNextTokenMs: { closed: summary(deaths.closed), killed: summary(deaths.killed), prefillMs: PREFILL_MS },
    jobs: all.length,
    tokens: all.reduce((sum, { run }) => sum + run.tokens.length, 0),
    unfinished: all.filter(({ run }) => run.end?.reason !== 'length').length,
    lost: wrong.reduce((sum, { lost }) => sum + lost, 0),
    doubled: wrong.reduce((sum, { doubled }) => sum + doubled, 0),
  }
}

export type FixedFigures = Awaited<ReturnType<typeof measureFixed>>

/** Of one tab alone, with the same engine: what a job is compared with. */
async function measureLocal(bench: JobBench, tab: MeshTabPage | undefined): Promise<Local> {
  if (!tab) throw new Error('there is no asker')
  const runs = await times(3, () => tab.call('runHere', bench.question('here', TOKENS)))
  return { firstTokenMs: median(runs.map(firstTokenMs)), perTokenMs: median(runs.flatMap(intervals)) }
}

/**
 * Everybody asks at once, half of them for short answers and half for long ones, and asks again as soon as one of their
 * questions is answered. A share is what an asker got, prompts and answers, while all of them were asking.
 */
async function crowdOf(bench: JobBench, askers: readonly MeshTabPage[], forMs: number) {
  const limits = askers.map((_, at) => (at % 2 === 0 ? SHORT_TOKENS : LONG_TOKENS))
  const beganMs = performance.timeOrigin + performance.now()
  const got = await Promise.all(
    askers.map((asker, at) =>
      asker.call('keepAsking', bench.question('crowd', limits[at] ?? 0), AT_ONCE, SETTLE_MS + forMs),
    ),
  )
  const [fromMs, toMs] = [beganMs + SETTLE_MS, beganMs + SETTLE_MS + forMs]
  const within = (ms: number | undefined) => ms !== undefined && ms >= fromMs && ms < toMs
  const shares = got.map((runs) =>
    runs.reduce((sum, { atMs }) => sum + atMs.filter(within).length + (within(atMs[0]) ? PROMPT_TOKENS : 0), 0),
  )
  const asked = got.flatMap((runs, at) => runs.map((run) => ({ run, maxTokens: limits[at] ?? 0 })))
  const inServersLine = asked.filter(({ run }) => run.stands.some(({ stand }) => stand.state === 'queued')).length
  const figures = { seconds: forMs / 1_000, jobs: asked.length, inServersLine, shares }
  return { asked, jain: jain(shares), figures }
}

async function deathsOf(
  bench: JobBench,
  asker: MeshTabPage | undefined,
  workers: JobWorkerTab[],
  rounds: number,
): Promise<Record<Manner, readonly Death[]>> {
  const deaths: Record<Manner, Death[]> = { closed: [], killed: [] }
  if (!asker) return deaths
  for (let at = 0; at < rounds; at += 1) {
    for (const manner of ['closed', 'killed'] as const) {
      if (workers.length < 2) workers.push(await bench.worker())
      deaths[manner].push(await dieOnce(bench, asker, workers, manner))
    }
  }
  return deaths
}

function summary(deaths: readonly Death[]) {
  const { p50 } = spreadOf(deaths.map(({ ms }) => ms))
  return { p50, max: round(Math.max(...deaths.map(({ ms }) => ms))) }
}
