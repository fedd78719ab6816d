/**
 * A request's sampling in llama.cpp's words: the stage engine's order (penalty, temperature, top-k, top-p, min-p) and none
 * of llama.cpp's other samplers. Pure. Names: tools/server/README.md and common/sampling.cpp of llama.cpp.
 */
import type { Sampling } from '../wire/chat.ts'
import { REPETITION_WINDOW } from '../wire/limits/engine.ts'

const WORD = 32n
const LOW = 0xffff_ffffn
/** llama.cpp takes the largest seed for "draw one yourself". */
const SEED_RANDOM = 0xffff_ffff

/** Both halves count, so that seeds of one low half differ. */
export function foldSeed(seed: bigint): number {
  const bits = BigInt.asUintN(64, seed)
  const folded = Number((bits ^ (bits >> WORD)) & LOW)
  return folded === SEED_RANDOM ? 0 : folded
}

export function samplingOptions(sampling: Sampling): Readonly<Record<string, unknown>> {
  const { temperature, topK, topP, minP, repetitionPenalty, seed } = sampling
  const penalties = repetitionPenalty === 1 ? [] : ['penalties']
  const common = { repeat_penalty: repetitionPenalty, repeat_last_n: REPETITION_WINDOW, seed: foldSeed(seed) }
  // Greedy by top-k: llama.cpp's temperature 0 would still draw from the whole vocabulary, of which one is possible.
  if (temperature === 0) return { ...common, samplers: [...penalties, 'top_k'], top_k: 1 }
  const samplers = [...penalties, 'temperature', 'top_k', 'top_p', 'min_p']
  return { ...common, samplers, temperature, top_k: topK, top_p: topP, min_p: minP }
}
