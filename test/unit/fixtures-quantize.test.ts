/** The fixtures' quantizers against the product's dequantizer: two readings of each block layout, written apart. */
import { describe, expect, it } from 'vitest'
import { dequantize } from '../../web/weights/dequantize.ts'
import { bf16Bits, f16Bits, f16Value, QUANTIZABLE, type QuantizableType, quantize } from '../fixtures/quantize.ts'
import { Random } from '../fixtures/random.ts'

const ROWS = 8
const WIDTH = 512

/** Root mean square error over that of the values. A plain range fit on normal values; a swapped nibble gives 0.5 and more. */
const ERROR_MAX: Readonly<Record<QuantizableType, number>> = {
  F32: 0,
  F16: 0.0004,
  BF16: 0.003,
  Q4_0: 0.11,
  Q4_1: 0.1,
  Q5_0: 0.055,
  Q5_1: 0.05,
  Q8_0: 0.008,
  Q4_K: 0.1,
  Q5_K: 0.05,
  Q6_K: 0.025,
}

function relativeError(type: QuantizableType, values: Float32Array): number {
  const back = dequantize(type, quantize(type, values), values.length)
  let error = 0
  let power = 0
  for (const [i, value] of values.entries()) {
    error += (value - (back[i] ?? 0)) ** 2
    power += value ** 2
  }
  return Math.sqrt(error / power)
}

describe.each(QUANTIZABLE)('%s', (type) => {
  it('comes back within its step', () => {
    expect(relativeError(type, new Random(7).normals(ROWS * WIDTH, 0.05))).toBeLessThanOrEqual(ERROR_MAX[type])
  })

  it('keeps each group of 16 apart: no scale, nibble or high bit of another one', () => {
    const values = new Random(8).normals(ROWS * WIDTH, 1)
    for (const [i] of values.entries()) values[i] = (values[i] ?? 0) * (1 + ((i >> 4) % 7))
    expect(relativeError(type, values)).toBeLessThanOrEqual(ERROR_MAX[type] * 1.6)
  })

  it('writes zeros as zeros', () => {
    expect([...dequantize(type, quantize(type, new Float32Array(256)), 256)].every((value) => value === 0)).toBe(true)
  })
})

describe('halves', () => {
  it.each([
    [1, 0x3c00],
    [-2, 0xc000],
    [65_504, 0x7bff],
    [65_519, 0x7bff],
    [65_520, 0x7c00],
    [2 ** -24, 1],
    [2 ** -25, 0],
    [3 * 2 ** -25, 2],
    [2 ** -14 - 2 ** -26, 0x400],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
  ])('%d is f16 %i', (value, bits) => {
    expect(f16Bits(value)).toBe(bits)
  })

  it('gives every finite f16 back', () => {
    for (let bits = 0; bits < 0x7c00; bits += 1) {
      if (f16Bits(f16Value(bits)) !== bits) throw new Error(`f16 ${bits} does not come back`)
    }
  })

  it('rounds bf16 to even', () => {
    expect([bf16Bits(1), bf16Bits(1 + 2 ** -8), bf16Bits(1 + 3 * 2 ** -8)]).toEqual([0x3f80, 0x3f80, 0x3f82])
  })
})
