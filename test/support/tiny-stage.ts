/** Stages of tiny models on either implementation, and greedy runs over any number of them. No Node, no DOM types. */
import { browserGpu } from '../../web/engine/gpu/device.ts'
import { PLAIN, type Tuning } from '../../web/engine/gpu/variants.ts'
import type { KernelSources } from '../../web/engine/kernels/table.ts'
import { planStage, type StagePlan } from '../../web/engine/plan.ts'
import type { Frame, FrameOutput, LayerRange, SamplerSpec, StageEngine } from '../../web/engine/stage.ts'
import { StageCpu } from '../../web/engine/stage-cpu.ts'
import { StageGpu } from '../../web/engine/stage-gpu.ts'
import { directoryOf, must } from './directory-of.ts'
import { MemorySource } from './memory-source.ts'
import { sharedGpu } from './shared-gpu.ts'

export const GREEDY: SamplerSpec = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n }
/** Uses every part of the sampler. */
export const SEEDED: SamplerSpec = {
  temperature: 0.9,
  topK: 40,
  topP: 0.95,
  minP: 0.02,
  repetitionPenalty: 1.1,
  seed: 0x1234_5678_9abc_def0n,
}

export type LoadStage = (file: Uint8Array, range?: LayerRange) => Promise<StageEngine>

async function planOf(file: Uint8Array, range?: LayerRange): Promise<StagePlan> {
  return must(planStage(await directoryOf(file), range))
}

export async function loadCpu(file: Uint8Array, range?: LayerRange, kv?: 'f16' | 'f32'): Promise<StageCpu> {
  return must(await StageCpu.load(await planOf(file, range), new MemorySource(file), kv))
}

/** Few lanes: a software GPU pays for each at every barrier. `products.test.ts` runs the other variants. */
const FIXED: Tuning = { ...PLAIN, lanes: 16 }
const shared = new WeakMap<GPU, GPU>()

/** On one device for all stages of this process or page. Variants are fixed, so that a run can be repeated. */
export async function loadGpu(
  sources: KernelSources,
  file: Uint8Array,
  options: { readonly range?: LayerRange; readonly tuning?: Tuning; readonly gpu?: GPU } = {},
): Promise<StageGpu> {
  const real = options.gpu ?? browserGpu()
  if (!real) throw new Error('there is no WebGPU here')
  const gpu = shared.get(real) ?? sharedGpu(real)
  shared.set(real, gpu)
  const plan = await planOf(file, options.range)
  const { tuning = FIXED } = options
  return must(await StageGpu.load({ gpu, sources, plan, source: new MemorySource(file), tuning }))
}

export function tokenOf(output: FrameOutput): number {
  if (output.kind !== 'token') throw new Error(`a ${output.kind} came where a token was expected`)
  return output.id
}

export function rowsOf(output: FrameOutput): Float32Array {
  if (output.kind !== 'hidden') throw new Error(`a ${output.kind} came where hidden rows were expected`)
  return output.rows
}

export interface Spot {
  readonly session: number
  readonly epoch: number
  readonly position: number
}

/** Feeds `ids` through all stages in turn; gives what the last one gives. */
export async function feed(
  stages: readonly StageEngine[],
  spot: Spot,
  ids: readonly number[],
  mode: Frame['mode'],
  sample: boolean,
): Promise<FrameOutput> {
  let input: Frame['input'] = { kind: 'tokens', ids: Uint32Array.from(ids) }
  let output: FrameOutput = { kind: 'none' }
  for (const [index, stage] of stages.entries()) {
    const tail = index === stages.length - 1
    const frame: Frame = { ...spot, count: ids.length, mode, input, sample: sample && tail }
    output = must(await stage.run(tail && index > 0 ? { ...frame, ids: Uint32Array.from(ids) } : frame))
    if (!tail) input = { kind: 'hidden', rows: rowsOf(output) }
  }
  return output
}

/** The prompt in one prefill frame, then `count` tokens, one frame each. */
export async function generate(
  stages: readonly StageEngine[],
  prompt: readonly number[],
  count: number,
  settings: { readonly session?: number; readonly sampler?: SamplerSpec } = {},
): Promise<number[]> {
  const { session = 1, sampler = GREEDY } = settings
  for (const stage of stages) {
    must(await stage.open({ session, epoch: 0, positions: prompt.length + count, sampler }))
  }
  const out: number[] = []
  let [position, next] = [0, prompt]
  while (out.length < count) {
    const mode = out.length === 0 ? 'prefill' : 'decode'
    out.push(tokenOf(await feed(stages, { session, epoch: 0, position }, next, mode, true)))
    position += next.length
    next = out.slice(-1)
  }
  for (const stage of stages) await stage.close(session)
  return out
}
