/**
 * The one fake of what this browser keeps of models: downloads move when a test says so, room is what a test sets, and
 * the hub has what a test puts there. Keeps the promises of `ModelStore`. Runs in a page; no clock and no storage.
 */
import type { ModelStore } from '../../web/schedule/model-store.ts'
import type { KeptModel } from '../../web/weights/shelf.ts'
import type { StorageFacts } from '../../web/weights/storage-facts.ts'
import type { Downloaded, DownloadProgress, DownloadSpec, HubOffer } from '../../web/weights/worker-api.ts'
import type { ModelSummary } from '../../web/wire/model.ts'
import { assert, fail, ok, type Result } from '../../web/wire/result.ts'
import type { FakeEngine } from './fake-engine.ts'

interface Running {
  readonly spec: DownloadSpec
  readonly onProgress: (progress: DownloadProgress) => void
  readonly finish: (result: Result<Downloaded>) => void
}

function keptOf(model: ModelSummary, keptBytes = model.fileBytes): KeptModel {
  return { model, keptBytes, unproved: null, prebuilt: null, url: null }
}

export class FakeStore implements ModelStore {
  facts: StorageFacts = { usedBytes: 30_000_000, quotaBytes: 10_700_000_000, persisted: false }
  persistence = false
  /** The clock of downloads, which a test moves. */
  nowMs = 0
  /** What the hub has, or why it has nothing; by what a person wrote. */
  readonly hub = new Map<string, Result<readonly HubOffer[]>>()
  readonly #engine: FakeEngine
  readonly #kept = new Map<string, KeptModel>()
  #running: Running | null = null

  /** What the engine keeps whole is kept here too. */
  constructor(engine: FakeEngine) {
    this.#engine = engine
  }

  keeps(...models: readonly KeptModel[]): void {
    for (const one of models) this.#kept.set(one.model.id, one)
  }

  get downloading(): boolean {
    return this.#running !== null
  }

  async kept(): Promise<readonly KeptModel[]> {
    return [...this.#engine.kept.map((model) => keptOf(model)), ...this.#kept.values()]
  }

  download(
    spec: DownloadSpec,
    onProgress: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<Result<Downloaded>> {
    assert(this.#running === null, 'one download at a time')
    return new Promise((resolve) => {
      const finish = (result: Result<Downloaded>) => {
        if (this.#running === null) return
        this.#running = null
        resolve(result)
      }
      this.#running = { spec, onProgress, finish }
      signal.addEventListener('abort', () => finish(fail('aborted', '')), { once: true })
    })
  }

  /** Bytes have come: they are kept from now on. */
  progress(model: ModelSummary, doneBytes: number, phase: DownloadProgress['phase'] = 'fetch'): void {
    assert(this.#running, 'a download runs')
    this.#kept.set(model.id, keptOf(model, doneBytes))
    this.#running.onProgress({ phase, doneBytes, totalBytes: model.fileBytes })
  }

  /** Whole, or with this failure. */
  finish(model: ModelSummary, failure?: Result<Downloaded>): void {
    assert(this.#running, 'a download runs')
    if (!failure) this.#kept.set(model.id, keptOf(model))
    this.#running.finish(failure ?? ok({ id: model.id }))
  }

  async remove(id: string): Promise<Result<null>> {
    this.#kept.delete(id)
    this.#engine.kept = this.#engine.kept.filter((model) => model.id !== id)
    return ok(null)
  }

  async listHub(name: string): Promise<Result<readonly HubOffer[]>> {
    return this.hub.get(name) ?? fail('source-missing', `The hub shows no ${name}.`)
  }

  async storage(): Promise<StorageFacts> {
    return this.facts
  }

  async askPersistence(): Promise<boolean> {
    this.facts = { ...this.facts, persisted: this.persistence }
    return this.persistence
  }
}
