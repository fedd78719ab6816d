/**
 * Bytes per second over the last few seconds, from readings of a counter. Time is an argument: no clock here.
 * A counter that falls (the next phase of a load starts at zero) begins a new measurement.
 */
const WINDOW_MS = 4_000
/** Under this a rate is a guess; nothing is shown. */
const SPAN_MS_MIN = 250
/** Readings closer than this replace each other, which bounds the list. */
const STEP_MS = 50

export class ByteRate {
  #readings: { readonly atMs: number; readonly bytes: number }[] = []

  /** Adds a reading and returns the rate, or null while it is not known yet. */
  add(bytes: number, atMs: number): number | null {
    const last = this.#readings.at(-1)
    if (last && bytes < last.bytes) this.#readings = []
    const before = this.#readings.at(-2)
    if (before && last && last.atMs - before.atMs < STEP_MS) this.#readings.pop()
    this.#readings.push({ atMs, bytes })
    this.#readings = this.#readings.filter((reading) => atMs - reading.atMs <= WINDOW_MS)
    const first = this.#readings[0]
    if (!first || atMs - first.atMs < SPAN_MS_MIN) return null
    return ((bytes - first.bytes) * 1_000) / (atMs - first.atMs)
  }
}
