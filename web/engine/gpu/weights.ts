/** Weights of a stage in GPU buffers, uploaded slice by slice as `plan.ts` lays them out. */

import type { ByteSource } from '../../weights/source.ts'
import type { LoadProgress } from '../../wire/chat.ts'
import { readSlice, readVector } from '../load.ts'
import type { LayerPlan, MatrixPlan, StagePlan, VectorPlan } from '../plan.ts'
import type { Buffers } from './buffers.ts'

export interface GpuSlice {
  readonly quants: GPUBuffer
  /** A filler of 16 bytes for layouts without scales: the binding exists in every kernel. */
  readonly scales: GPUBuffer
  readonly first: number
  readonly rows: number
}

export interface GpuMatrix {
  readonly plan: MatrixPlan
  readonly slices: readonly GpuSlice[]
}

export interface GpuLayer {
  readonly attentionNorm: GPUBuffer
  readonly qkv: readonly GpuMatrix[]
  readonly qkvBias: GPUBuffer | null
  readonly headNorm: GPUBuffer | null
  readonly out: GpuMatrix
  readonly ffnNorm: GPUBuffer
  readonly gateUp: GpuMatrix
  readonly down: GpuMatrix
}

export interface GpuWeights {
  readonly embedding: GpuMatrix | null
  readonly layers: readonly GpuLayer[]
  readonly finalNorm: GPUBuffer | null
  readonly head: GpuMatrix | null
  /** Divisors of the rotary frequencies; empty for none. */
  readonly ropeFactors: Float32Array
  readonly filler: GPUBuffer
}

export interface UploadContext {
  readonly device: GPUDevice
  readonly buffers: Buffers
  readonly source: ByteSource
  readonly onProgress: (progress: LoadProgress) => void
  readonly signal: AbortSignal | undefined
}

/** Throws `FailureError` when a read fails; rejects with `AbortError` when the signal fires. */
export async function uploadWeights(plan: StagePlan, context: UploadContext): Promise<GpuWeights> {
  const { buffers, source, onProgress, signal } = context
  const filler = buffers.storage('filler', 16)
  let doneBytes = 0

  const vector = async (item: VectorPlan) => buffers.storageOf(item.name, await readVector(source, item, signal))
  const matrix = async (item: MatrixPlan): Promise<GpuMatrix> => {
    const slices: GpuSlice[] = []
    for (let cut = 0; cut + 1 < item.cuts.length; cut += 1) {
      const [from, to] = [item.cuts[cut] ?? 0, item.cuts[cut + 1] ?? 0]
      signal?.throwIfAborted()
      const packed = await readSlice(source, item, from, to, signal)
      const label = `${item.name} [${to - from}, ${item.columns}] ${item.shape.layout}`
      slices.push({
        quants: buffers.storageOf(label, packed.quants),
        scales: packed.scales.length > 0 ? buffers.storageOf(`${label} scales`, packed.scales) : filler,
        first: from,
        rows: to - from,
      })
    }
    doneBytes += item.bytes
    onProgress({ phase: 'upload', doneBytes, totalBytes: plan.weightBytes })
    // Staging memory of finished writes is given back only after a submit.
    await context.device.queue.onSubmittedWorkDone()
    return { plan: item, slices }
  }
  const layer = async (item: LayerPlan): Promise<GpuLayer> => {
    const qkv = []
    for (const part of item.qkv) qkv.push(await matrix(part))
    return {
      attentionNorm: await vector(item.attentionNorm),
      qkv,
      qkvBias: item.qkvBias ? await vector(item.qkvBias) : null,
      headNorm: item.headNorm ? await vector(item.headNorm) : null,
      out: await matrix(item.out),
      ffnNorm: await vector(item.ffnNorm),
      gateUp: await matrix(item.gateUp),
      down: await matrix(item.down),
    }
  }

  const embedding = plan.embedding ? await matrix(plan.embedding) : null
  const layers = []
  for (const item of plan.layers) layers.push(await layer(item))
  return {
    embedding,
    layers,
    finalNorm: plan.finalNorm ? await vector(plan.finalNorm) : null,
    head: plan.head === plan.embedding ? embedding : plan.head ? await matrix(plan.head) : null,
    ropeFactors: plan.ropeFactors ? await readVector(source, plan.ropeFactors, signal) : new Float32Array(0),
    filler,
  }
}
