/**
 * GPU layouts hold what the file holds: exactly where `repack.ts` promises it, else within the f16 rounding of scale
 * and min. Rows are picked in any order; two types of one matrix meet in their common layout.
 */
import { describe, expect, test } from 'vitest'
import { dequantize, RUNNABLE } from '../../../web/weights/dequantize.ts'
import {
  commonLayout,
  fileBytesPerRow,
  type LayoutShape,
  layoutOf,
  packRows,
  quantBytesPerRow,
  type RowRef,
  scaleBytesPerRow,
} from '../../../web/weights/repack.ts'
import { QUANTIZABLE, type QuantizableType, quantize } from '../../fixtures/quantize.ts'
import { Random } from '../../fixtures/random.ts'
import { unpackLayout } from '../../support/unpack-layout.ts'

const ROWS = 7
const ORDER = [3, 0, 6, 6, 1] as const

interface Tensor {
  readonly type: QuantizableType
  readonly bytes: Uint8Array
  readonly values: Float32Array
}

function tensor(type: QuantizableType, columns: number, seed: number): Tensor {
  const bytes = quantize(type, new Random(seed).normals(ROWS * columns, 0.7, 0.1))
  return { type, bytes, values: dequantize(type, bytes, ROWS * columns) }
}

/** f16 keeps 11 bits: scale and min are off by 2^-11 of themselves at most, below 2^-14 by 2^-25. */
function roundingOf(scale: number, min: number, quant: number): number {
  const half = (value: number) => Math.max(Math.abs(value) * 2 ** -11, 2 ** -25)
  return half(scale) * Math.abs(quant) + (min === 0 ? 0 : half(min))
}

function expectPacked(shape: LayoutShape, columns: number, rows: readonly { of: Tensor; row: number }[]): void {
  const pick = (row: number): RowRef => {
    const from = rows[row]
    return { type: from?.of.type ?? '', bytes: from?.of.bytes ?? new Uint8Array(0), row: from?.row ?? 0 }
  }
  const packed = packRows(shape, columns, rows.length, pick)
  expect(packed.quants.byteLength).toBe(rows.length * quantBytesPerRow(shape.layout, columns))
  expect(packed.scales.byteLength).toBe(rows.length * scaleBytesPerRow(shape, columns))
  const got = unpackLayout(shape, packed, rows.length * columns)
  const wrong: unknown[] = []
  let worst = 0
  for (const [row, { of, row: fileRow }] of rows.entries()) {
    const exact = !of.type.endsWith('_K') || shape.group === 0
    for (let column = 0; column < columns; column += 1) {
      const i = row * columns + column
      const expected = of.values[fileRow * columns + column] ?? Number.NaN
      const [value = 0, scale = 1, min = 0] = [got.values[i], got.scales[i], got.mins[i]]
      if (exact) {
        if (Math.fround(value) !== expected) wrong.push([of.type, i, value, expected])
        continue
      }
      const quant = scale === 0 ? 0 : (value - min) / scale
      worst = Math.max(worst, Math.abs(value - expected) / (roundingOf(scale, min, quant) * 1.001 + 2 ** -40))
    }
  }
  expect(wrong).toEqual([])
  expect(worst).toBeLessThanOrEqual(1)
}

describe.each(QUANTIZABLE)('%s', (type) => {
  const block = RUNNABLE[type]?.values ?? 0
  const widths = block === 256 ? [256, 768] : block === 32 ? [32, 96, 160] : [8, 40, 64]
  test.each(widths)('rows of %i in any order', (columns) => {
    const shape = layoutOf(type)
    if (!shape) throw new Error(`${type} has no layout`)
    const source = tensor(type, columns, columns)
    expect(source.bytes.byteLength).toBe(ROWS * fileBytesPerRow(type, columns))
    expectPacked(
      shape,
      columns,
      ORDER.map((row) => ({ of: source, row })),
    )
  })
})

describe('two types of one matrix', () => {
  test.each(QUANTIZABLE.flatMap((a) => QUANTIZABLE.map((b) => [a, b] as const)))('%s with %s', (a, b) => {
    const [left, right] = [layoutOf(a), layoutOf(b)]
    if (!left || !right) throw new Error('a type has no layout')
    const shape = commonLayout(left, right)
    expect(commonLayout(right, left)).toEqual(shape)
    const [first, second] = [tensor(a, 256, 1), tensor(b, 256, 2)]
    const rows = ORDER.flatMap((row) => [
      { of: first, row },
      { of: second, row },
    ])
    expectPacked(shape, 256, rows)
  })
})

test('the common layout is no wider than it must be', () => {
  const of = (a: string, b: string) => {
    const [left, right] = [layoutOf(a), layoutOf(b)]
    return left && right && commonLayout(left, right)
  }
  expect(of('Q4_0', 'Q4_K')).toEqual({ layout: 'q4', group: 32 })
  expect(of('Q4_K', 'Q8_0')).toEqual({ layout: 'q8', group: 32 })
  expect(of('Q4_K', 'Q6_K')).toEqual({ layout: 'q8', group: 16 })
  expect(of('Q8_0', 'Q6_K')).toEqual({ layout: 'q8', group: 16 })
  expect(of('F16', 'F16')).toEqual({ layout: 'f16', group: 0 })
  expect(of('F16', 'Q4_0')).toEqual({ layout: 'f32', group: 0 })
  expect(of('BF16', 'F32')).toEqual({ layout: 'f32', group: 0 })
})

test('a type that the engine does not run has no layout', () => {
  for (const type of ['Q2_K', 'Q3_K', 'IQ4_NL', 'F64', 'I32', '']) expect(layoutOf(type)).toBeNull()
})
