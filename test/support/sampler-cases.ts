/**
 * Settings of the sampler with their exact distributions, worked out here from the definitions and apart from the
 * product's code: penalty, temperature, top-k, top-p and min-p in this order, then softmax over what is left.
 */

import type { SamplerSpec } from '../../web/engine/stage.ts'
import { Random } from '../fixtures/random.ts'
import { GREEDY } from './tiny-stage.ts'

export interface SamplerCase {
  readonly name: string
  readonly spec: SamplerSpec
  readonly vocabulary: number
  /** Tokens before the drawn one. */
  readonly window: readonly number[]
}

const SEED = 0x5eed_0f5a_3b1en
const PLAIN: SamplerSpec = { ...GREEDY, temperature: 1, seed: SEED }
const WINDOW = [3, 17, 3, 41, 60]

export const SAMPLER_CASES: readonly SamplerCase[] = [
  { name: 'temperature 1', spec: PLAIN, vocabulary: 64, window: [] },
  { name: 'temperature 0.7', spec: { ...PLAIN, temperature: 0.7 }, vocabulary: 96, window: [] },
  { name: 'temperature 1.5', spec: { ...PLAIN, temperature: 1.5 }, vocabulary: 300, window: [] },
  { name: 'top-k 12', spec: { ...PLAIN, topK: 12 }, vocabulary: 96, window: [] },
  { name: 'top-k 1', spec: { ...PLAIN, topK: 1 }, vocabulary: 64, window: [] },
  { name: 'top-p 0.8', spec: { ...PLAIN, topP: 0.8 }, vocabulary: 96, window: [] },
  { name: 'min-p 0.1', spec: { ...PLAIN, minP: 0.1 }, vocabulary: 96, window: [] },
  { name: 'penalty 1.3', spec: { ...PLAIN, repetitionPenalty: 1.3 }, vocabulary: 64, window: WINDOW },
  {
    name: 'all together',
    spec: { temperature: 0.8, topK: 30, topP: 0.9, minP: 0.03, repetitionPenalty: 1.2, seed: SEED + 1n },
    vocabulary: 128,
    window: WINDOW,
  },
]

export const DRAWS = 100_000
/** A right sampler falls below this once in ten thousand seeds; the seeds are fixed. */
export const P_MIN = 1e-4

export function caseLogits({ vocabulary }: SamplerCase): Float32Array<ArrayBuffer> {
  return Float32Array.from(new Random(vocabulary).normals(vocabulary, 1.6))
}

export function exactDistribution({ spec, window }: SamplerCase, logits: Float32Array): Float64Array {
  const { temperature, topK, topP, minP, repetitionPenalty } = spec
  const seen = new Set(window)
  const scaled = Array.from(logits, (logit, id) => {
    const penalised = !seen.has(id) ? logit : logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty
    return { id, value: penalised / temperature }
  }).sort((a, b) => b.value - a.value)
  const best = scaled[0]?.value ?? 0
  let kept = topK > 0 ? scaled.slice(0, topK) : scaled
  if (topP < 1) {
    const weight = (list: typeof scaled) => list.reduce((sum, { value }) => sum + Math.exp(value - best), 0)
    const total = weight(kept)
    let count = 1
    while (weight(kept.slice(0, count)) < topP * total) count += 1
    kept = kept.slice(0, count)
  }
  kept = kept.filter(({ value }) => Math.exp(value - best) >= minP)
  const total = kept.reduce((sum, { value }) => sum + Math.exp(value - best), 0)
  const out = new Float64Array(logits.length)
  for (const { id, value } of kept) out[id] = Math.exp(value - best) / total
  return out
}
