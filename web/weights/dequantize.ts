/**
 * GGML tensor blocks to f32, straight from the format and slow on purpose: the oracle that `repack.ts` and every kernel
 * is tested against, and the weights of `stage-cpu`. Bit layouts: ggml/src/ggml-quants.h (llama.cpp).
 */
import { ENGINE_TENSOR_TYPES, ggmlTypeByName } from '../wire/ggml-types.ts'
import { assert } from '../wire/result.ts'
import { fromHalf } from './half.ts'

export interface BlockShape {
  readonly values: number
  readonly bytes: number
}

/** The tensor types that the stage engine runs. Everything else is refused by name. */
export const RUNNABLE: Readonly<Record<string, BlockShape>> = Object.fromEntries(
  ENGINE_TENSOR_TYPES.map((name) => {
    const type = ggmlTypeByName(name)
    assert(type, 'the engine runs known types')
    return [name, { values: type.blockElements, bytes: type.blockBytes }]
  }),
)

type Reader = (view: DataView, at: number, out: Float32Array, to: number) => void

const half = (view: DataView, at: number) => fromHalf(view.getUint16(at, true))

/** 6-bit scale and min of 32-value group `group` (0..7) of a K block whose 12 packed bytes start at `at`. */
export function scaleMinK(view: DataView, at: number, group: number): readonly [scale: number, min: number] {
  const byte = (index: number) => view.getUint8(at + index)
  if (group < 4) return [byte(group) & 63, byte(group + 4) & 63]
  return [(byte(group + 4) & 15) | ((byte(group - 4) >> 6) << 4), (byte(group + 4) >> 4) | ((byte(group) >> 6) << 4)]
}

/** Two half blocks of nibbles: low nibbles are values 0..15, high ones 16..31; `high(i)` gives the fifth bit. */
function nibbles(
  view: DataView,
  at: number,
  out: Float32Array,
  to: number,
  high: (i: number) => number,
  map: (q: number) => number,
) {
  for (let i = 0; i < 16; i += 1) {
    const byte = view.getUint8(at + i)
    out[to + i] = map((byte & 15) | (high(i) << 4))
    out[to + i + 16] = map((byte >> 4) | (high(i + 16) << 4))
  }
}

function blockK(view: DataView, at: number, out: Float32Array, to: number, five: boolean) {
  const d = half(view, at)
  const dMin = half(view, at + 2)
  const highAt = at + 16
  const lowAt = five ? at + 48 : at + 16
  for (let group = 0; group < 8; group += 1) {
    const [scale, min] = scaleMinK(view, at + 4, group)
    for (let i = 0; i < 32; i += 1) {
      const byte = view.getUint8(lowAt + (group >> 1) * 32 + i)
      const low = group & 1 ? byte >> 4 : byte & 15
      const bit = five ? (view.getUint8(highAt + i) >> group) & 1 : 0
      out[to + group * 32 + i] = d * scale * (low | (bit << 4)) - dMin * min
    }
  }
}

const READERS: Readonly<Record<string, Reader>> = {
  F32: (view, at, out, to) => {
    out[to] = view.getFloat32(at, true)
  },
  F16: (view, at, out, to) => {
    out[to] = half(view, at)
  },
  BF16: (view, at, out, to) => {
    new Uint32Array(out.buffer, out.byteOffset)[to] = view.getUint16(at, true) << 16
  },
  Q4_0: (view, at, out, to) => {
    const d = half(view, at)
    nibbles(
      view,
      at + 2,
      out,
      to,
      () => 0,
      (q) => (q - 8) * d,
    )
  },
  Q4_1: (view, at, out, to) => {
    const [d, m] = [half(view, at), half(view, at + 2)]
    nibbles(
      view,
      at + 4,
      out,
      to,
      () => 0,
      (q) => q * d + m,
    )
  },
  Q5_0: (view, at, out, to) => {
    const d = half(view, at)
    const bits = view.getUint32(at + 2, true)
    nibbles(
      view,
      at + 6,
      out,
      to,
      (i) => (bits >>> i) & 1,
      (q) => (q - 16) * d,
    )
  },
  Q5_1: (view, at, out, to) => {
    const [d, m] = [half(view, at), half(view, at + 2)]
    const bits = view.getUint32(at + 4, true)
    nibbles(
      view,
      at + 8,
      out,
      to,
      (i) => (bits >>> i) & 1,
      (q) => q * d + m,
    )
  },
  Q8_0: (view, at, out, to) => {
    const d = half(view, at)
    for (let i = 0; i < 32; i += 1) out[to + i] = view.getInt8(at + 2 + i) * d
  },
  Q4_K: (view, at, out, to) => blockK(view, at, out, to, false),
  Q5_K: (view, at, out, to) => blockK(view, at, out, to, true),
  Q6_K: (view, at, out, to) => {
    const d = half(view, at + 208)
    for (let i = 0; i < 256; i += 1) {
      const [side, lane] = [i >> 7, i & 31]
      const quarter = (i >> 5) & 3
      const lowByte = view.getUint8(at + side * 64 + (quarter & 1) * 32 + lane)
      const low = quarter < 2 ? lowByte & 15 : lowByte >> 4
      const high = (view.getUint8(at + 128 + side * 32 + lane) >> (quarter * 2)) & 3
      out[to + i] = d * view.getInt8(at + 192 + (i >> 4)) * ((low | (high << 4)) - 32)
    }
  },
}

/** `count` values of a tensor of `type`; `bytes` must hold exactly their blocks. */
export function dequantize(type: string, bytes: Uint8Array, count: number): Float32Array<ArrayBuffer> {
  const shape = RUNNABLE[type]
  const read = READERS[type]
  assert(shape && read, `no reader for ${type}`)
  assert(
    count % shape.values === 0 && bytes.byteLength === (count / shape.values) * shape.bytes,
    `${type}: ${bytes.byteLength} bytes for ${count}`,
  )
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const out = new Float32Array(count)
  for (let block = 0; block * shape.values < count; block += 1)
    read(view, block * shape.bytes, out, block * shape.values)
  return out
}
