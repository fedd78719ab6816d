/**
 * GGML blocks to the GPU layouts that the kernels read, row by row in the worker at load. Eight weights along the input
 * dimension are a *unit*; the layout decides its bytes:
 *   q4   1 word a unit: low nibbles of its bytes are weights 0..3, high ones 4..7;
 *        scale word (f16 scale | f16 min << 16) per 32 weights; w = q * scale + min
 *   q8   2 words of signed bytes;    scale word per 32 weights, or per 16 (Q6_K)
 *   f16  4 words, as in the file     f32  8 words, as in the file (BF16 widened)
 * Exact for Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, F16, F32, BF16; K types to f16 rounding of their scales.
 */
import { assert } from '../wire/result.ts'
import { dequantize, RUNNABLE, scaleMinK } from './dequantize.ts'
import { fromHalf, toHalf } from './half.ts'

export type Layout = 'q4' | 'q8' | 'f16' | 'f32'

/** Weights a unit. */
export const UNIT = 8

export interface LayoutShape {
  readonly layout: Layout
  /** Weights that share a scale word; 0 where there is none. */
  readonly group: 0 | 16 | 32
}

const LAYOUTS: Readonly<Record<string, LayoutShape>> = {
  Q4_0: { layout: 'q4', group: 32 },
  Q4_1: { layout: 'q4', group: 32 },
  Q4_K: { layout: 'q4', group: 32 },
  Q5_0: { layout: 'q8', group: 32 },
  Q5_1: { layout: 'q8', group: 32 },
  Q5_K: { layout: 'q8', group: 32 },
  Q8_0: { layout: 'q8', group: 32 },
  Q6_K: { layout: 'q8', group: 16 },
  F16: { layout: 'f16', group: 0 },
  F32: { layout: 'f32', group: 0 },
  BF16: { layout: 'f32', group: 0 },
}

const UNIT_BYTES: Readonly<Record<Layout, number>> = { q4: 4, q8: 8, f16: 16, f32: 32 }

/** Null for a type that the stage engine does not run. */
export function layoutOf(type: string): LayoutShape | null {
  return LAYOUTS[type] ?? null
}

export function quantBytesPerRow(layout: Layout, columns: number): number {
  return (columns / UNIT) * UNIT_BYTES[layout]
}

export function scaleBytesPerRow(shape: LayoutShape, columns: number): number {
  return shape.group === 0 ? 0 : (columns / shape.group) * 4
}

export function fileBytesPerRow(type: string, columns: number): number {
  const block = RUNNABLE[type]
  assert(block && columns % block.values === 0, `${type} has no rows of ${columns}`)
  return (columns / block.values) * block.bytes
}

/** One packed matrix `[rows, columns]`; `scales` is empty for f16 and f32. */
export interface Packed {
  readonly quants: Uint8Array<ArrayBuffer>
  readonly scales: Uint32Array<ArrayBuffer>
}

const scaleWord = (scale: number, min: number) => ((toHalf(min) << 16) | toHalf(scale)) >>> 0

/** Quants of one 32-block or one K block go out as bytes 0..31 or signed; `pack` below makes words of them. */
type BlockReader = (view: DataView, at: number, quants: Int8Array, scales: Uint32Array) => void

function simple(
  scaleAt: (view: DataView, at: number) => readonly [number, number],
  nibbleAt: number,
  highAt: number | null,
  offset: number,
): BlockReader {
  return (view, at, quants, scales) => {
    const [scale, min] = scaleAt(view, at)
    scales[0] = ((min << 16) | scale) >>> 0
    const bits = highAt === null ? 0 : view.getUint32(at + highAt, true)
    for (let i = 0; i < 16; i += 1) {
      const byte = view.getUint8(at + nibbleAt + i)
      quants[i] = ((byte & 15) | (((bits >>> i) & 1) << 4)) - offset
      quants[i + 16] = ((byte >> 4) | (((bits >>> (i + 16)) & 1) << 4)) - offset
    }
  }
}

const onlyScale = (view: DataView, at: number) => [view.getUint16(at, true), 0] as const
const scaleAndMin = (view: DataView, at: number) => [view.getUint16(at, true), view.getUint16(at + 2, true)] as const
/** Q4_0 is (q - 8) d: its min is -8 d, exact in f16 because 8 is a power of two. */
const scaleTimesMinus8 = (view: DataView, at: number) => {
  const d = view.getUint16(at, true)
  return [d, toHalf(-8 * fromHalf(d))] as const
}

