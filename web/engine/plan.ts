/**
 * From a GGUF directory to what a stage loads: which file rows become which GPU matrix, what is fused, how it is cut to
 * the binding limit, and what it all weighs. Pure: the estimate is known before a byte of weights is fetched.
 * q, k, v share one matrix where their layouts agree; gate and up rows always interleave in one; pairs that rotate
 * together are made neighbours (`rope.ts`).
 */

import type { Directory } from '../weights/directory.ts'
import {
  commonLayout,
  type LayoutShape,
  layoutOf,
  quantBytesPerRow,
  scaleBytesPerRow,
  UNIT,
} from '../weights/repack.ts'
import { BINDING_BYTES_MAX } from '../wire/limits/engine.ts'
import type { TensorEntry } from '../wire/model.ts'
import { assert, fail, ok, type Result } from '../wire/result.ts'
import { estimateGpu, type GpuNeed } from './estimate.ts'
import { pairedRows } from './rope.ts'
import { type ModelShape, readShape } from './shape.ts'
import type { LayerRange } from './stage.ts'

/** Row i of the matrix is row `rows[i]` of `tensors[source[i]]`, for `rows.length` rows of `columns` weights. */
export interface MatrixPlan {
  readonly name: string
  readonly shape: LayoutShape
  readonly columns: number
  readonly rows: Uint32Array
  readonly source: Uint8Array
  readonly tensors: readonly TensorEntry[]
  /** First row of each slice that fits one binding, and the end. */
  readonly cuts: readonly number[]
  readonly bytes: number
}

/** Small f32 vectors; `order` permutes each file vector. */
export interface VectorPlan {
  readonly name: string
  readonly parts: readonly { readonly tensor: TensorEntry; readonly order: Uint32Array | null }[]
  readonly length: number
}

export interface LayerPlan {
  readonly attentionNorm: VectorPlan
  /** One matrix, or one for each layout, in output order q, k, v. */
  readonly qkv: readonly MatrixPlan[]
  readonly qkvBias: VectorPlan | null
  /** q then k, `[2, headDim]`. */
  readonly headNorm: VectorPlan | null
  readonly out: MatrixPlan
  readonly ffnNorm: VectorPlan
  readonly gateUp: MatrixPlan
  readonly down: MatrixPlan
}

export interface StagePlan extends GpuNeed {
  readonly shape: ModelShape
  readonly range: LayerRange
  readonly embedding: MatrixPlan | null
  readonly ropeFactors: VectorPlan | null
  readonly layers: readonly LayerPlan[]
  readonly finalNorm: VectorPlan | null
  readonly head: MatrixPlan | null
  /** Every file tensor that the range needs, once each. */
  readonly tensors: readonly TensorEntry[]
}

/** Internal way out of the nested planners; never leaves this file. */
class Refusal extends Error {
  readonly failure
  constructor(failure: ReturnType<typeof fail>) {
    super(failure.detail)
    this.failure = failure
  }
}

const WORKGROUPS_MAX = 65_535
/** Output rows of one workgroup of `matvec.wgsl`. */
export const ROWS_A_WORKGROUP = 4

function cutRows(shape: LayoutShape, columns: number, rows: number): readonly number[] {
  const perBinding = Math.floor(BINDING_BYTES_MAX / quantBytesPerRow(shape.layout, columns))
  const step = Math.floor(Math.min(perBinding, WORKGROUPS_MAX * ROWS_A_WORKGROUP) / ROWS_A_WORKGROUP) * ROWS_A_WORKGROUP
  const cuts = []
  for (let row = 0; row < rows; row += step) cuts.push(row)
  return [...cuts, rows]
}

function matrix(
  name: string,
  shape: LayoutShape,
  tensors: readonly TensorEntry[],
  rows: Uint32Array,
  source: Uint8Array,
): MatrixPlan {
  const columns = tensors[0]?.shape[0] ?? 0
  const bytes = rows.length * (quantBytesPerRow(shape.layout, columns) + scaleBytesPerRow(shape, columns))
  return { name, shape, columns, rows, source, tensors, cuts: cutRows(shape, columns, rows.length), bytes }
}

const inOrder = (rows: number) => Uint32Array.from({ length: rows }, (_, row) => row)

class Planner {
  private readonly byName: ReadonlyMap<string, TensorEntry>
  readonly used = new Map<string, TensorEntry>()
  private readonly shape: ModelShape

  constructor(directory: Directory, shape: ModelShape) {
    this.byName = new Map(directory.tensors.map((tensor) => [tensor.name, tensor]))
    this.shape = shape
  }

  has(name: string): boolean {
    return this.byName.has(name)
  }

  private tensor(name: string, ...shape: number[]): TensorEntry {
    const tensor = this.byName.get(name)
    if (!tensor) throw new Refusal(fail('gguf-invalid', `Tensor ${name} is missing.`))
    const sizes = tensor.shape.filter((size, index) => index === 0 || size !== 1)
    if (sizes.join() !== shape.join())
      throw new Refusal(fail('gguf-invalid', `Tensor ${name} is [${sizes}], not [${shape}].`))
    if (!layoutOf(tensor.type)) throw new Refusal(fail('tensor-type-unsupported', `Tensor ${name} is ${tensor.type}.`))
    this.used.set(name, tensor)
    return tensor
  }

  private layout(tensor: TensorEntry): LayoutShape {
    const layout = layoutOf(tensor.type)
    assert(layout, 'tensor() has checked it')
    if ((tensor.shape[0] ?? 0) % UNIT !== 0)
      throw new Refusal(
        fail('gguf-invalid', `Tensor ${tensor.name} has rows of ${tensor.shape[0]}, not a multiple of ${UNIT}.`),
      )
    return layout
  }

