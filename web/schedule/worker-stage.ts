/**
 * A range of layers in a worker of its own, served to other peers: loads only what the range needs, measures how fast it
 * is, and passes frames in and out without copies. What is asked of it is checked by the stage.
 */
import * as Comlink from 'comlink'
import type { LayerRange, StageFacts } from '../engine/stage.ts'
import type { EngineWorkerApi, WorkerModel, WorkerProbe } from '../engine/worker-api.ts'
import type { OnProgress } from '../weights/model-load.ts'
import { ok, type Result } from '../wire/result.ts'
import type { ModelSource } from './engine-door.ts'
import { type GgufParts, GgufWorker } from './gguf-worker.ts'
import type { ServedStage } from './hop.ts'
import { measureStage } from './measure-stage.ts'

export interface LoadedStage {
  readonly stage: ServedStage
  readonly model: WorkerModel
  /** A token through one layer, the tail's head shared out among its layers. */
  readonly msPerLayer: number
}

export class WorkerStage {
  readonly #gguf: GgufWorker<EngineWorkerApi>
  readonly #now: () => number

  /** `onLost`: the worker died, or was told to forget the range. */
  constructor(parts: GgufParts, onLost: () => void) {
    this.#gguf = new GgufWorker(parts, onLost)
    this.#now = parts.now
  }

  /** Refusals: those of `GgufWorker.load`, of the stage and of its measurement. */
  async load(
    source: ModelSource,
    range: LayerRange,
    numericClass: string | null,
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<Result<LoadedStage>> {
    const loaded = await this.#gguf.loadBy<WorkerModel>(
      (api, spec, said) => api.loadRange(spec, range, numericClass, said) as Promise<Result<WorkerModel>>,
      source,
      onProgress,
      signal,
    )
    if (!loaded.ok) return loaded
    const stage = this.#stage(loaded.value.facts)
    const measured = await measureStage(stage, this.#now)
    return measured.ok ? ok({ stage, model: loaded.value, msPerLayer: measured.value }) : measured
  }

  /** How long the newest frames took, in ms. */
  takeTimes(): Promise<Result<readonly number[]>> {
    return this.#gguf.door.call((api) => api.takeTimes() as Promise<Result<readonly number[]>>)
  }

  ping(): Promise<Result<null>> {
    return this.#gguf.door.call((api) => api.ping())
  }

  /** For a worker that does not answer any more. */
  end(): void {
    this.#gguf.door.end('It did not answer.')
  }

  /** Its GPU, as numeric classes name it. */
  async adapter(): Promise<Result<string>> {
    const found = await this.#gguf.door.call((api) => api.probe() as Promise<Result<WorkerProbe>>)
    return found.ok ? ok(found.value.adapter) : found
  }

  unload(): Promise<void> {
    return this.#gguf.unload()
  }

  #stage(facts: StageFacts): ServedStage {
    const { door } = this.#gguf
    return {
      facts,
      open: (request) => door.call((api) => api.open(request)),
      run(frame) {
        const { input } = frame
        const moved = input.kind === 'hidden' ? [input.rows.buffer] : []
        return door.call((api) => api.run(Comlink.transfer(frame, moved)))
      },
      truncate: (session, epoch, position, sampler) =>
        door.call((api) => api.truncate(session, epoch, position, sampler)),
      async close(session) {
        await door.call(async (api) => ok(await api.close(session)))
      },
    }
  }
}
