/** What is read from answers of the mesh bench: speeds, and where two of them differ. Pure. */

import { MEASURE_SESSION } from '../../web/schedule/measure-stage.ts'
import type { MeshPage } from '../support/mesh-page.ts'
import type { FrameTime } from '../support/timed-stage.ts'
import { round } from './report.ts'

type ComputedFrame = Pick<FrameTime, 'session' | 'beganMs' | 'seenMs'>
export type Answer = Awaited<ReturnType<MeshPage['ask']>>
/** Of tokens, by one clock. */
interface Timed {
  readonly atMs: readonly number[]
}
interface Said {
  readonly text: string
  readonly tokens: readonly number[]
}

/** Index of the first token that differs; null where none does. */
export function divergence(
  { tokens: one }: Pick<Said, 'tokens'>,
  { tokens: other }: Pick<Said, 'tokens'>,
): number | null {
  const at = one.findIndex((id, index) => id !== other[index])
  return at >= 0 ? at : one.length === other.length ? null : Math.min(one.length, other.length)
}

export function same(one: Said, other: Said): boolean {
  return one.text === other.text && divergence(one, other) === null
}

/** Milliseconds between tokens that came one after the other. */
export function intervals({ atMs }: Timed): readonly number[] {
  return atMs.slice(1).map((ms, index) => ms - (atMs[index] ?? ms))
}

/**
 * Tokens per second of all answers together, while all of them are being decoded: from the first token of the last that
 * began to the last token of the first that ended. Null where there was no such time.
 */
export function togetherPerSecond(answers: readonly Timed[]): number | null {
  const fromMs = Math.max(...answers.map(({ atMs }) => atMs[0] ?? Number.POSITIVE_INFINITY))
  const toMs = Math.min(...answers.map(({ atMs }) => atMs.at(-1) ?? 0))
  const tokens = answers.flatMap(({ atMs }) => atMs).filter((ms) => ms > fromMs && ms <= toMs).length
  return toMs > fromMs && tokens > 0 ? (tokens * 1000) / (toMs - fromMs) : null
}

/**
 * How long a stage that stepped in computed before it was where the others are: in all its frames of the request but the
 * newest, one for each token that came after. Several of them may be under way at once. A stage without requests measures
 * itself, which is not counted.
 */
export function replayComputeOf(frames: readonly ComputedFrame[], tokensAfter: number): number {
  const asked = frames.filter(({ session }) => session !== MEASURE_SESSION)
  const replayed = asked.slice(0, Math.max(0, asked.length - tokensAfter)).sort((a, b) => a.beganMs - b.beganMs)
  let [sumMs, endMs] = [0, Number.NEGATIVE_INFINITY]
  for (const { beganMs, seenMs } of replayed) {
    sumMs += Math.max(0, beganMs + seenMs - Math.max(beganMs, endMs))
    endMs = Math.max(endMs, beganMs + seenMs)
  }
  return sumMs
}

export interface Percentiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

export function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0)
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}
