/**
 * Where answers at temperature 0 are kept, for a person who wants that: the contract, and the store in memory. A cache that
 * fails is an empty one: nothing is lost with it, so no call refuses. Decides nothing about what may be kept.
 */
import { type ResultUse, resultsToDrop } from '../rules/result-key.ts'
import type { Answerer } from '../wire/chat.ts'

export interface KeptResult {
  /** SHA-256 of `resultKeyText`, in hexadecimal digits. */
  readonly key: string
  /** As the engine wrote it: with placeholders, where the prompt had some. */
  readonly text: string
  readonly answerer: Answerer
  readonly createdMs: number
}

export interface ResultSize {
  readonly count: number
  readonly bytes: number
}

/** At most `RESULTS_KEPT_MAX` of `RESULTS_BYTES_MAX` together; the least recently used go first. Calls may overlap. */
export interface ResultCache {
  /** Counts as a use. */
  find(key: string, nowMs: number): Promise<KeptResult | null>
  /** Replaces one of the same key. */
  keep(result: KeptResult, nowMs: number): Promise<void>
  size(): Promise<ResultSize>
  clear(): Promise<void>
}

/** What one takes: its text, in the two bytes that a browser keeps for a character. */
export function bytesOf({ text }: KeptResult): number {
  return 2 * text.length
}

export function sizeOf(uses: readonly ResultUse[]): ResultSize {
  return { count: uses.length, bytes: uses.reduce((sum, { bytes }) => sum + bytes, 0) }
}

/** For a browser that refuses to keep any: until the page is closed. */
export class MemoryResults implements ResultCache {
  readonly #results = new Map<string, KeptResult>()
  readonly #uses = new Map<string, ResultUse>()

  async find(key: string, nowMs: number): Promise<KeptResult | null> {
    const [result, use] = [this.#results.get(key), this.#uses.get(key)]
    if (!result || !use) return null
    this.#uses.set(key, { ...use, usedMs: nowMs })
    return result
  }

  async keep(result: KeptResult, nowMs: number): Promise<void> {
    const { key } = result
    this.#results.set(key, result)
    this.#uses.set(key, { key, bytes: bytesOf(result), usedMs: nowMs })
    for (const dropped of resultsToDrop([...this.#uses.values()])) {
      this.#results.delete(dropped)
      this.#uses.delete(dropped)
    }
  }

  async size(): Promise<ResultSize> {
    return sizeOf([...this.#uses.values()])
  }

  async clear(): Promise<void> {
    this.#results.clear()
    this.#uses.clear()
  }
}
