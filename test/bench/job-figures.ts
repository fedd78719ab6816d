/** What the jobs bench reads from answers: what a job adds to one of one's own, who got how much, what is lost. Pure. */
import type { JobRun } from '../support/job-page.ts'
import { intervals, percentiles } from './mesh-answers.ts'
import { round } from './report.ts'

export interface Spread {
  readonly p50: number
  readonly p95: number
}

export function spreadOf(values: readonly number[]): Spread {
  const { p50, p95 } = percentiles(values)
  return { p50, p95 }
}

/** From the question to the first token. NaN where there is none. */
export const firstTokenMs = ({ askedMs, atMs }: JobRun) => (atMs[0] ?? Number.NaN) - askedMs

/**
 * How long the job stood behind others before its first token, by its asker's clock: from each word that it is queued at the
 * server, or held at a worker, to the next word about it.
 */
export function queueMs({ stands, atMs }: JobRun): number {
  const firstMs = atMs[0] ?? Number.POSITIVE_INFINITY
  return stands.reduce((sum, { atMs: fromMs, stand }, at) => {
    const waits = stand.state !== 'running' && fromMs < firstMs
    return waits ? sum + Math.min(firstMs, stands[at + 1]?.atMs ?? firstMs) - fromMs : sum
  }, 0)
}

export interface Local {
  readonly firstTokenMs: number
  readonly perTokenMs: number
}

/** Beyond what one tab alone takes with the same engine, and beyond waiting for others. */
export function added(runs: readonly JobRun[], local: Local) {
  const perToken = runs.flatMap((run) => intervals(run).map((ms) => ms - local.perTokenMs))
  return {
    addedFirstTokenMs: spreadOf(runs.map((run) => firstTokenMs(run) - queueMs(run) - local.firstTokenMs)),
    queueMs: spreadOf(runs.map(queueMs)),
    addedPerTokenMs: spreadOf(perToken),
  }
}

/** Jain's index: 1 where all got the same, 1 / n where one got all. */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0)
  const squares = shares.reduce((a, b) => a + b * b, 0)
  return squares === 0 ? 0 : round((sum * sum) / (shares.length * squares))
}

/** Of what was said, as the asker got it, and what should have been: by token ids. */
export function countWrong(said: readonly number[], expected: readonly number[]) {
  const times = new Map<number, number>()
  for (const id of said) times.set(id, (times.get(id) ?? 0) + 1)
  const wanted = new Map<number, number>()
  for (const id of expected) wanted.set(id, (wanted.get(id) ?? 0) + 1)
  let [lost, doubled] = [0, 0]
  for (const [id, many] of wanted) lost += Math.max(0, many - (times.get(id) ?? 0))
  for (const [id, many] of times) doubled += Math.max(0, many - (wanted.get(id) ?? 0))
  return { lost, doubled }
}
