/** The noise: vectors made outside of this code, the error of its table, and that it is Gumbel noise. */
import { expect, test } from 'vitest'
import {
  gumbel,
  NOISE_FRACTION_BITS,
  NOISE_SIDE_ENTRIES,
  noiseFixed,
  noiseHash,
  noiseTable,
} from '../../../web/rules/noise.ts'
import vectors from '../../../web/rules/noise.vectors.json'
import { Random } from '../../fixtures/random.ts'

const table = noiseTable()
const STEP = 2 ** -NOISE_FRACTION_BITS

/** -ln(-ln u) in floats, from the side of u that keeps its digits. */
function exact(hash: number): number {
  const high = hash >>> 31 === 1
  const share = ((((high ? ~hash : hash) << 1) | 1) >>> 0) / 2 ** 33
  return high ? -Math.log(-Math.log1p(-share)) : -Math.log(-Math.log(share))
}

test('hash words equal the vectors', () => {
  for (const [key, hash] of vectors.hash) {
    const [low = 0, high = 0, position = 0, token = 0] = key as number[]
    expect(noiseHash(low, high, position, token), String(key)).toBe(hash)
  }
})

test('the table equals the vectors, each entry in the sum', () => {
  expect(table.length).toBe(2 * NOISE_SIDE_ENTRIES)
  for (const [entry = 0, value] of vectors.table) expect(table[entry], `entry ${entry}`).toBe(value)
  let sum = 0
  for (const value of table) sum = (Math.imul(sum, 31) + value) >>> 0
  expect(sum).toBe(vectors.tableSum)
})

test('fixed-point noise equals the vectors', () => {
  for (const [hash = 0, value] of vectors.noise) expect(noiseFixed(table, hash), `hash ${hash}`).toBe(value)
})

test('is within 2^-14 of -ln(-ln u) at every octave, both ends, and never falls', () => {
  const random = new Random(3)
  const hashes = [0, 0x7fffffff, 0x80000000, 0xffffffff]
  for (let octave = 0; octave < 31; octave += 1) {
    for (let i = 0; i < 400; i += 1) {
      const word = Math.floor(2 ** octave * (1 + random.uniform()))
      hashes.push(word, (0xffffffff - word) >>> 0)
    }
  }
  let worst = 0
  for (const hash of hashes) worst = Math.max(worst, Math.abs(noiseFixed(table, hash) * STEP - exact(hash)))
  expect(worst).toBeLessThan(2 ** -14)
  let last = Number.NEGATIVE_INFINITY
  for (const hash of hashes.sort((a, b) => a - b)) {
    const value = noiseFixed(table, hash)
    expect(value).toBeGreaterThanOrEqual(last)
    last = value
  }
})

test('a million keys have the mean and the variance of Gumbel noise', () => {
  let [sum, squares] = [0, 0]
  const [positions, tokens] = [1000, 1000]
  for (let position = 0; position < positions; position += 1) {
    for (let token = 0; token < tokens; token += 1) {
      const value = gumbel(table, 0x1234_5678_9abc_def0n, position, token)
      sum += value
      squares += value * value
    }
  }
  const count = positions * tokens
  const mean = sum / count
  const variance = squares / count - mean * mean
  // Five standard errors: of the mean 1.2825 / sqrt(n), of the variance 1.645 * sqrt(4.4 / n).
  expect(Math.abs(mean - 0.5772157)).toBeLessThan((5 * 1.2825) / Math.sqrt(count))
  expect(Math.abs(variance - Math.PI ** 2 / 6)).toBeLessThan((5 * 1.645 * Math.sqrt(4.4)) / Math.sqrt(count))
})

test('seed, position and token each change the noise; the whole 64-bit seed counts', () => {
  const base = gumbel(table, 5n, 9, 7)
  expect(gumbel(table, 5n, 9, 7)).toBe(base)
  for (const other of [gumbel(table, 6n, 9, 7), gumbel(table, 5n, 10, 7), gumbel(table, 5n, 9, 8)]) {
    expect(other).not.toBe(base)
  }
  expect(gumbel(table, 5n + (1n << 63n), 9, 7)).not.toBe(base)
})
