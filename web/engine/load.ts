/**
 * Reads what a plan names from a `ByteSource`: vectors as f32, matrices packed for the GPU slice by slice, so that no
 * more than one slice is in memory at a time. Knows no GPU.
 */

import { dequantize } from '../weights/dequantize.ts'
import { fileBytesPerRow, type Packed, packRows } from '../weights/repack.ts'
import type { ByteSource } from '../weights/source.ts'
import type { TensorEntry } from '../wire/model.ts'
import { FailureError, type Result } from '../wire/result.ts'
import type { MatrixPlan, VectorPlan } from './plan.ts'

function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new FailureError(result)
}

export async function readVector(
  source: ByteSource,
  plan: VectorPlan,
  signal?: AbortSignal,
): Promise<Float32Array<ArrayBuffer>> {
  const out = new Float32Array(plan.length)
  let at = 0
  for (const { tensor, order } of plan.parts) {
    const length = tensor.shape[0] ?? 0
    const values = dequantize(tensor.type, unwrap(await source.read(tensor.offset, tensor.bytes, signal)), length)
    for (let i = 0; i < length; i += 1) out[at + i] = values[order?.[i] ?? i] ?? 0
    at += length
  }
  return out
}

/** Rows `[from, to)` of a matrix; reads only the file rows that the slice needs. */
export async function readSlice(
  source: ByteSource,
  plan: MatrixPlan,
  from: number,
  to: number,
  signal?: AbortSignal,
): Promise<Packed> {
  const spans = plan.tensors.map(() => ({ low: Number.POSITIVE_INFINITY, high: -1 }))
  for (let row = from; row < to; row += 1) {
    const span = spans[plan.source[row] ?? 0]
    const fileRow = plan.rows[row] ?? 0
    if (span && fileRow < span.low) span.low = fileRow
    if (span && fileRow > span.high) span.high = fileRow
  }
  const bytes = await Promise.all(
    plan.tensors.map(async (tensor, index) => {
      const span = spans[index]
      if (!span || span.high < 0) return new Uint8Array(0)
      const perRow = fileBytesPerRow(tensor.type, plan.columns)
      return unwrap(await source.read(tensor.offset + span.low * perRow, (span.high - span.low + 1) * perRow, signal))
    }),
  )
  return packRows(plan.shape, plan.columns, to - from, (row) => {
    const index = plan.source[from + row] ?? 0
    const type = plan.tensors[index]?.type ?? ''
    return {
      type,
      bytes: bytes[index] ?? new Uint8Array(0),
      row: (plan.rows[from + row] ?? 0) - (spans[index]?.low ?? 0),
    }
  })
}

/** Rows of a matrix as f32 in plan order, for the CPU oracle: dequantised straight from the file, not from the packing. */
export async function readDense(source: ByteSource, plan: MatrixPlan): Promise<Float32Array<ArrayBuffer>> {
  const dense = await Promise.all(
    plan.tensors.map(async (tensor: TensorEntry) => {
      const bytes = unwrap(await source.read(tensor.offset, tensor.bytes))
      return dequantize(tensor.type, bytes, plan.columns * (tensor.shape[1] ?? 1))
    }),
  )
  const out = new Float32Array(plan.rows.length * plan.columns)
  plan.rows.forEach((fileRow, row) => {
    const from = dense[plan.source[row] ?? 0]
    if (from) out.set(from.subarray(fileRow * plan.columns, (fileRow + 1) * plan.columns), row * plan.columns)
  })
  return out
}
