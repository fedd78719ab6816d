/**
 * Which engine runs a model on this device. Pure: facts in, decision with its reason out. A GPU that is fast enough goes
 * before everything; below that the fastest prediction wins. Predictions are measured where anything was measured here,
 * and say so where nothing was. The rule between devices is `mode-choice.ts`.
 */
import type { EngineName } from '../wire/chat.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'

/** Reading speed: from here on nobody waits for the text. */
export const TOKENS_PER_SECOND_ENOUGH = 8
/** Before anything was measured. Low on purpose: half of what the slowest common laptop GPU reads. */
export const GPU_BYTES_PER_SECOND_ASSUMED = 15e9
/** A thread of llama.cpp as WASM read 1.2 GB/s where docs/PERFORMANCE.md measured it. */
export const CPU_THREAD_BYTES_PER_SECOND_ASSUMED = 1.2e9

/** Of what one kernel reads in the self test, this much is left for a whole answer: attention and launches take the rest. */
const SELF_TEST_SHARE = 0.6

export interface EngineFacts {
  readonly engine: EngineName
  /** Why it cannot run this model here; null where it can. */
  readonly refusal: Failure | null
  /** Measured with this model on this device; null where it never ran. */
  readonly tokensPerSecond: number | null
  /** Bytes of weights a second, measured with any model on this device; null where nothing ran. */
  readonly bytesPerSecond: number | null
  /** What the self test found of this GPU; null where it never ran, or says nothing of the engine. */
  readonly testedBytesPerSecond: number | null
  readonly assumedBytesPerSecond: number
}

export interface Prediction {
  readonly tokensPerSecond: number
  /** `measured` with this model, `scaled` from another one by size, `tested` by the self test, `assumed` by kind of device. */
  readonly basis: 'measured' | 'scaled' | 'tested' | 'assumed'
}

export interface EngineChoice extends Prediction {
  readonly engine: EngineName
  /** `picked` by a person, the `only` one that can, a GPU that is `fast-enough`, or the `fastest` of several. */
  readonly reason: 'picked' | 'only' | 'fast-enough' | 'fastest'
}

/** Decoding reads every weight once a token. */
export function predict(facts: EngineFacts, bytesPerToken: number): Prediction {
  if (facts.tokensPerSecond !== null) return { tokensPerSecond: facts.tokensPerSecond, basis: 'measured' }
  const of = (bytesPerSecond: number) => bytesPerSecond / Math.max(bytesPerToken, 1)
  if (facts.bytesPerSecond !== null) return { tokensPerSecond: of(facts.bytesPerSecond), basis: 'scaled' }
  const tested = facts.testedBytesPerSecond
  if (tested !== null) return { tokensPerSecond: of(tested * SELF_TEST_SHARE), basis: 'tested' }
  return { tokensPerSecond: of(facts.assumedBytesPerSecond), basis: 'assumed' }
}

/**
 * Refusals: that of the picked engine; `engine-mismatch` where none was asked; else that of the last, which asks least of
 * the device. `engines` in order of preference: those on a GPU first.
 */
export function chooseEngine(
  engines: readonly EngineFacts[],
  bytesPerToken: number,
  picked: EngineName | null,
): Result<EngineChoice> {
  const wanted = picked === null ? engines : engines.filter(({ engine }) => engine === picked)
  const able = wanted.filter(({ refusal }) => refusal === null)
  const predicted = able.map((facts) => ({ engine: facts.engine, ...predict(facts, bytesPerToken) }))
  const first = predicted[0]
  if (!first) return wanted.at(-1)?.refusal ?? fail('engine-mismatch', '')
  if (picked !== null) return ok({ ...first, reason: 'picked' })
  if (predicted.length === 1) return ok({ ...first, reason: 'only' })
  const gpu = predicted.find(({ engine, tokensPerSecond }) => engine !== 'cpu' && enough(tokensPerSecond))
  if (gpu) return ok({ ...gpu, reason: 'fast-enough' })
  const fastest = predicted.reduce((best, next) => (next.tokensPerSecond > best.tokensPerSecond ? next : best))
  return ok({ ...fastest, reason: 'fastest' })
}

function enough(tokensPerSecond: number): boolean {
  return tokensPerSecond >= TOKENS_PER_SECOND_ENOUGH
}
