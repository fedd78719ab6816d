/**
 * The engine's dedicated worker: a composition root of its own. It joins weights, tokenizer and GPU stage and exposes
 * them by `worker-api.ts`. No decode loop and no rule lives here.
 */

import * as Comlink from 'comlink'
import { type Constraint, TokenMasks } from '../rules/token-masks.ts'
import { encodeBegun, encodeRaw, type TokenCodec } from '../tokens/codec.ts'
import { createCodec } from '../tokens/create-codec.ts'
import { inspectModel } from '../weights/inspect-model.ts'
import { contextOf, inPhase, ModelLoad, type OnProgress } from '../weights/model-load.ts'
import type { ModelSpec, OpenedModel } from '../weights/open-model.ts'
import { hearPlace } from '../weights/place.ts'
import { listCached } from '../weights/shelf.ts'
import { activeParametersOf } from '../wire/active-parameters.ts'
import type { ChatMessage } from '../wire/chat.ts'
import { FRAME_TIMES_KEPT_MAX } from '../wire/limits/mesh.ts'
import type { ModelSummary } from '../wire/model.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import { checkRunnable, estimateGpu, needBytes } from './estimate.ts'
import { browserGpu, probeGpu } from './gpu/device.ts'
import { tryRoom } from './gpu/room.ts'
import { type GpuSpeed, measureGpu } from './gpu/self-test.ts'
import { tuningOf } from './gpu/variants.ts'
import { KERNEL_SOURCES } from './kernels/sources.ts'
import { planStage, type StagePlan } from './plan.ts'
import type { Frame, FrameOutput, LayerRange, OpenRequest, SamplerSpec } from './stage.ts'
import { StageGpu } from './stage-gpu.ts'
import { keepTuning, recallTuning, tuningKey } from './tuning-store.ts'
import type { EngineWorkerApi, WorkerHead, WorkerInspection, WorkerModel, WorkerProbe } from './worker-api.ts'

interface Loaded {
  readonly opened: OpenedModel
  readonly codec: TokenCodec
  /** Null where only the words of the model are here. */
  readonly stage: StageGpu | null
  readonly masks: TokenMasks | null
}

/** Of a model that other peers have the rest of. */
interface Part {
  readonly range: LayerRange
  readonly numericClass: string | null
}

const NOT_LOADED = fail('not-loaded', '')
/** Compiling needs a session; no caller uses this id. */
const WARM_SESSION = 2 ** 31
const GREEDY: SamplerSpec = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 0n }

class EngineWorker implements EngineWorkerApi {
  private loaded: Loaded | null = null
  private readonly loads = new ModelLoad()
  private readonly times: number[] = []

  async ping(): Promise<Result<null>> {
    return ok(null)
  }

  async takeTimes(): Promise<Result<readonly number[]>> {
    return ok(this.times.splice(0))
  }

  async probe(): Promise<Result<WorkerProbe>> {
    const found = await probeGpu(browserGpu())
    return found.ok ? ok({ adapter: found.value.adapter, software: found.value.software }) : found
  }

  async inspect(spec: ModelSpec): Promise<Result<WorkerInspection>> {
    const found = await inspectModel(spec)
    if (!found.ok) return found
    const { model, tensors } = found.value
    const refused = checkRunnable(model.architecture, tensors)
    if (refused) return refused
    const need = estimateGpu(tensors, model.layers, { first: 0, last: model.layers })
    if (!need.ok) return need
    const gpuBytes = needBytes(need.value, contextOf(model.contextLength))
    // A second model beside the loaded one is no fair question: what is loaded goes before another comes.
    if (this.loaded || this.loads.running) return ok({ model, gpuBytes, gpuBytesMax: null })
    const room = await tryRoom(browserGpu(), gpuBytes)
    if (!room.ok) return room
    return ok({ model, gpuBytes, gpuBytesMax: room.value < gpuBytes ? room.value : null })
  }

  cached(): Promise<readonly ModelSummary[]> {
    return listCached()
  }

  async load(spec: ModelSpec, onProgress: OnProgress): Promise<Result<WorkerModel>> {
    await this.unload()
    return this.loads.run(spec, onProgress, (opened, signal) => this.prepare(opened, null, onProgress, signal))
  }

  async loadRange(
    spec: ModelSpec,
    range: LayerRange,
    numericClass: string | null,
    onProgress: OnProgress,
  ): Promise<Result<WorkerModel>> {
    await this.unload()
    const part = { range, numericClass }
    return this.loads.run(spec, onProgress, (opened, signal) => this.prepare(opened, part, onProgress, signal))
  }

  async loadHead(spec: ModelSpec, onProgress: OnProgress): Promise<Result<WorkerHead>> {
    await this.unload()
    return this.loads.run(spec, onProgress, async (opened) => {
      const planned = planStage(opened.directory)
      if (!planned.ok) return planned
      const codec = createCodec(opened.directory.metadata)
      if (!codec.ok) return codec
      this.loaded = { opened, codec: codec.value, stage: null, masks: null }
      const { layers, contextLength } = planned.value.shape
      const { vocabulary } = codec.value
      const { id, manifest } = opened
      const [contextPositions, activeParameters] = [contextOf(contextLength), activeParametersOf(manifest)]
      return ok({ id, name: manifest.name, layers, contextPositions, activeParameters, vocabulary })
    })
  }

