/**
 * Who tends to be gone in the middle of an answer: of the times that a device served, the share that ended without a word,
 * with what was long ago counting less. By device, since a peer's name is new in each run. Pure: the time comes in.
 */
import { HAZARD_HALF_LIFE_MS, HAZARD_KEYS_MAX } from '../wire/limits/mesh.ts'

/** Nobody is judged by one time alone: so many good ones are assumed. */
const GOOD_ASSUMED = 2

interface Past {
  readonly lost: number
  readonly all: number
  readonly atMs: number
}

export class Hazards {
  /** Who served last is last. */
  readonly #pasts = new Map<string, Past>()

  ended(key: string, announced: boolean, nowMs: number): void {
    const { lost, all } = this.#of(key, nowMs)
    this.#pasts.delete(key)
    const [oldest] = this.#pasts.keys()
    if (oldest !== undefined && this.#pasts.size >= HAZARD_KEYS_MAX) this.#pasts.delete(oldest)
    this.#pasts.set(key, { lost: lost + (announced ? 0 : 1), all: all + 1, atMs: nowMs })
  }

  /** 0 for whom nobody knows, near 1 for who never says goodbye. */
  of(key: string, nowMs: number): number {
    const { lost, all } = this.#of(key, nowMs)
    return lost / (all + GOOD_ASSUMED)
  }

  #of(key: string, nowMs: number): Past {
    const past = this.#pasts.get(key)
    if (!past) return { lost: 0, all: 0, atMs: nowMs }
    const left = 0.5 ** (Math.max(0, nowMs - past.atMs) / HAZARD_HALF_LIFE_MS)
    return { lost: past.lost * left, all: past.all * left, atMs: nowMs }
  }
}
