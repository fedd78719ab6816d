/** A sampler as it travels: its seed has 64 bits, which JSON has not. Checks nothing. */
import type { SamplerSpec } from '../engine/stage.ts'
import type { SamplerWire } from '../wire/peer-control.ts'

export function samplerOf({ seed, ...rest }: SamplerWire): SamplerSpec {
  return { ...rest, seed: BigInt(`0x${seed}`) }
}

export function samplerToWire({ seed, ...rest }: SamplerSpec): SamplerWire {
  return { ...rest, seed: seed.toString(16).padStart(16, '0') }
}
