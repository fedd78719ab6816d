/**
 * The sampler in plain numbers: the oracle of `sample.wgsl` and the sampler of `stage-cpu`. Order: repetition penalty,
 * temperature, top-k, top-p, min-p, then one draw as argmax(logit + Gumbel noise), which is an exact draw from the
 * softmax (Gumbel-max; Maddison et al., arXiv 1411.0030). Temperature 0 is the best token; ties go to the lowest id. A mask
 * comes before all of it: what it leaves out has a logit that no other step can lift.
 */
import { gumbel } from '../rules/noise.ts'

export interface SamplerSettings {
  readonly temperature: number
  readonly topK: number
  readonly topP: number
  readonly minP: number
  readonly repetitionPenalty: number
  readonly seed: bigint
}

/** Divides positive and multiplies negative logits of every token in `window`, once each, in place. */
export function penalise(logits: Float32Array, penalty: number, window: Iterable<number>): void {
  if (penalty === 1) return
  for (const id of new Set(window)) {
    const logit = logits[id]
    if (logit !== undefined) logits[id] = logit > 0 ? logit / penalty : logit * penalty
  }
}

/** As in `mask.wgsl`: far below every logit, and finite after penalty and temperature. */
const MASKED = -1e30

/** Leaves out every token whose bit is not set, in place. */
export function applyMask(logits: Float32Array, mask: Uint32Array): void {
  for (let id = 0; id < logits.length; id += 1)
    if ((((mask[id >>> 5] ?? 0) >>> (id & 31)) & 1) === 0) logits[id] = MASKED
}

/** Smallest scaled logit that is kept; ties at a border are all kept, as on the GPU. */
export function threshold(scaled: Float32Array, { topK, topP, minP }: SamplerSettings): number {
  let best = Number.NEGATIVE_INFINITY
  for (const value of scaled) if (value > best) best = value
  let lowest = minP > 0 ? best + Math.log(minP) : Number.NEGATIVE_INFINITY
  const limitK = topK > 0 && topK < scaled.length
  if (!limitK && topP >= 1) return lowest
  const sorted = Float32Array.from(scaled).sort().reverse()
  const borderK = limitK ? (sorted[topK - 1] ?? Number.NEGATIVE_INFINITY) : Number.NEGATIVE_INFINITY
  lowest = Math.max(lowest, borderK)
  if (topP >= 1) return lowest
  let total = 0
  for (const value of sorted) if (value >= borderK) total += Math.exp(value - best)
  let mass = 0
  for (const value of sorted) {
    mass += Math.exp(value - best)
    if (mass >= topP * total) return Math.max(lowest, value)
  }
  return lowest
}

/** The token for `position`. `logits` is changed: penalised and divided by the temperature. */
export function sample(
  logits: Float32Array,
  settings: SamplerSettings,
  position: number,
  window: Iterable<number>,
  noise: Int32Array,
): number {
  penalise(logits, settings.repetitionPenalty, window)
  const greedy = settings.temperature === 0
  let lowest = Number.NEGATIVE_INFINITY
  if (!greedy) {
    const inverse = Math.fround(1 / settings.temperature)
    for (let id = 0; id < logits.length; id += 1) logits[id] = (logits[id] ?? 0) * inverse
    lowest = threshold(logits, settings)
  }
  let best = Number.NEGATIVE_INFINITY
  let chosen = -1
  for (let id = 0; id < logits.length; id += 1) {
    const logit = logits[id] ?? Number.NEGATIVE_INFINITY
    if (logit < lowest) continue
    const score = greedy ? logit : Math.fround(logit + gumbel(noise, settings.seed, position, id))
    if (score > best) {
      best = score
      chosen = id
    }
  }
  return chosen
}
