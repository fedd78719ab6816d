/**
 * The models of this browser, as `App.models`: download, pause, resume, remove, add from a hub, room, self test. Joins the
 * queue of downloads with the storage and with the other tabs. Loads and runs nothing; words are the interface's.
 */
import type { Shelf } from './app-shelf.ts'
import type { AppView, DownloadView, ModelEntry, SelfTestView, StorageView } from './app-view.ts'
import { DownloadTabs, type Locks } from './download-tabs.ts'
import { Downloads } from './downloads.ts'
import type { ModelRunner, SelfTest } from './schedule/engine-door.ts'
import type { ModelStore } from './schedule/model-store.ts'
import type { DownloadSpec, HubOffer } from './weights/worker-api.ts'
import { fail, ok, type Result } from './wire/result.ts'

export interface ModelsParts {
  readonly store: ModelStore
  /** Root of the mirror: the page's own server. */
  readonly baseUrl: string
  /** Null where the browser has none or refuses them: this tab is alone. */
  readonly locks: Locks | null
  readonly channel: BroadcastChannel | null
  /** Ends after so long, when the network comes back, or with the signal. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
  readonly now: () => number
}

/** What `Models` asks of the app that it belongs to. */
export interface ModelsHost {
  readonly shelf: Shelf
  readonly runner: ModelRunner
  /** True while it is being loaded or answers. */
  isBusy(key: string): boolean
  /** Its bytes are gone: the app holds it no more. Called in every tab. */
  removed(key: string): void
  /** An entry goes on under another key. */
  renamed(from: string, to: string): void
  changed(): void
}

/** `choose`: the repository has several files; name one of them as `owner/repo/path`. */
export type HubAnswer =
  | { readonly kind: 'added'; readonly key: string }
  | { readonly kind: 'choose'; readonly files: readonly HubOffer[] }

export class Models {
  readonly #parts: ModelsParts | null
  readonly #host: ModelsHost
  readonly #downloads: Downloads
  readonly #tabs: DownloadTabs | null
  readonly #closed = new AbortController()
  #storage: StorageView | null = null
  #selfTest: SelfTestView = { state: 'none' }

  /** Without parts there is nothing to keep models in: what needs it is refused with `storage-denied`. */
  constructor(parts: ModelsParts | null, host: ModelsHost) {
    this.#parts = parts
    this.#host = host
    this.#tabs = parts
      ? new DownloadTabs(parts.locks, parts.channel, {
          changed: () => host.changed(),
          keptChanged: () => void this.refresh(),
          removed: (key) => host.removed(key),
          asked: (what, key) => void (what === 'pause' ? this.#downloads.pause(key) : this.cancel(key)),
        })
      : null
    this.#downloads = new Downloads({
      fetch: async (key, onStep, signal) => {
        const spec = this.#specOf(key)
        return spec.ok && parts ? parts.store.download(spec.value, onStep, signal) : spec
      },
      hold: (key, signal, work) => (this.#tabs && !isLocal(key) ? this.#tabs.hold(key, signal, work) : work()),
      wait: (ms, signal) => parts?.wait(ms, signal) ?? Promise.resolve(),
      now: () => parts?.now() ?? 0,
      changed: () => {
        this.#tabs?.tell(this.#downloads.views.filter(({ key }) => !isLocal(key)))
        host.changed()
      },
      done: (key, value) => void this.#finish(key, (value as { readonly id: string }).id),
      stopped: () => void this.refresh(),
    })
  }

