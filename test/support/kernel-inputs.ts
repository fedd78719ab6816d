/**
 * What the tests of kernels share: random inputs by one printed seed, matrices in every layout beside the numbers that
 * they hold, and the norm in plain loops.
 */
import { expect } from 'vitest'
import { dequantize } from '../../web/weights/dequantize.ts'
import { type LayoutShape, layoutOf, packRows } from '../../web/weights/repack.ts'
import { QUANTIZABLE, type QuantizableType, quantize } from '../fixtures/quantize.ts'
import type { Random } from '../fixtures/random.ts'
import { KernelRunner } from './kernel-runner.ts'
import { unpackLayout } from './unpack-layout.ts'

export const SEED = 20_261_121
export const TYPES = QUANTIZABLE

/** The runner of a test file. */
export async function openRunner(): Promise<KernelRunner> {
  const runner = await KernelRunner.open()
  console.info(`seed ${SEED}; features: ${runner.features.join(', ') || 'none'}`)
  return runner
}

export const normals = (random: Random, count: number, scale = 1) => Float32Array.from(random.normals(count, scale))
/** For a binding that the kernel does not read. */
export const filler = new Float32Array(4)

interface Matrix {
  readonly shape: LayoutShape
  readonly quants: Uint8Array<ArrayBuffer>
  readonly scales: Uint32Array<ArrayBuffer>
  readonly values: Float64Array
}

export function matrix(type: QuantizableType, columns: number, rows: number, random: Random): Matrix {
  const shape = layoutOf(type)
  if (!shape) throw new Error(`${type} has no layout`)
  const bytes = quantize(type, random.normals(columns * rows, 1 / Math.sqrt(columns), 0.01))
  expect(dequantize(type, bytes, columns * rows).length).toBe(columns * rows)
  const packed = packRows(shape, columns, rows, (row) => ({ type, bytes, row }))
  const scales = packed.scales.length > 0 ? packed.scales : new Uint32Array(4)
  return { shape, quants: packed.quants, scales, values: unpackLayout(shape, packed, columns * rows).values }
}

export const overridesOf = ({ shape }: Matrix) => (shape.layout === 'q8' ? { SCALE_UNITS: shape.group / 8 } : {})

/** A row of RMS norm, in f64. */
export function normalised(x: Float32Array, gain: Float32Array, row: number, columns: number): number[] {
  const part = Array.from(x.subarray(row * columns, (row + 1) * columns))
  const factor = 1 / Math.sqrt(part.reduce((sum, value) => sum + value * value, 0) / columns + 1e-5)
  return part.map((value, i) => value * factor * (gain[i] ?? 0))
}
