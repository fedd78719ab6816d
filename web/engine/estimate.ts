/**
 * What a model or a layer range needs on the GPU, from its tensor directory alone: known before a byte of weights is
 * fetched. Pure. `plan.ts` takes its totals from here, so that what is shown is what is planned.
 */

import { commonLayout, type LayoutShape, layoutOf, quantBytesPerRow, scaleBytesPerRow } from '../weights/repack.ts'
import { ENGINE_ARCHITECTURES, ENGINE_TENSOR_TYPES } from '../wire/ggml-types.ts'
import { PREFILL_ROWS_MAX } from '../wire/limits/engine.ts'
import { layerOf, type TensorEntry } from '../wire/model.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import type { LayerRange } from './stage.ts'

export interface GpuNeed {
  /** Packed weights, norms and biases. */
  readonly weightBytes: number
  /** Activations of the largest chunk, logits. */
  readonly workBytes: number
  readonly kvBytesPerPosition: number
}

export function needBytes(need: GpuNeed, positions: number): number {
  return need.weightBytes + need.workBytes + need.kvBytesPerPosition * positions
}

/** Refusals: `architecture-unsupported` and `tensor-type-unsupported`, named. */
export function checkRunnable(architecture: string, tensors: readonly TensorEntry[]): Failure | null {
  if (!ENGINE_ARCHITECTURES.includes(architecture)) {
    return fail('architecture-unsupported', `The file says "${architecture.slice(0, 40)}".`)
  }
  const bad = tensors.find((tensor) => !ENGINE_TENSOR_TYPES.includes(tensor.type))
  return bad ? fail('tensor-type-unsupported', `Tensor ${bad.name} is ${bad.type}.`) : null
}

function packedBytes(shape: LayoutShape, columns: number, rows: number): number {
  return rows * (quantBytesPerRow(shape.layout, columns) + scaleBytesPerRow(shape, columns))
}

/** Whether a tensor lives on a stage of this range. */
function belongs(tensor: TensorEntry, range: LayerRange, layers: number, tied: boolean): boolean {
  const layer = layerOf(tensor.name)
  if (layer !== null) return layer >= range.first && layer < range.last
  if (tensor.name === 'token_embd.weight') return range.first === 0 || (range.last === layers && tied)
  if (tensor.name === 'output.weight' || tensor.name === 'output_norm.weight') return range.last === layers
  return tensor.name === 'rope_freqs.weight'
}

/** `tensors` of the whole model; refusals as `checkRunnable`, `gguf-invalid` where a tensor is missing. */
export function estimateGpu(tensors: readonly TensorEntry[], layers: number, range: LayerRange): Result<GpuNeed> {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const size = (name: string, dimension: 0 | 1) => byName.get(name)?.shape[dimension] ?? 0
  const prefix = `blk.${range.first}.`
  const width = size('token_embd.weight', 0)
  const qRows = size(`${prefix}attn_q.weight`, 1)
  const kvRows = size(`${prefix}attn_k.weight`, 1)
  const ffn = size(`${prefix}ffn_gate.weight`, 1)
  if (width * qRows * kvRows * ffn === 0) return fail('gguf-invalid', `A tensor of layer ${range.first} is missing.`)
  const tied = !byName.has('output.weight')
  let weightBytes = 0
  for (const tensor of tensors) {
    if (!belongs(tensor, range, layers, tied)) continue
    const shape = layoutOf(tensor.type)
    if (!shape) return fail('tensor-type-unsupported', `Tensor ${tensor.name} is ${tensor.type}.`)
    const [columns = 0, rows] = tensor.shape
    if (rows === undefined) weightBytes += columns * 4
    else weightBytes += packedBytes(pairedLayout(tensor.name, shape, byName), columns, rows)
  }
  const vocabulary = size('token_embd.weight', 1)
  const logits = range.last === layers ? vocabulary * 4 + Math.ceil(vocabulary / 32) * 4 : 0
  const perRow = 2 * width + (qRows + 2 * kvRows) + qRows + ffn
  return ok({
    weightBytes,
    workBytes: PREFILL_ROWS_MAX * perRow * 4 + logits,
    kvBytesPerPosition: (range.last - range.first) * 2 * kvRows * 2,
  })
}

/** Gate and up share a matrix and so a layout. */
function pairedLayout(name: string, shape: LayoutShape, byName: ReadonlyMap<string, TensorEntry>): LayoutShape {
  const other = name.includes('.ffn_gate.')
    ? name.replace('gate', 'up')
    : name.includes('.ffn_up.')
      ? name.replace('up', 'gate')
      : null
  const pair = other === null ? undefined : byName.get(other)
  const pairShape = pair ? layoutOf(pair.type) : null
  return pairShape ? commonLayout(shape, pairShape) : shape
}