function blockK(five: boolean): BlockReader {
  return (view, at, quants, scales) => {
    const d = fromHalf(view.getUint16(at, true))
    const dMin = fromHalf(view.getUint16(at + 2, true))
    const lowAt = five ? at + 48 : at + 16
    for (let group = 0; group < 8; group += 1) {
      const [scale, min] = scaleMinK(view, at + 4, group)
      scales[group] = scaleWord(d * scale, -dMin * min)
      for (let i = 0; i < 32; i += 1) {
        const byte = view.getUint8(lowAt + (group >> 1) * 32 + i)
        const low = group & 1 ? byte >> 4 : byte & 15
        const bit = five ? (view.getUint8(at + 16 + i) >> group) & 1 : 0
        quants[group * 32 + i] = low | (bit << 4)
      }
    }
  }
}

const BLOCKS: Readonly<Record<string, BlockReader>> = {
  Q4_0: simple(scaleTimesMinus8, 2, null, 0),
  Q4_1: simple(scaleAndMin, 4, null, 0),
  Q5_0: simple(onlyScale, 6, 2, 16),
  Q5_1: simple(scaleAndMin, 8, 4, 0),
  Q8_0: (view, at, quants, scales) => {
    scales[0] = view.getUint16(at, true)
    for (let i = 0; i < 32; i += 1) quants[i] = view.getInt8(at + 2 + i)
  },
  Q4_K: blockK(false),
  Q5_K: blockK(true),
  Q6_K: (view, at, quants, scales) => {
    const d = fromHalf(view.getUint16(at + 208, true))
    for (let group = 0; group < 16; group += 1) scales[group] = scaleWord(d * view.getInt8(at + 192 + group), 0)
    for (let i = 0; i < 256; i += 1) {
      const [side, lane, quarter] = [i >> 7, i & 31, (i >> 5) & 3]
      const lowByte = view.getUint8(at + side * 64 + (quarter & 1) * 32 + lane)
      const low = quarter < 2 ? lowByte & 15 : lowByte >> 4
      const high = (view.getUint8(at + 128 + side * 32 + lane) >> (quarter * 2)) & 3
      quants[i] = (low | (high << 4)) - 32
    }
  },
}

/**
 * The smallest layout that holds both exactly: gate and up live in one matrix even where a file mixes their types.
 * A q4 weight is a q8 weight; anything is an f32 weight.
 */
export function commonLayout(a: LayoutShape, b: LayoutShape): LayoutShape {
  if (a.layout === b.layout) return a.group <= b.group ? a : b
  if (a.group !== 0 && b.group !== 0) return { layout: 'q8', group: a.group === 16 || b.group === 16 ? 16 : 32 }
  return { layout: 'f32', group: 0 }
}

/** One row of a file tensor. */
export interface RowRef {
  readonly type: string
  readonly bytes: Uint8Array
  readonly row: number
}

/** Packs `rows` rows of `columns` weights; `pick(i)` says which file row becomes row i. `shape` must hold every type. */
export function packRows(shape: LayoutShape, columns: number, rows: number, pick: (row: number) => RowRef): Packed {
  assert(columns % UNIT === 0, `${columns} columns are no whole units`)
  const quantRow = quantBytesPerRow(shape.layout, columns)
  const quants = new Uint8Array(rows * quantRow)
  const scales = new Uint32Array(shape.group === 0 ? 0 : (rows * columns) / shape.group)
  const words = new Uint32Array(quants.buffer)
  const scratch = new Int8Array(256)
  const scratchScales = new Uint32Array(16)
  for (let row = 0; row < rows; row += 1) {
    const { type, bytes, row: from } = pick(row)
    const fileRow = fileBytesPerRow(type, columns)
    const file = new DataView(bytes.buffer, bytes.byteOffset + from * fileRow, fileRow)
    const block = RUNNABLE[type]
    const read = BLOCKS[type]
    if (shape.layout === 'f32' && type !== 'F32') {
      const slice = new Uint8Array(file.buffer, file.byteOffset, fileRow)
      new Float32Array(quants.buffer).set(dequantize(type, slice, columns), row * columns)
    } else if (!read || !block) {
      quants.set(new Uint8Array(file.buffer, file.byteOffset, fileRow), row * quantRow)
    } else {
      for (let b = 0; b * block.values < columns; b += 1) {
        read(file, b * block.bytes, scratch, scratchScales)
        const value = row * columns + b * block.values
        const own = LAYOUTS[type]?.group ?? shape.group
        for (let group = 0; group * shape.group < block.values; group += 1) {
          scales[value / shape.group + group] = scratchScales[Math.floor((group * shape.group) / own)] ?? 0
        }
        if (shape.layout === 'q8') quants.set(scratch.subarray(0, block.values), value)
        else packNibbles(scratch, block.values, words, value / UNIT)
      }
    }
  }
  return { quants, scales }
}

function packNibbles(values: Int8Array, count: number, words: Uint32Array, to: number): void {
  for (let unit = 0; unit * UNIT < count; unit += 1) {
    let word = 0
    for (let i = 0; i < UNIT; i += 1) word |= (values[unit * UNIT + i] ?? 0) << (8 * (i & 3) + 4 * (i >> 2))
    words[to + unit] = word >>> 0
  }
}