  private async prepare(
    opened: OpenedModel,
    part: Part | null,
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<Result<WorkerModel>> {
    const { directory, manifest, id } = opened
    const planned = part ? planStage(directory, part.range) : planStage(directory)
    if (!planned.ok) return planned
    const codec = createCodec(directory.metadata)
    if (!codec.ok) return codec
    const plan = planned.value
    const positions = contextOf(plan.shape.contextLength)
    const gpuBytes = needBytes(plan, positions)
    const room = await tryRoom(browserGpu(), gpuBytes)
    if (!room.ok) return room
    if (room.value < gpuBytes)
      return fail('gpu-too-small', `It needs ${mb(gpuBytes)} MB; the GPU gave ${mb(room.value)} MB.`)
    const stage = await this.loadStage(plan, opened, part?.numericClass ?? null, onProgress, signal)
    if (!stage.ok) return stage
    if (signal.aborted) {
      await stage.value.dispose()
      return fail('aborted', '')
    }
    const masks = new TokenMasks(codec.value.vocabulary, stage.value.facts.vocabulary)
    this.loaded = { opened, codec: codec.value, stage: stage.value, masks }
    return ok({
      id,
      name: manifest.name,
      contextPositions: positions,
      activeParameters: activeParametersOf(manifest),
      gpuBytes,
      vocabulary: codec.value.vocabulary,
      facts: stage.value.facts,
      notice: opened.source.notice,
    })
  }

  private async loadStage(
    plan: StagePlan,
    { id, source }: OpenedModel,
    numericClass: string | null,
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<Result<StageGpu>> {
    const ranges = plan.tensors.map(({ offset, bytes }) => ({ offset, length: bytes }))
    const fetched = await source.prefetch(ranges, inPhase('fetch', onProgress), signal)
    if (!fetched.ok) return fetched
    const facts = await probeGpu(browserGpu())
    if (!facts.ok) return facts
    const key = tuningKey(facts.value.adapter, id)
    const agreed = numericClass === null ? null : tuningOf(numericClass, facts.value.adapter, facts.value.features)
    const tuning = agreed ?? (await recallTuning(key))
    const stage = await StageGpu.load({
      gpu: browserGpu(),
      sources: KERNEL_SOURCES,
      plan,
      source,
      onProgress,
      signal,
      ...(tuning ? { tuning } : {}),
    })
    if (stage.ok && !tuning) await keepTuning(key, stage.value.tuning)
    if (!stage.ok) return stage
    onProgress({ phase: 'compile', doneBytes: plan.weightBytes, totalBytes: plan.weightBytes })
    const warm = await stage.value.open({ session: WARM_SESSION, epoch: 0, positions: 1, sampler: GREEDY })
    await stage.value.close(WARM_SESSION)
    if (warm.ok) return stage
    await stage.value.dispose()
    return warm
  }

  selfTest(): Promise<Result<GpuSpeed>> {
    return measureGpu(browserGpu(), KERNEL_SOURCES)
  }

  async cancelLoad(): Promise<void> {
    this.loads.stop()
  }

  async unload(): Promise<void> {
    const { loaded } = this
    this.loaded = null
    await loaded?.stage?.dispose()
    loaded?.opened.close()
  }

  async encodeChat(messages: readonly ChatMessage[], begun: string, raw: boolean): Promise<Result<readonly number[]>> {
    const { loaded } = this
    return loaded ? (raw ? encodeRaw : encodeBegun)(loaded.codec, messages, begun) : NOT_LOADED
  }

  async open(request: OpenRequest): Promise<Result<null>> {
    return this.loaded?.stage?.open(request) ?? NOT_LOADED
  }

  async run(frame: Frame, constraint?: Constraint): Promise<Result<FrameOutput>> {
    const beganMs = performance.now()
    const mask = constraint ? (this.loaded?.masks?.mask(constraint) ?? NOT_LOADED) : null
    if (mask && !mask.ok) return mask
    const held = mask ? { ...frame, mask: mask.value } : frame
    const output = await (this.loaded?.stage?.run(held) ?? NOT_LOADED)
    this.times.push(performance.now() - beganMs)
    if (this.times.length > FRAME_TIMES_KEPT_MAX) this.times.shift()
    return output.ok && output.value.kind === 'hidden' ? Comlink.transfer(output, [output.value.rows.buffer]) : output
  }

  async truncate(session: number, epoch: number, position: number, sampler?: SamplerSpec): Promise<Result<null>> {
    return this.loaded?.stage?.truncate(session, epoch, position, sampler) ?? NOT_LOADED
  }

  async close(session: number): Promise<void> {
    await this.loaded?.stage?.close(session)
  }
}

const mb = (bytes: number) => Math.ceil(bytes / 1e6)

hearPlace()
Comlink.expose(new EngineWorker())
