/**
 * How fast this GPU reads weights: the real decode kernel on made-up Q4 matrices, for a few hundred milliseconds on a
 * device of its own. Says nothing of any model; whoever asks sees to it that nothing else runs meanwhile.
 */
import { FailureError, fail, ok, type Result } from '../../wire/result.ts'
import { KERNELS, type KernelSources, packFields } from '../kernels/table.ts'
import { Buffers } from './buffers.ts'
import { acquireDevice, type GpuDevice } from './device.ts'
import { Programs } from './programs.ts'
import { PLAIN, type Tuning } from './variants.ts'

/** A square matrix of a model of about 8B parameters. */
const SIDE = 4_096
const QUANT_BYTES = (SIDE * SIDE) / 2
const SCALE_BYTES = (SIDE * SIDE) / 8
/** Together more than the cache of any GPU; the tail of the largest ones is about 100 MB. */
const COPIES = 16
/** A run that is at least so long is believed. */
const RUN_MS = 60
const DISPATCHES_MAX = 4_096
/** f16 scale 0.01 and minimum -0.08: sums stay small and finite. */
const SCALE_WORD = 0xad1f211f

export interface GpuSpeed {
  readonly adapter: string
  readonly bytesPerSecond: number
}

/** Refusals: those of `acquireDevice`, `gpu-memory`, `gpu-error`. */
export async function measureGpu(gpu: GPU | null, sources: KernelSources): Promise<Result<GpuSpeed>> {
  const acquired = await acquireDevice(gpu)
  if (!acquired.ok) return acquired
  const { device, adapter } = acquired.value
  try {
    let best = 0
    for (const tuning of variants(acquired.value)) best = Math.max(best, await speedOf(acquired.value, sources, tuning))
    return ok({ adapter, bytesPerSecond: best })
  } catch (error) {
    if (error instanceof FailureError) return error.failure
    // A lost device rejects what waits for it.
    if (error instanceof DOMException) return fail('gpu-error', error.message)
    throw error
  } finally {
    device.destroy()
  }
}

/** The plainest, and the one that most GPUs with subgroups pick: enough for an estimate. */
function variants({ features, software }: GpuDevice): readonly Tuning[] {
  const subgroup: Tuning = { ...PLAIN, reduction: 'subgroup', lanes: 32 }
  return features.includes('subgroups') && !software ? [PLAIN, subgroup] : [PLAIN]
}

/** Bytes of weights a second. */
async function speedOf({ device, software }: GpuDevice, sources: KernelSources, tuning: Tuning): Promise<number> {
  const overrides = { WORKGROUP: tuning.lanes }
  const { pipeline, layout } = await new Programs(device, sources, tuning).get({
    name: 'matvec',
    layout: 'q4',
    overrides,
  })
  const buffers = new Buffers(device)
  device.pushErrorScope('out-of-memory')
  const groups = inputs(device, buffers, layout, software ? 1 : COPIES)
  const full = await device.popErrorScope()
  if (full) throw new FailureError(fail('gpu-memory', full.message))
  const run = async (count: number) => {
    const encoder = device.createCommandEncoder({ label: 'self test' })
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    for (let turn = 0; turn < count; turn += 1) {
      pass.setBindGroup(0, groups[turn % groups.length])
      pass.dispatchWorkgroups(1, SIDE / 4)
    }
    pass.end()
    const began = performance.now()
    device.queue.submit([encoder.finish()])
    await device.queue.onSubmittedWorkDone()
    return performance.now() - began
  }
  // The first one pays for what the driver puts off until then.
  await run(1)
  let count = 1
  let ms = await run(count)
  while (ms < RUN_MS && count < DISPATCHES_MAX) {
    count *= 4
    ms = await run(count)
  }
  buffers.freeAll()
  return ((QUANT_BYTES + SCALE_BYTES) * count * 1_000) / Math.max(ms, 0.01)
}

/** A bind group for each copy of the weights; all else is shared. */
function inputs(device: GPUDevice, buffers: Buffers, layout: GPUBindGroupLayout, copies: number): GPUBindGroup[] {
  const params = { units: SIDE / 8, outputs: SIDE, offset: 0, stride: SIDE, epsilon: 1e-5 }
  const frame = buffers.uniformOf('self test frame', new Uint8Array(new Uint32Array([0, 1, 0, 0]).buffer))
  const uniform = buffers.uniformOf('self test params', packFields(KERNELS.matvec.params, params))
  const x = buffers.storageOf(
    `self test x [${SIDE}] f32`,
    Float32Array.from({ length: SIDE }, (_, i) => Math.sin(i)),
  )
  const filler = () => buffers.storage('self test filler', 16)
  const [gain, bias, out] = [filler(), filler(), buffers.storage(`self test out [${SIDE}] f32`, SIDE * 4)]
  const quants = new Uint32Array(QUANT_BYTES / 4).map((_, i) => Math.imul(i, 2_654_435_761))
  const scaleWords = new Uint32Array(SCALE_BYTES / 4).fill(SCALE_WORD)
  return Array.from({ length: copies }, (_, copy) => {
    const weights = buffers.storageOf(`self test weights ${copy} [${SIDE}, ${SIDE}] q4`, quants)
    const scales = buffers.storageOf(`self test scales ${copy}`, scaleWords)
    const bound = [frame, uniform, weights, scales, x, gain, bias, out]
    const entries = bound.map((buffer, binding) => ({ binding, resource: { buffer } }))
    return device.createBindGroup({ label: 'self test', layout, entries })
  })
}
