/**
 * Rotary position embedding as angles (Su et al., RoFormer, arXiv 2104.09864). Cosines and sines are made here in f64
 * and rounded once to f32, so that every stage and both implementations rotate by the same numbers. Llama-3 frequency
 * scaling arrives in GGUF as `rope_freqs.weight`: one divisor per pair.
 */
import type { ModelShape } from './shape.ts'

/** `[positions, headDim / 2]` pairs (cos, sin), from position `from`. `factors` has headDim / 2 entries or is empty. */
export function ropeTable(
  shape: ModelShape,
  factors: Float32Array,
  from: number,
  positions: number,
): Float32Array<ArrayBuffer> {
  const pairs = shape.headDim / 2
  const table = new Float32Array(positions * pairs * 2)
  for (let pair = 0; pair < pairs; pair += 1) {
    const frequency = shape.ropeBase ** ((-2 * pair) / shape.headDim) / (factors[pair] ?? 1) / shape.ropeScale
    for (let position = 0; position < positions; position += 1) {
      const angle = (from + position) * frequency
      table[(position * pairs + pair) * 2] = Math.cos(angle)
      table[(position * pairs + pair) * 2 + 1] = Math.sin(angle)
    }
  }
  return table
}

/**
 * Row order that puts the two rows of each rotated pair side by side within every head, whatever the file's pairing:
 * scores do not change when q and k are permuted alike, and the kernels know one pairing only. Entry i is the file row.
 */
export function pairedRows(shape: ModelShape, rows: number): Uint32Array {
  const order = new Uint32Array(rows)
  const half = shape.headDim / 2
  for (let row = 0; row < rows; row += 1) {
    const inHead = row % shape.headDim
    const from = shape.pairing === 'interleaved' ? inHead : (inHead >> 1) + (inHead & 1) * half
    order[row] = row - inHead + from
  }
  return order
}
