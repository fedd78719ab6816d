/**
 * The engine's worker with the CPU oracle in the place of the GPU stage: for benches of the mesh on a machine whose tabs would
 * share one software GPU, and wait for it rather than for each other. Same API, same checks, no speed.
 */
import * as Comlink from 'comlink'
import { planStage } from '../../web/engine/plan.ts'
import type { Frame, FrameOutput, LayerRange, OpenRequest, SamplerSpec } from '../../web/engine/stage.ts'
import { StageCpu } from '../../web/engine/stage-cpu.ts'
import type { EngineWorkerApi, WorkerHead, WorkerInspection, WorkerModel } from '../../web/engine/worker-api.ts'
import { encodeBegun, encodeRaw, type TokenCodec } from '../../web/tokens/codec.ts'
import { createCodec } from '../../web/tokens/create-codec.ts'
import { inspectModel } from '../../web/weights/inspect-model.ts'
import { contextOf, ModelLoad, type OnProgress } from '../../web/weights/model-load.ts'
import type { ModelSpec, OpenedModel } from '../../web/weights/open-model.ts'
import type { ChatMessage } from '../../web/wire/chat.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'

const NOT_LOADED = fail('not-loaded', '')

class OracleWorker implements EngineWorkerApi {
  #codec: TokenCodec | null = null
  #stage: StageCpu | null = null
  readonly #loads = new ModelLoad()
  readonly #times: number[] = []

  async ping() {
    return ok(null)
  }

  async takeTimes() {
    return ok(this.#times.splice(0))
  }

  async probe() {
    return ok({ adapter: 'CPU oracle', software: true })
  }

  async inspect(spec: ModelSpec): Promise<Result<WorkerInspection>> {
    const found = await inspectModel(spec)
    return found.ok ? ok({ model: found.value.model, gpuBytes: 0, gpuBytesMax: null }) : found
  }

  async cached() {
    return []
  }

  load(spec: ModelSpec, onProgress: OnProgress): Promise<Result<WorkerModel>> {
    return this.#loads.run(spec, onProgress, (opened) => this.#take(opened))
  }

  loadRange(
    spec: ModelSpec,
    range: LayerRange,
    _class: string | null,
    onProgress: OnProgress,
  ): Promise<Result<WorkerModel>> {
    return this.#loads.run(spec, onProgress, (opened) => this.#take(opened, range))
  }

  async loadHead(spec: ModelSpec, onProgress: OnProgress): Promise<Result<WorkerHead>> {
    const loaded = await this.load(spec, onProgress)
    return loaded.ok ? ok({ ...loaded.value, layers: loaded.value.facts.layers, activeParameters: 0 }) : loaded
  }

  async #take(opened: OpenedModel, range?: LayerRange): Promise<Result<WorkerModel>> {
    const { directory, manifest, id, source } = opened
    const planned = range ? planStage(directory, range) : planStage(directory)
    if (!planned.ok) return planned
    const codec = createCodec(directory.metadata)
    if (!codec.ok) return codec
    const stage = await StageCpu.load(planned.value, source)
    if (!stage.ok) return stage
    this.#codec = codec.value
    this.#stage = stage.value
    const { facts } = stage.value
    const contextPositions = contextOf(facts.contextLength)
    const { vocabulary } = codec.value
    return ok({
      id,
      name: manifest.name,
      contextPositions,
      activeParameters: 0,
      gpuBytes: 0,
      vocabulary,
      facts,
      notice: source.notice,
    })
  }

  async selfTest() {
    return fail('no-webgpu', '')
  }

  async cancelLoad() {
    this.#loads.stop()
  }

  async unload() {
    await this.#stage?.dispose()
    this.#stage = null
    this.#codec = null
  }

  async encodeChat(messages: readonly ChatMessage[], begun: string, raw: boolean): Promise<Result<readonly number[]>> {
    return this.#codec ? (raw ? encodeRaw : encodeBegun)(this.#codec, messages, begun) : NOT_LOADED
  }

  async open(request: OpenRequest): Promise<Result<null>> {
    return this.#stage?.open(request) ?? NOT_LOADED
  }

  async run(frame: Frame): Promise<Result<FrameOutput>> {
    const beganMs = performance.now()
    const output = await (this.#stage?.run(frame) ?? NOT_LOADED)
    this.#times.push(performance.now() - beganMs)
    return output.ok && output.value.kind === 'hidden' ? Comlink.transfer(output, [output.value.rows.buffer]) : output
  }

  async truncate(session: number, epoch: number, position: number, sampler?: SamplerSpec): Promise<Result<null>> {
    return this.#stage?.truncate(session, epoch, position, sampler) ?? NOT_LOADED
  }

  async close(session: number): Promise<void> {
    await this.#stage?.close(session)
  }
}

Comlink.expose(new OracleWorker())
