/**
 * Counter-based Gumbel noise in integers only, so that TypeScript and WGSL agree bit for bit (`sample.wgsl` is the twin
 * of this file). A draw is keyed by (seed, position, token id): nothing is consumed in order, so a replay, an audit or
 * another peer sees the same noise. Hash: pcg4d (Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 9(3),
 * 2020). Gumbel(0,1) = -ln(-ln u), read from a table over the octaves of u from both ends with linear interpolation.
 * Fixed point: 16 fraction bits. Test vectors: `noise.vectors.json`.
 */

/** Fraction bits of the noise. */
export const NOISE_FRACTION_BITS = 16
/** Pieces an octave is cut into: interpolation error below 2^-15, under the fixed-point step. */
const PIECES = 64
/** Entries of one side of the table: 32 octaves and the end point. */
export const NOISE_SIDE_ENTRIES = 32 * PIECES + 1

/** pcg4d: four 32-bit words in, the first word out. */
export function noiseHash(seedLow: number, seedHigh: number, position: number, token: number): number {
  let x = (Math.imul(seedLow, 1664525) + 1013904223) | 0
  let y = (Math.imul(seedHigh, 1664525) + 1013904223) | 0
  let z = (Math.imul(position, 1664525) + 1013904223) | 0
  let w = (Math.imul(token, 1664525) + 1013904223) | 0
  x = (x + Math.imul(y, w)) | 0
  y = (y + Math.imul(z, x)) | 0
  z = (z + Math.imul(x, y)) | 0
  w = (w + Math.imul(y, z)) | 0
  x ^= x >>> 16
  y ^= y >>> 16
  z ^= z >>> 16
  w ^= w >>> 16
  return (x + Math.imul(y, w)) >>> 0
}

/**
 * Natural logarithm from +, -, *, / alone: IEEE 754 fixes those to the bit in every JavaScript engine, which it does
 * not for `Math.log`. atanh series on a mantissa in [1/sqrt 2, sqrt 2); absolute error below 1e-13.
 */
function logarithm(value: number): number {
  let mantissa = value
  let exponent = 0
  while (mantissa > Math.SQRT2) {
    mantissa /= 2
    exponent += 1
  }
  while (mantissa < Math.SQRT1_2) {
    mantissa *= 2
    exponent -= 1
  }
  const ratio = (mantissa - 1) / (mantissa + 1)
  const square = ratio * ratio
  let sum = 0
  for (let power = 25; power >= 1; power -= 2) sum = sum * square + 1 / power
  return 2 * ratio * sum + exponent * Math.LN2
}

/** -ln(1 - p) for small p, where 1 - p would lose its digits. */
function minusLogOneMinus(p: number): number {
  if (p > 0.01) return -logarithm(1 - p)
  let sum = 0
  for (let power = 12; power >= 1; power -= 1) sum = sum * p + 1 / power
  return sum * p
}

/**
 * Two sides of `NOISE_SIDE_ENTRIES`: G at u = x / 2^33 (low), then at u = 1 - x / 2^33 (high), for
 * x = 2^e (1 + j / 64). A draw has an odd x in [1, 2^32), so neither end of u is reached.
 */
export function noiseTable(): Int32Array<ArrayBuffer> {
  const table = new Int32Array(2 * NOISE_SIDE_ENTRIES)
  for (let entry = 0; entry < NOISE_SIDE_ENTRIES; entry += 1) {
    const p = (2 ** Math.floor(entry / PIECES) * (1 + (entry % PIECES) / PIECES)) / 2 ** 33
    table[entry] = Math.round(-logarithm(-logarithm(p)) * 2 ** NOISE_FRACTION_BITS)
    table[NOISE_SIDE_ENTRIES + entry] = Math.round(-logarithm(minusLogOneMinus(p)) * 2 ** NOISE_FRACTION_BITS)
  }
  return table
}

/** Gumbel(0,1) with 16 fraction bits from one hash word. */
export function noiseFixed(table: Int32Array, hash: number): number {
  const high = hash >>> 31
  const x = (((high === 1 ? ~hash : hash) << 1) | 1) >>> 0
  const lead = Math.clz32(x)
  const mantissa = (x << lead) >>> 0
  const entry = high * NOISE_SIDE_ENTRIES + (31 - lead) * PIECES + ((mantissa >>> 25) & (PIECES - 1))
  const fraction = (mantissa >>> 9) & 0xffff
  const from = table[entry] ?? 0
  const to = table[entry + 1] ?? 0
  return from + (((to - from) * fraction) >> 16)
}

/** The noise of one candidate as the exact float that is added to its logit. */
export function gumbel(table: Int32Array, seed: bigint, position: number, token: number): number {
  const low = Number(seed & 0xffffffffn)
  const high = Number((seed >> 32n) & 0xffffffffn)
  return noiseFixed(table, noiseHash(low, high, position, token)) / 2 ** NOISE_FRACTION_BITS
}
