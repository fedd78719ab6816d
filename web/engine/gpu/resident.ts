/**
 * What a stage keeps on one device: the device itself, the weights of its range, the activations that all sessions
 * share, and what records their steps. Made as a whole, at load and after each loss of a device; knows no session and
 * no frame.
 */

import { noiseTable } from '../../rules/noise.ts'
import type { ByteSource } from '../../weights/source.ts'
import type { LoadProgress } from '../../wire/chat.ts'
import { PREFILL_ROWS_MAX } from '../../wire/limits/engine.ts'
import { type Failure, FailureError, fail, ok, type Result } from '../../wire/result.ts'
import type { KernelSources } from '../kernels/table.ts'
import type { StagePlan } from '../plan.ts'
import { Buffers } from './buffers.ts'
import { acquireDevice, type GpuDevice, isLoss } from './device.ts'
import { Programs } from './programs.ts'
import { type Activations, StepBuilder } from './steps.ts'
import { pickTuning } from './tuning.ts'
import type { Tuning } from './variants.ts'
import { uploadWeights } from './weights.ts'

export interface ResidentOptions {
  readonly gpu: GPU | null
  readonly sources: KernelSources
  readonly plan: StagePlan
  readonly source: ByteSource
  /** Variants to use; measured when absent. */
  readonly tuning?: Tuning
  readonly onProgress?: (progress: LoadProgress) => void
  readonly signal?: AbortSignal
}

/** What one device holds; replaced as a whole when the device is lost. */
export interface Resident {
  readonly gpu: GpuDevice
  readonly buffers: Buffers
  readonly shared: Activations
  readonly builder: StepBuilder
  readonly ropeFactors: Float32Array
  readonly tuning: Tuning
}

const FRAME_BYTES = 16

/**
 * Refusals: those of `acquireDevice`, `gpu-too-small` (with the numbers), what reading weights refuses, `aborted`. After
 * one, nothing is held.
 */
export async function makeResident(options: ResidentOptions): Promise<Result<Resident>> {
  const { plan } = options
  const acquired = await acquireDevice(options.gpu)
  if (!acquired.ok) return acquired
  const gpu = acquired.value
  const { device } = gpu
  const buffers = new Buffers(device)
  const giveUp = (failure: Failure): Failure => {
    buffers.freeAll()
    device.destroy()
    return failure
  }
  device.pushErrorScope('out-of-memory')
  try {
    const weights = await uploadWeights(plan, {
      device,
      buffers,
      source: options.source,
      onProgress: options.onProgress ?? (() => {}),
      signal: options.signal,
    })
    const shared = makeActivations(plan, buffers)
    const outOfMemory = await device.popErrorScope()
    if (outOfMemory)
      return giveUp(
        fail('gpu-too-small', `${plan.weightBytes + plan.workBytes} bytes were asked for: ${outOfMemory.message}`),
      )
    const parts = { device, buffers, plan, weights, shared }
    const tuning = options.tuning ?? (await pickTuning({ ...parts, sources: options.sources, features: gpu.features }))
    const builder = new StepBuilder({ ...parts, tuning, programs: new Programs(device, options.sources, tuning) })
    return ok({ gpu, buffers, shared, builder, ropeFactors: weights.ropeFactors, tuning })
  } catch (error) {
    if (options.signal?.aborted) return giveUp(fail('aborted', ''))
    if (error instanceof FailureError) return giveUp(error.failure)
    const failure = giveUp(fail('gpu-error', 'The GPU was lost while the model was moved to it.'))
    if (isLoss(error)) return failure
    throw error
  }
}

function makeActivations({ shape, head }: StagePlan, buffers: Buffers): Activations {
  const rows = (name: string, columns: number) =>
    buffers.storage(`${name} [${PREFILL_ROWS_MAX}, ${columns}]`, PREFILL_ROWS_MAX * columns * 4)
  return {
    frame: buffers.uniform('frame', FRAME_BYTES),
    hidden: rows('hidden', shape.width),
    normed: rows('normed', shape.width),
    qkv: rows('qkv', (shape.heads + 2 * shape.kvHeads) * shape.headDim),
    attended: rows('attended', shape.heads * shape.headDim),
    middle: rows('middle', shape.ffn),
    logits: head ? buffers.storage(`logits [${shape.vocabulary}]`, shape.vocabulary * 4) : null,
    allowed: head ? buffers.storage(`allowed [${shape.vocabulary} / 32]`, Math.ceil(shape.vocabulary / 32) * 4) : null,
    noise: head ? buffers.storageOf('noise', noiseTable()) : null,
  }
}
