/**
 * GGML blocks to numbers: one block of each type worked out by hand from the format, blocks of random bytes against a
 * second reading of the K formats that walks them in the order of the file, and the quantizers of the fixtures back.
 */
import { describe, expect, test } from 'vitest'
import { dequantize, RUNNABLE } from '../../../web/weights/dequantize.ts'
import { fromHalf } from '../../../web/weights/half.ts'
import { QUANTIZABLE, type QuantizableType, quantize } from '../../fixtures/quantize.ts'
import { Random } from '../../fixtures/random.ts'

const range = <T>(count: number, value: (i: number) => T) => Array.from({ length: count }, (_, i) => value(i))
/** f16 bits, little-endian. */
const HALF = { '0.5': [0x00, 0x38], '1': [0x00, 0x3c], '2': [0x00, 0x40], '-1': [0x00, 0xbc], '0.25': [0x00, 0x34] }
/** Byte i holds quant i low and quant 15 - i high. */
const NIBBLES = range(16, (i) => i | ((15 - i) << 4))
const low = (i: number) => (i < 16 ? i : 15 - (i - 16))
/** Fifth bits 0, 4, 8, ... and 31. */
const FIFTH_BYTES = [0x11, 0x11, 0x11, 0x91]
const fifth = (i: number) => (i % 4 === 0 || i === 31 ? 16 : 0)

const BY_HAND: Readonly<Record<string, readonly [bytes: readonly number[], values: readonly number[]]>> = {
  F32: [
    [0, 0, 0xc0, 0x3f, 0, 0, 0, 0xc0],
    [1.5, -2],
  ],
  F16: [
    [0x00, 0x3e, 0x00, 0xc0],
    [1.5, -2],
  ],
  BF16: [
    [0xc0, 0x3f, 0x00, 0xc0],
    [1.5, -2],
  ],
  Q4_0: [[...HALF['0.5'], ...NIBBLES], range(32, (i) => (low(i) - 8) * 0.5)],
  Q4_1: [[...HALF['0.5'], ...HALF['-1'], ...NIBBLES], range(32, (i) => low(i) * 0.5 - 1)],
  Q5_0: [[...HALF['2'], ...FIFTH_BYTES, ...NIBBLES], range(32, (i) => (low(i) + fifth(i) - 16) * 2)],
  Q5_1: [[...HALF['2'], ...HALF['-1'], ...FIFTH_BYTES, ...NIBBLES], range(32, (i) => (low(i) + fifth(i)) * 2 - 1)],
  Q8_0: [[...HALF['0.25'], ...range(32, (i) => (i * 8 - 128) & 255)], range(32, (i) => (i * 8 - 128) * 0.25)],
  // Groups 0 and 5 have scales 3 and 37 (5 | 2 << 4) and mins 1 and 18 (2 | 1 << 4); all quants are 7.
  Q4_K: [
    [...HALF['0.5'], ...HALF['0.25'], ...[3, 0x80, 0, 0, 1, 0x40, 0, 0, 0, 0x25, 0, 0], ...range(128, () => 0x77)],
    range(256, (i) => ({ 0: 7 * 1.5 - 0.25, 5: 7 * 18.5 - 4.5 })[i >> 5] ?? 0),
  ],
  // As above, with the fifth bit of group 5 set at every third place.
  Q5_K: [
    [
      ...HALF['0.5'],
      ...HALF['0.25'],
      ...[3, 0x80, 0, 0, 1, 0x40, 0, 0, 0, 0x25, 0, 0],
      ...range(32, (i) => (i % 3 === 0 ? 1 << 5 : 0)),
      ...range(128, () => 0x77),
    ],
    range(256, (i) => {
      if (i >> 5 === 0) return 7 * 1.5 - 0.25
      return i >> 5 === 5 ? (7 + ((i & 31) % 3 === 0 ? 16 : 0)) * 18.5 - 4.5 : 0
    }),
  ],
  // Scale of group g is g - 8. Low nibbles 3, high ones 12; high pairs of the quarters are 0, 1, 2, 3.
  Q6_K: [
    [...range(128, () => 0xc3), ...range(64, () => 0b11_10_01_00), ...range(16, (g) => (g - 8) & 255), ...HALF['0.5']],
    range(256, (i) => {
      const quarter = (i >> 5) & 3
      return 0.5 * ((i >> 4) - 8) * ((quarter < 2 ? 3 : 12) + 16 * quarter - 32)
    }),
  ],
}

test('every runnable type has a block worked out by hand', () => {
  expect(Object.keys(BY_HAND).sort()).toEqual(Object.keys(RUNNABLE).sort())
  expect([...QUANTIZABLE].sort()).toEqual(Object.keys(RUNNABLE).sort())
})

test.each(Object.entries(BY_HAND))('%s by hand', (type, [bytes, values]) => {
  // Two copies, so that the step from block to block is part of it; compared with ==, since -0 is 0 here.
  const got = dequantize(type, Uint8Array.from([...bytes, ...bytes]), 2 * values.length)
  expect(got.length).toBe(2 * values.length)
  for (const [i, value] of [...values, ...values].entries())
    expect(got[i] === value, `${i}: ${got[i]}, ${value}`).toBe(true)
})