  get view(): Pick<AppView, 'downloads' | 'storage' | 'selfTest'> {
    return { downloads: this.#views(), storage: this.#storage, selfTest: this.#selfTest }
  }

  /**
   * Brings a model here whole, after those that were asked for before it; one that is here already is read and checked.
   * Progress is in `view.downloads`. Refusals: `model-unknown`, `storage-denied`, `queue-full`.
   */
  download(key: string): Result<null> {
    if (!this.#parts) return fail('storage-denied', '')
    const entry = this.#entry(key)
    if (!entry) return fail('model-unknown', '')
    // A download nobody can lose again to the browser's own clearing.
    void this.#parts.store.askPersistence()
    return this.#downloads.start(key, entry.model.name, entry.keptBytes, entry.model.fileBytes)
  }

  /** What came stays. Reaches a download of another tab too. */
  async pause(key: string): Promise<void> {
    if (!this.#downloads.isActive(key)) this.#tabs?.ask('pause', key)
    await this.#downloads.pause(key)
    await this.refresh()
  }

  /** As `download`: goes on from what is here. */
  resume(key: string): Result<null> {
    return this.download(key)
  }

  /** Stops it and throws away what came of a model that is not whole. */
  async cancel(key: string): Promise<Result<null>> {
    if (this.#tabs?.isElsewhere(key)) {
      // Of this tab it was at most a place in the queue; the bytes are the other one's.
      if (this.#downloads.has(key)) await this.#downloads.drop(key)
      else this.#tabs.ask('cancel', key)
      return ok(null)
    }
    await this.#downloads.drop(key)
    await this.#host.shelf.keptChanged()
    const entry = this.#entry(key)
    const thrown = entry && !entry.kept ? await this.#delete(entry) : ok(null)
    this.#host.shelf.forgetHubFile(key)
    return thrown
  }

  /**
   * Deletes what this browser keeps of a model. One that is loaded is let go of first, in all tabs. Refusals: `model-in-use`
   * while it is downloaded, loaded or answers; `model-unknown`; `storage-denied`.
   */
  async remove(key: string): Promise<Result<null>> {
    const entry = this.#entry(key)
    if (!entry) return fail('model-unknown', '')
    if (this.#downloads.isActive(key) || this.#tabs?.isElsewhere(key))
      return fail('model-in-use', `${entry.model.name} is being downloaded.`)
    if (this.#host.isBusy(key)) return fail('model-in-use', `${entry.model.name} is loading or answers.`)
    await this.#host.runner.release(entry.source, this.#closed.signal)
    this.#host.removed(key)
    await this.#downloads.drop(key)
    const deleted = await this.#delete(entry)
    this.#host.shelf.forgetHubFile(key)
    return deleted
  }

  /** Looks anew at the room and at what it is used for. */
  async storage(): Promise<StorageView> {
    const facts = await this.#parts?.store.storage()
    const modelBytes = this.#host.shelf.kept.reduce((sum, { keptBytes }) => sum + keptBytes, 0)
    const { usedBytes, quotaBytes, persisted } = facts ?? { usedBytes: null, quotaBytes: null, persisted: null }
    this.#storage = { modelBytes, usedBytes, quotaBytes, persisted }
    this.#host.changed()
    return this.#storage
  }

  /** Asks the browser not to clear what is kept. The answer is one sentence for a person, and in `view.storage`. */
  async persist(): Promise<{ readonly granted: boolean; readonly says: string }> {
    const granted = (await this.#parts?.store.askPersistence(true)) ?? false
    await this.storage()
    return { granted, says: granted ? PERSISTED : NOT_PERSISTED }
  }

  /**
   * A model by its name at the hub, straight from there: `owner/repo`, `owner/repo/file.gguf` or its address. Only asks; the
   * entry shows size, license and digest, and `download` brings it. Refusals: those of `listHubGgufs`, `storage-full`.
   */
  async addFromHub(name: string): Promise<Result<HubAnswer>> {
    if (!this.#parts) return fail('storage-denied', '')
    const files = await this.#parts.store.listHub(name)
    if (!files.ok) return files
    const [offer, ...more] = files.value
    if (!offer) return fail('gguf-missing', '')
    const { model, file } = offer
    if (more.length > 0) return ok({ kind: 'choose', files: files.value })
    // The same bytes may be here already, whatever their name.
    const { entries } = this.#host.shelf
    const known = entries.find((entry) => !entry.pending && entry.model.fileSha256 === file.fileSha256)
    if (known) return ok({ kind: 'added', key: known.key })
    const { usedBytes, quotaBytes } = await this.storage()
    const freeBytes = usedBytes === null || quotaBytes === null ? Number.POSITIVE_INFINITY : quotaBytes - usedBytes
    if (file.fileBytes > freeBytes)
      return fail('storage-full', `It has ${mb(file.fileBytes)} MB, there is room for ${mb(freeBytes)} MB.`)
    this.#host.shelf.addHubFile(model, file)
    return ok({ kind: 'added', key: model.id })
  }

  /** Measures how fast the GPU reads weights, in under a second; estimates of all models follow. */
  async selfTest(): Promise<Result<SelfTest>> {
    this.#setTest({ state: 'running' })
    const test = await this.#host.runner.selfTest(this.#closed.signal)
    if (test.ok) this.#setTest({ state: 'done', ...test.value })
    else this.#setTest({ state: 'failed', code: test.code, detail: test.detail })
    if (test.ok) this.#host.shelf.checkAgain()
    return test
  }

  /** Looks again at what is kept: parts of models that nobody is fetching are downloads that were left. */
  async refresh(): Promise<void> {
    await this.#host.shelf.keptChanged()
    if (!this.#parts) return
    this.noteParts()
    await this.storage()
  }

  /** Shows what is here in part as a download that can go on. */
  noteParts(): void {
    if (!this.#parts) return
    const { entries } = this.#host.shelf
    this.#downloads.forgetLeft((key) =>
      entries.some((entry) => entry.key === key && !entry.kept && entry.keptBytes > 0),
    )
    for (const { key, model, kept, keptBytes } of entries) {
      if (
        !kept &&
        (keptBytes > 0 || this.#downloads.has(key)) &&
        !this.#host.isBusy(key) &&
        !this.#tabs?.isElsewhere(key)
      )
        this.#downloads.note(key, model.name, keptBytes, model.fileBytes)
    }
    this.#host.changed()
  }

  close(): void {
    this.#closed.abort()
    this.#downloads.close()
    this.#tabs?.close()
  }

  async #finish(key: string, id: string): Promise<void> {
    const wasPending = this.#host.shelf.hubFile(key) !== null
    await this.refresh()
    if (wasPending) {
      this.#host.renamed(key, id)
      this.#host.shelf.forgetHubFile(key)
    }
    this.#tabs?.sayKeptChanged()
  }

  async #delete(entry: ModelEntry): Promise<Result<null>> {
    if (!this.#parts) return fail('storage-denied', '')
    const { source } = entry
    const id =
      source.kind === 'mirror'
        ? source.id
        : this.#host.shelf.kept.find(({ prebuilt }) => source.kind === 'prebuilt' && prebuilt === source.name)?.model.id
    const deleted = id === undefined ? ok(null) : await this.#parts.store.remove(id)
    await this.refresh()
    this.#tabs?.sayRemoved(entry.key)
    return deleted
  }

  #specOf(key: string): Result<DownloadSpec> {
    const entry = this.#entry(key)
    if (!entry || !this.#parts) return fail('model-unknown', '')
    const { baseUrl } = this.#parts
    const file = entry.pending ? this.#host.shelf.hubFile(key) : null
    if (file) return ok({ kind: 'hub', file, mirrorUrl: baseUrl })
    const { source, model } = entry
    switch (source.kind) {
      case 'mirror':
        return ok({ kind: 'mirror', id: source.id, format: model.format, baseUrl })
      case 'file':
        return ok({ kind: 'file', file: source.file, mirrorUrl: baseUrl })
      case 'prebuilt':
        return ok({ kind: 'prebuilt', name: source.name, addresses: {} })
      default:
        return source satisfies never
    }
  }

  /** Another tab's news of a model is better than our place in the queue for it. */
  #views(): readonly DownloadView[] {
    const elsewhere = this.#tabs?.views ?? []
    const here = this.#downloads.views
    const own = here.filter(
      ({ key, state }) => state === 'fetching' || state === 'checking' || !elsewhere.some((other) => other.key === key),
    )
    return [...own, ...elsewhere.filter(({ key }) => !own.some((one) => one.key === key))]
  }

  #entry(key: string): ModelEntry | undefined {
    return this.#host.shelf.entries.find((entry) => entry.key === key)
  }

  #setTest(test: SelfTestView): void {
    this.#selfTest = test
    this.#host.changed()
  }
}

const mb = (bytes: number) => Math.round(bytes / 1e6)
const PERSISTED = 'The browser promised to keep the models until you delete them.'
const NOT_PERSISTED =
  'The browser made no promise: it may clear the models when the disk is nearly full. Installing Weft, or using it often, can change that.'

/** Keys of files from disk count from one in every tab. */
function isLocal(key: string): boolean {
  return key.startsWith('file:')
}