  vector(
    name: string,
    ...parts: readonly (readonly [tensor: string, length: number, order?: Uint32Array])[]
  ): VectorPlan {
    return {
      name,
      parts: parts.map(([tensor, length, order]) => ({ tensor: this.tensor(tensor, length), order: order ?? null })),
      length: parts.reduce((sum, [, length]) => sum + length, 0),
    }
  }

  single(name: string, columns: number, rows: number): MatrixPlan {
    const tensor = this.tensor(name, columns, rows)
    return matrix(name, this.layout(tensor), [tensor], inOrder(rows), new Uint8Array(rows))
  }

  /** Stacks tensors; neighbours of one layout become one matrix. */
  private stacked(
    name: string,
    columns: number,
    parts: readonly (readonly [tensor: string, order: Uint32Array])[],
  ): MatrixPlan[] {
    const groups: { layout: LayoutShape; tensors: TensorEntry[]; rows: number[]; source: number[] }[] = []
    for (const [tensorName, order] of parts) {
      const tensor = this.tensor(tensorName, columns, order.length)
      const layout = this.layout(tensor)
      let group = groups.at(-1)
      if (!group || group.layout.layout !== layout.layout || group.layout.group !== layout.group) {
        group = { layout, tensors: [], rows: [], source: [] }
        groups.push(group)
      }
      for (const row of order) {
        group.rows.push(row)
        group.source.push(group.tensors.length)
      }
      group.tensors.push(tensor)
    }
    return groups.map((group) =>
      matrix(name, group.layout, group.tensors, Uint32Array.from(group.rows), Uint8Array.from(group.source)),
    )
  }

  private gateUp(prefix: string): MatrixPlan {
    const { width, ffn } = this.shape
    const gate = this.tensor(`${prefix}ffn_gate.weight`, width, ffn)
    const up = this.tensor(`${prefix}ffn_up.weight`, width, ffn)
    const rows = Uint32Array.from({ length: 2 * ffn }, (_, row) => row >> 1)
    const source = Uint8Array.from({ length: 2 * ffn }, (_, row) => row & 1)
    return matrix(`${prefix}gate_up`, commonLayout(this.layout(gate), this.layout(up)), [gate, up], rows, source)
  }

  layer(index: number): LayerPlan {
    const { width, heads, kvHeads, headDim, ffn } = this.shape
    const prefix = `blk.${index}.`
    const [qRows, kvRows] = [heads * headDim, kvHeads * headDim]
    const [qOrder, kOrder, headOrder] = [
      pairedRows(this.shape, qRows),
      pairedRows(this.shape, kvRows),
      pairedRows(this.shape, headDim),
    ]
    return {
      attentionNorm: this.vector(`${prefix}attention_norm`, [`${prefix}attn_norm.weight`, width]),
      qkv: this.stacked(`${prefix}qkv`, width, [
        [`${prefix}attn_q.weight`, qOrder],
        [`${prefix}attn_k.weight`, kOrder],
        [`${prefix}attn_v.weight`, inOrder(kvRows)],
      ]),
      qkvBias: this.shape.bias
        ? this.vector(
            `${prefix}qkv_bias`,
            [`${prefix}attn_q.bias`, qRows, qOrder],
            [`${prefix}attn_k.bias`, kvRows, kOrder],
            [`${prefix}attn_v.bias`, kvRows],
          )
        : null,
      headNorm: this.shape.headNorm
        ? this.vector(
            `${prefix}head_norm`,
            [`${prefix}attn_q_norm.weight`, headDim, headOrder],
            [`${prefix}attn_k_norm.weight`, headDim, headOrder],
          )
        : null,
      out: this.single(`${prefix}attn_output.weight`, qRows, width),
      ffnNorm: this.vector(`${prefix}ffn_norm`, [`${prefix}ffn_norm.weight`, width]),
      gateUp: this.gateUp(prefix),
      down: this.single(`${prefix}ffn_down.weight`, ffn, width),
    }
  }
}

/** Refusals: those of `readShape`, `tensor-type-unsupported` and `gguf-invalid`, each naming the tensor. */
export function planStage(directory: Directory, wanted?: LayerRange): Result<StagePlan> {
  const read = readShape(directory)
  if (!read.ok) return read
  const shape = read.value
  const range = wanted ?? { first: 0, last: shape.layers }
  assert(
    range.first >= 0 && range.first < range.last && range.last <= shape.layers,
    `layers [${range.first}, ${range.last}) of ${shape.layers}`,
  )
  const planner = new Planner(directory, shape)
  const tail = range.last === shape.layers
  try {
    const embedding = range.first === 0 ? planner.single('token_embd.weight', shape.width, shape.vocabulary) : null
    const ropeFactors = planner.has('rope_freqs.weight')
      ? planner.vector('rope_freqs', ['rope_freqs.weight', shape.headDim / 2])
      : null
    const layers = Array.from({ length: range.last - range.first }, (_, index) => planner.layer(range.first + index))
    const finalNorm = tail ? planner.vector('output_norm', ['output_norm.weight', shape.width]) : null
    const head = tail
      ? shape.tied && embedding
        ? embedding
        : planner.single(shape.tied ? 'token_embd.weight' : 'output.weight', shape.width, shape.vocabulary)
      : null
    const need = estimateGpu(directory.tensors, shape.layers, range)
    if (!need.ok) return need
    return ok({
      shape,
      range,
      embedding,
      ropeFactors,
      layers,
      finalNorm,
      head,
      tensors: [...planner.used.values()],
      ...need.value,
    })
  } catch (error) {
    if (error instanceof Refusal) return error.failure
    throw error
  }
}