/** Random bytes, with finite scales where the format has them. */
function randomBlock(type: string, random: Random): Uint8Array {
  const bytes = Uint8Array.from({ length: RUNNABLE[type]?.bytes ?? 0 }, () => random.below(256))
  const scales = type === 'Q6_K' ? [208] : [0, 2]
  for (const at of scales) bytes[at + 1] = (bytes[at + 1] ?? 0) & 0xbb
  return bytes
}

/** The 6-bit fields of a Q4_K or Q5_K block from its bits: eight scales, then eight mins. */
function sixBitFields(bytes: Uint8Array): number[] {
  const at = (i: number) => bytes[4 + i] ?? 0
  const first = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => at(i) % 64)
  const high = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => Math.floor(at(i) / 64) * 16)
  const scales = [...first.slice(0, 4), ...[0, 1, 2, 3].map((i) => (at(8 + i) % 16) + (high[i] ?? 0))]
  const mins = [...first.slice(4), ...[0, 1, 2, 3].map((i) => Math.floor(at(8 + i) / 16) + (high[4 + i] ?? 0))]
  return [...scales, ...mins]
}

/** In file order: 32 bytes of nibbles give a group of low ones, then a group of high ones. */
function walkK(bytes: Uint8Array, five: boolean): number[] {
  const view = new DataView(bytes.buffer)
  const [d, dMin] = [fromHalf(view.getUint16(0, true)), fromHalf(view.getUint16(2, true))]
  const fields = sixBitFields(bytes)
  const out: number[] = []
  for (let at = five ? 48 : 16, group = 0; group < 8; at += 32, group += 2) {
    for (const side of [0, 1]) {
      for (let i = 0; i < 32; i += 1) {
        const nibble = side === 0 ? (bytes[at + i] ?? 0) % 16 : Math.floor((bytes[at + i] ?? 0) / 16)
        const bit = five && ((bytes[16 + i] ?? 0) & (1 << (group + side))) !== 0 ? 16 : 0
        out.push(Math.fround(d * (fields[group + side] ?? 0) * (nibble + bit) - dMin * (fields[8 + group + side] ?? 0)))
      }
    }
  }
  return out
}

/** In file order: byte l of a half gives values l, l + 32, l + 64 and l + 96. */
function walkQ6(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer)
  const d = fromHalf(view.getUint16(208, true))
  const out = new Array<number>(256).fill(0)
  for (const half of [0, 1]) {
    for (let l = 0; l < 32; l += 1) {
      const [a, b] = [bytes[half * 64 + l] ?? 0, bytes[half * 64 + 32 + l] ?? 0]
      const pairs = bytes[128 + half * 32 + l] ?? 0
      const quants = [a & 15, b & 15, a >> 4, b >> 4].map((quant, k) => quant + ((pairs >> (2 * k)) & 3) * 16 - 32)
      for (const [k, quant] of quants.entries()) {
        const i = half * 128 + k * 32 + l
        out[i] = Math.fround(d * view.getInt8(192 + Math.floor(i / 16)) * quant)
      }
    }
  }
  return out
}

test.each(['Q4_K', 'Q5_K', 'Q6_K'])('%s of random bytes, read a second way', (type) => {
  const random = new Random(21)
  for (let block = 0; block < 50; block += 1) {
    const bytes = randomBlock(type, random)
    const expected = type === 'Q6_K' ? walkQ6(bytes) : walkK(bytes, type === 'Q5_K')
    const got = dequantize(type, bytes, 256)
    expect([...expected.entries()].filter(([i, value]) => got[i] !== value)).toEqual([])
  }
})

describe('what the fixtures quantize comes back', () => {
  /** Root of the mean squared error of a standard normal, from the steps of each type. */
  const ERROR_MAX: Readonly<Record<QuantizableType, number>> = {
    F32: 0,
    F16: 3e-4,
    BF16: 2.5e-3,
    Q4_0: 0.11,
    Q4_1: 0.1,
    Q5_0: 0.055,
    Q5_1: 0.05,
    Q8_0: 7e-3,
    Q4_K: 0.1,
    Q5_K: 0.05,
    Q6_K: 0.03,
  }
  test.each(QUANTIZABLE)('%s', (type) => {
    const values = new Random(31).normals(256 * 40, 1)
    const back = dequantize(type, quantize(type, values), values.length)
    let square = 0
    for (const [i, value] of values.entries()) square += (value - (back[i] ?? 0)) ** 2
    expect(Math.sqrt(square / values.length)).toBeLessThanOrEqual(ERROR_MAX[type])
  })
})

test('bytes that are no whole blocks are a bug of the caller', () => {
  expect(() => dequantize('Q4_0', new Uint8Array(17), 32)).toThrow('Q4_0')
  expect(() => dequantize('Q2_K', new Uint8Array(84), 256)).toThrow('Q2_K')
})
