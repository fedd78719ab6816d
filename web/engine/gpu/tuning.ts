/**
 * Which kernel variants this adapter runs fastest: lanes of a workgroup, reduction, f16 weights, tiles or rows in
 * prefill. Measured on a matrix of the model itself at first load, never guessed from a name. A variant whose result
 * differs from the plain one is dropped. The choice is part of the numeric class: it is fixed for a stage and kept
 * through a lost device.
 */
import { assert } from '../../wire/result.ts'
import type { KernelSources } from '../kernels/table.ts'
import { Programs } from './programs.ts'
import { type Activations, encodeSteps, type Step, StepBuilder, type StepContext } from './steps.ts'
import { candidates, PLAIN, type Tuning } from './variants.ts'

/** A variant must be this much faster than the best before it: noise must not change the numeric class. */
const GAIN_MIN = 0.9
const RUNS = 3
const ROWS = 16
/** Relative to the largest output: f16 weights round at 2^-11. */
const DIFFERENCE_MAX = 1e-2

export interface TuningBench extends Omit<StepContext, 'programs' | 'tuning'> {
  readonly sources: KernelSources
  readonly features: readonly string[]
}

/** Runs one projection of the model in every variant. Throws `FailureError('gpu-error')` when the plain one fails. */
export async function pickTuning(bench: TuningBench): Promise<Tuning> {
  const { device, shared, plan } = bench
  const inputs = Float32Array.from({ length: ROWS * plan.shape.width }, (_, i) => Math.sin(i))
  device.queue.writeBuffer(shared.hidden, 0, inputs)
  const trial = (tuning: Tuning, tiled: boolean) => {
    const programs = new Programs(device, bench.sources, tuning)
    return new StepBuilder({ ...bench, programs, tuning }).trial(tiled)
  }
  let best = PLAIN
  let bestMs = Number.POSITIVE_INFINITY
  let expected: Float32Array | null = null
  setRows(device, shared, 1)
  for (const tuning of candidates(bench.features)) {
    const ms = await medianMs(device, await trial(tuning, false), 1)
    const result = await readMiddle(bench)
    expected ??= result
    if (ms < bestMs * GAIN_MIN && agrees(result, expected)) {
      best = tuning
      bestMs = ms
    }
  }
  setRows(device, shared, ROWS)
  const rowsMs = await medianMs(device, await trial(best, false), ROWS)
  const tilesMs = await medianMs(device, await trial(best, true), ROWS)
  return { ...best, tiled: tilesMs * GAIN_MIN <= rowsMs }
}

function setRows(device: GPUDevice, { frame }: Activations, rows: number): void {
  device.queue.writeBuffer(frame, 0, new Uint32Array([0, rows, 0, 0]))
}

async function medianMs(device: GPUDevice, steps: readonly Step[], rows: number): Promise<number> {
  const times: number[] = []
  for (let run = 0; run <= RUNS; run += 1) {
    const encoder = device.createCommandEncoder({ label: 'tuning' })
    const pass = encoder.beginComputePass()
    encodeSteps(pass, steps, rows)
    pass.end()
    const began = performance.now()
    device.queue.submit([encoder.finish()])
    await device.queue.onSubmittedWorkDone()
    // The first run also pays for what the driver puts off until then.
    if (run > 0) times.push(performance.now() - began)
  }
  const median = times.sort((a, b) => a - b)[RUNS >> 1]
  assert(median !== undefined, 'there was a run')
  return median
}

async function readMiddle({ device, buffers, shared, plan }: TuningBench): Promise<Float32Array> {
  const bytes = plan.shape.ffn * 4
  const reader = buffers.reader(bytes)
  const encoder = device.createCommandEncoder({ label: 'tuning' })
  encoder.copyBufferToBuffer(shared.middle, 0, reader, 0, bytes)
  device.queue.submit([encoder.finish()])
  return new Float32Array(await buffers.read(reader, bytes, bytes))
}

function agrees(result: Float32Array, expected: Float32Array): boolean {
  let largest = 0
  let worst = 0
  for (let i = 0; i < expected.length; i += 1) {
    const difference = Math.abs((result[i] ?? 0) - (expected[i] ?? 0))
    if (!(difference >= 0)) return false
    largest = Math.max(largest, Math.abs(expected[i] ?? 0))
    worst = Math.max(worst, difference)
  }
  return worst <= largest * DIFFERENCE_MAX
}
