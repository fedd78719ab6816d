/**
 * The page's side of a worker that runs GGUF files, as the stage engine and the CPU engine share it: which file a source
 * means, one load that can be stopped, what is kept. What is done with a loaded model is the engine's own.
 */
import * as Comlink from 'comlink'
import type { ModelWorkerApi, OnProgress } from '../weights/model-load.ts'
import type { ModelSpec } from '../weights/open-model.ts'
import type { ModelSummary } from '../wire/model.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { ModelSource } from './engine-door.ts'
import { WorkerDoor } from './worker-door.ts'

export interface GgufParts {
  readonly makeWorker: () => Worker
  /** Where the mirror answers: the page's own server. */
  readonly baseUrl: string
  /** Asks the browser to keep what is stored; called once, at the first load. */
  readonly askPersistence: () => Promise<boolean>
  readonly now: () => number
}

type ModelOf<Api> = Api extends ModelWorkerApi<infer Model> ? Model : never

export class GgufWorker<Api extends ModelWorkerApi<unknown>> {
  readonly door: WorkerDoor<Api>
  readonly #parts: GgufParts
  readonly #onLost: () => void
  #holds = false
  #asked = false

  /** `onLost`: the worker holds no model any more, by `unload` or because it died. */
  constructor(parts: GgufParts, onLost: () => void) {
    this.#parts = parts
    this.#onLost = () => {
      this.#holds = false
      onLost()
    }
    this.door = new WorkerDoor(parts.makeWorker, this.#onLost)
  }

  async cached(): Promise<readonly ModelSummary[]> {
    const kept = await this.door.call(async (api) => ok(await shared(api).cached()))
    return kept.ok ? kept.value : []
  }

  /** Unloads first. Refusals: `engine-mismatch`, `aborted`, those of the worker. */
  load(source: ModelSource, onProgress: OnProgress, signal: AbortSignal): Promise<Result<ModelOf<Api>>> {
    const load = (api: Comlink.Remote<Api>, spec: ModelSpec, said: OnProgress) => shared(api).load(spec, said)
    return this.loadBy(load, source, onProgress, signal) as Promise<Result<ModelOf<Api>>>
  }

  /** The same by another call of the worker, which also ends with `cancelLoad`. */
  async loadBy<Loaded>(
    load: (api: Comlink.Remote<Api>, spec: ModelSpec, onProgress: OnProgress) => Promise<Result<Loaded>>,
    source: ModelSource,
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<Result<Loaded>> {
    const spec = this.specOf(source)
    if (!spec.ok) return spec
    if (signal.aborted) return fail('aborted', '')
    await this.unload()
    if (!this.#asked) void this.#parts.askPersistence()
    this.#asked = true
    const cancel = () => this.door.tell((api) => shared(api).cancelLoad())
    signal.addEventListener('abort', cancel)
    const answer = await this.door.call((api) => load(api, spec.value, Comlink.proxy(onProgress)))
    signal.removeEventListener('abort', cancel)
    this.#holds = answer.ok
    return answer
  }

  async unload(): Promise<void> {
    if (!this.#holds) return
    this.#onLost()
    await this.door.call(async (api) => ok(await shared(api).unload()))
  }

  /** Refusal: `engine-mismatch` for what is no GGUF file. */
  specOf(source: ModelSource): Result<ModelSpec> {
    const { baseUrl } = this.#parts
    switch (source.kind) {
      case 'mirror':
        return source.format === 'mlc'
          ? fail('engine-mismatch', 'It is an MLC model, which only WebLLM runs.')
          : ok({ kind: 'mirror', id: source.id, baseUrl })
      case 'file':
        return ok({ kind: 'file', file: source.file, mirrorUrl: baseUrl })
      case 'prebuilt':
        return fail('engine-mismatch', `${source.name} is an MLC model, which only WebLLM runs.`)
      default:
        return source satisfies never
    }
  }
}

/** Every call of it is a promise already, so over Comlink it is what it was. */
function shared<Api extends ModelWorkerApi<unknown>>(api: Comlink.Remote<Api>): ModelWorkerApi<unknown> {
  return api as unknown as ModelWorkerApi<unknown>
}
