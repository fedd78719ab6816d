/** GPU layouts back to numbers in f64, as the header of `repack.ts` describes them and as the kernels read them. */
import { fromHalf } from '../../web/weights/half.ts'
import type { LayoutShape, Packed } from '../../web/weights/repack.ts'

export interface Unpacked {
  readonly values: Float64Array
  /** Per value; 1 and 0 where the layout has no scales. */
  readonly scales: Float64Array
  readonly mins: Float64Array
}

export function unpackLayout(shape: LayoutShape, packed: Packed, count: number): Unpacked {
  const view = new DataView(packed.quants.buffer, packed.quants.byteOffset, packed.quants.byteLength)
  const values = new Float64Array(count)
  const scales = new Float64Array(count).fill(1)
  const mins = new Float64Array(count)
  for (let i = 0; i < count; i += 1) {
    const [unit, lane] = [Math.floor(i / 8), i % 8]
    let quant: number
    if (shape.layout === 'f32') quant = view.getFloat32(i * 4, true)
    else if (shape.layout === 'f16') quant = fromHalf(view.getUint16(i * 2, true))
    else if (shape.layout === 'q8') quant = view.getInt8(i)
    else quant = (view.getUint32(unit * 4, true) >>> (8 * (lane % 4) + (lane < 4 ? 0 : 4))) & 15
    if (shape.group > 0) {
      const word = packed.scales[Math.floor(i / shape.group)] ?? 0
      scales[i] = fromHalf(word & 0xffff)
      mins[i] = fromHalf(word >>> 16)
    }
    values[i] = quant * (scales[i] ?? 1) + (mins[i] ?? 0)
  }
  return { values, scales, mins }
}
