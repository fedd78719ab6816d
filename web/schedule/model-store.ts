/**
 * What this browser keeps of models, without an engine: `ModelStore`, and `WorkerModelStore` over the storage's worker.
 *
 * Contract: `download` is called one at a time, ends when `signal` does (`aborted`) and leaves what came; it is refused
 * with `model-in-use` where another tab is bringing the same model. The other calls may run at any time. None throws for
 * an expected failure.
 */
import * as Comlink from 'comlink'
import type { KeptModel } from '../weights/shelf.ts'
import { type StorageFacts, storageFacts } from '../weights/storage-facts.ts'
import type { Downloaded, DownloadProgress, DownloadSpec, HubOffer, WeightsWorkerApi } from '../weights/worker-api.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import { WorkerDoor } from './worker-door.ts'

export interface ModelStore {
  kept(): Promise<readonly KeptModel[]>
  download(
    spec: DownloadSpec,
    onProgress: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<Result<Downloaded>>
  remove(id: string): Promise<Result<null>>
  /** The GGUF files of a repository that a person named. Refusals: those of `listHubGgufs`. */
  listHub(name: string): Promise<Result<readonly HubOffer[]>>
  storage(): Promise<StorageFacts>
  /** True where the browser promised not to clear what is kept. Asks once, and again where a person wants it (`anew`). */
  askPersistence(anew?: boolean): Promise<boolean>
}

export interface WorkerModelStoreParts {
  readonly makeWorker: () => Worker
  readonly askPersistence: (anew?: boolean) => Promise<boolean>
  /** Of the storage that the worker was given; without it, of the page's own. */
  readonly facts?: () => Promise<StorageFacts>
  /** Another hub than the usual one. */
  readonly hubUrl?: string
}

export class WorkerModelStore implements ModelStore {
  readonly #parts: WorkerModelStoreParts
  readonly #worker: WorkerDoor<WeightsWorkerApi>

  constructor(parts: WorkerModelStoreParts) {
    this.#parts = parts
    this.#worker = new WorkerDoor(parts.makeWorker, () => {})
  }

  async kept(): Promise<readonly KeptModel[]> {
    const kept = await this.#worker.call(async (api) => ok(await api.kept()))
    return kept.ok ? (kept.value as readonly KeptModel[]) : []
  }

  async download(
    spec: DownloadSpec,
    onProgress: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<Result<Downloaded>> {
    if (signal.aborted) return fail('aborted', '')
    const cancel = () => this.#worker.tell((api) => api.cancel())
    signal.addEventListener('abort', cancel)
    const done = await this.#worker.call((api) => api.download(spec, Comlink.proxy(onProgress)))
    signal.removeEventListener('abort', cancel)
    return done
  }

  remove(id: string): Promise<Result<null>> {
    return this.#worker.call((api) => api.remove(id))
  }

  listHub(name: string): Promise<Result<readonly HubOffer[]>> {
    const hubUrl = this.#parts.hubUrl ?? null
    return this.#worker.call((api) => api.listHub(name, hubUrl) as Promise<Result<readonly HubOffer[]>>)
  }

  storage(): Promise<StorageFacts> {
    return this.#parts.facts?.() ?? storageFacts()
  }

  askPersistence(anew?: boolean): Promise<boolean> {
    return this.#parts.askPersistence(anew)
  }
}
