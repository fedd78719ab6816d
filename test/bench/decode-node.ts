/**
 * Decode in plain Node: the stage without worker, server or storage, so that any machine with a GPU can be measured. A
 * load reads the file (or makes the weights) and compiles; the second one finds whatever the driver kept.
 */
import { planStage } from '../../web/engine/plan.ts'
import type { SamplerSpec } from '../../web/engine/stage.ts'
import { StageGpu } from '../../web/engine/stage-gpu.ts'
import { readDirectory } from '../../web/weights/gguf.ts'
import { CONTEXT_POSITIONS_DEFAULT } from '../../web/wire/limits/engine.ts'
import type { Result } from '../../web/wire/result.ts'
import { kernelSources } from '../support/kernel-sources.ts'
import { countRound, type DecodeRuntime, playRound, profileRound, type Target } from './decode-runtime.ts'
import { GpuMeter } from './gpu-meter.ts'
import type { BenchModel } from './models.ts'
import { nodeGpu } from './node-gpu.ts'

const GREEDY: SamplerSpec = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 0n }

export function must<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new Error(`${result.code}: ${result.detail}`)
}

export class NodeRuntime implements DecodeRuntime {
  private readonly model: BenchModel
  private target: Target | null = null
  private stage: StageGpu | null = null

  constructor(model: BenchModel) {
    this.model = model
  }

  private get loaded(): Target {
    if (!this.target) throw new Error('nothing is loaded')
    return this.target
  }

  async load() {
    const { gpu, classes } = nodeGpu()
    const meter = new GpuMeter(classes)
    const cold = await this.loadOnce(gpu)
    const compile = meter.compiled()
    await cold.stage.dispose()
    const { stage, ms, phases } = await this.loadOnce(gpu)
    this.stage = stage
    const positions = Math.min(stage.facts.contextLength, CONTEXT_POSITIONS_DEFAULT)
    this.target = { hop: stage, meter, positions }
    const { adapter, softwareAdapter, numericClass, vocabulary } = stage.facts
    return {
      adapter,
      softwareAdapter,
      numericClass,
      vocabulary,
      positions,
      coldLoadMs: cold.ms,
      warmLoadMs: ms,
      coldPhases: cold.phases,
      warmPhases: phases,
      compile,
    }
  }

  private async loadOnce(gpu: GPU) {
    const began = performance.now()
    const { source } = this.model
    const plan = must(planStage(must(await readDirectory(source))))
    const planned = performance.now()
    const stage = must(await StageGpu.load({ gpu, sources: kernelSources(), plan, source }))
    const uploaded = performance.now()
    must(await stage.open({ session: 0, epoch: 0, positions: 1, sampler: GREEDY }))
    await stage.close(0)
    const ended = performance.now()
    const phases = { start: planned - began, upload: uploaded - planned, compile: ended - uploaded }
    return { stage, ms: ended - began, phases }
  }

  round: DecodeRuntime['round'] = (options) => playRound(this.loaded, options)
  count: DecodeRuntime['count'] = (options) => countRound(this.loaded, options)
  profile: DecodeRuntime['profile'] = (options) => profileRound(this.loaded, options)

  async close(): Promise<void> {
    await this.stage?.dispose()
  }
}
