/**
 * What an add tells while it runs, and the meter that turns byte counts into a steady speed. Pure: the clock is an
 * argument, drawing is the command's and the page's.
 */
import type { Failure } from '../../web/wire/result.ts'

export type AddEvent =
  | { readonly kind: 'source'; readonly source: string; readonly name: string }
  | {
      readonly kind: 'progress'
      readonly phase: 'fetch' | 'extract' | 'hash'
      readonly doneBytes: number
      /** Null until the source has said it. */
      readonly totalBytes: number | null
      readonly bytesPerSecond: number
    }
  | { readonly kind: 'source-failed'; readonly source: string; readonly failure: Failure }
  | { readonly kind: 'warning'; readonly failure: Failure }

export type OnAddEvent = (event: AddEvent) => void

/** Bytes in all so far, bytes expected. */
export type OnBytes = (doneBytes: number, totalBytes: number | null) => void

/** Speed is the mean of this window: long enough to be calm, short enough to notice a stall. */
const WINDOW_MS = 5_000

/** Speed over the last seconds. Bytes that were there before the first call do not count as fast ones. */
export class Meter {
  readonly #samples: { readonly atMs: number; readonly bytes: number }[] = []

  /** Bytes per second now. */
  add(doneBytes: number, nowMs: number): number {
    const last = this.#samples.at(-1)
    if (last && doneBytes < last.bytes) this.#samples.length = 0
    this.#samples.push({ atMs: nowMs, bytes: doneBytes })
    while (this.#samples.length > 2 && nowMs - (this.#samples[0]?.atMs ?? nowMs) > WINDOW_MS) this.#samples.shift()
    const first = this.#samples[0]
    const elapsedMs = nowMs - (first?.atMs ?? nowMs)
    return elapsedMs <= 0 ? 0 : ((doneBytes - (first?.bytes ?? 0)) / elapsedMs) * 1_000
  }
}

/** Turns byte counts of one phase into progress events, at most one per `everyMs`, and always the last. */
export function progressReporter(
  phase: 'fetch' | 'extract' | 'hash',
  emit: OnAddEvent,
  nowMs: () => number,
  everyMs: number,
): OnBytes {
  const meter = new Meter()
  let lastMs = Number.NEGATIVE_INFINITY
  return (doneBytes, totalBytes) => {
    const atMs = nowMs()
    if (doneBytes !== totalBytes && atMs - lastMs < everyMs) return
    lastMs = atMs
    emit({ kind: 'progress', phase, doneBytes, totalBytes, bytesPerSecond: meter.add(doneBytes, atMs) })
  }
}
