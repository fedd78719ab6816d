/** binary16: every bit pattern, and rounding to nearest even at and beside every border between two halves. */
import { expect, test } from 'vitest'
import { fromHalf, toHalf } from '../../../web/weights/half.ts'
import { Random } from '../../fixtures/random.ts'

const PATTERNS = 0x10000
const LARGEST = 0x7bff
const INFINITE = 0x7c00

/** The next f32 above or below a positive one. */
function neighbour(value: number, step: 1 | -1): number {
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, value)
  view.setUint32(0, view.getUint32(0) + step)
  return view.getFloat32(0)
}

test('values are sign * fraction * 2^exponent', () => {
  const known: readonly (readonly [bits: number, value: number])[] = [
    [0x0000, 0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x3c00, 1],
    [0xc000, -2],
    [LARGEST, 65_504],
    [0xfc00, Number.NEGATIVE_INFINITY],
  ]
  for (const [bits, value] of known) expect(fromHalf(bits), bits.toString(16)).toBe(value)
  expect(Object.is(fromHalf(0x8000), -0)).toBe(true)
  expect(fromHalf(0x7c01)).toBeNaN()
})

test('every pattern comes back, NaN as some NaN', () => {
  const wrong = []
  for (let bits = 0; bits < PATTERNS; bits += 1) {
    const back = toHalf(fromHalf(bits))
    const same = (bits & 0x7fff) > INFINITE ? (back & 0x7fff) > INFINITE : back === bits
    if (!same) wrong.push([bits, back])
  }
  expect(wrong).toEqual([])
})

test('rounds to the nearest, halfway to the even one, at every border', () => {
  const wrong = []
  for (let low = 0; low < LARGEST; low += 1) {
    const border = (fromHalf(low) + fromHalf(low + 1)) / 2
    const even = low & 1 ? low + 1 : low
    // A border has one bit more than a half, so it is an f32 and so are both its neighbours.
    const cases: readonly (readonly [number, number])[] = [
      [neighbour(border, -1), low],
      [border, even],
      [neighbour(border, 1), low + 1],
    ]
    for (const [value, expected] of cases) {
      if (toHalf(value) !== expected) wrong.push([value, toHalf(value), expected])
      if (toHalf(-value) !== (expected | 0x8000)) wrong.push([-value, toHalf(-value)])
    }
  }
  expect(wrong).toEqual([])
})

test('beyond the largest is infinity from 65,520 on', () => {
  expect(toHalf(neighbour(65_520, -1))).toBe(LARGEST)
  expect(toHalf(65_520)).toBe(INFINITE)
  expect(toHalf(-1e30)).toBe(INFINITE | 0x8000)
  expect(toHalf(Number.NaN) & 0x7fff).toBeGreaterThan(INFINITE)
})

test('the error is at most half a step on random numbers', () => {
  const random = new Random(11)
  for (let i = 0; i < 20_000; i += 1) {
    const value = Math.fround(random.normal() * 2 ** (random.below(40) - 26))
    if (Math.abs(value) >= 65_504) continue
    const step = Math.max(2 ** -24, 2 ** (Math.floor(Math.log2(Math.abs(value) || 1e-30)) - 10))
    expect(Math.abs(fromHalf(toHalf(value)) - value)).toBeLessThanOrEqual(step / 2)
  }
})
