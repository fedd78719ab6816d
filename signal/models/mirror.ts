/**
 * The mirror as the running server knows it: the list that a page reads, and the background add that fills an empty
 * mirror. Models that the command adds or removes meanwhile show up in the next list; no restart is needed.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { NAME_CHARACTERS_MAX } from '../../web/wire/limits/models.ts'
import type { Adding, MirrorIndex } from '../../web/wire/model.ts'
import type { Failure } from '../../web/wire/result.ts'
import { PROGRESS_MS } from '../config.ts'
import { addModel, requestFromEntry } from './add.ts'
import type { Catalogue, CatalogueEntry } from './catalogue.ts'
import { errorWords } from './disk.ts'
import { filesOf, summariseModel } from './manifest.ts'
import type { AddEvent } from './progress.ts'
import type { ModelStore, StoredModel } from './store.ts'
import type { SourceTools } from './tools.ts'

/** As long as `web/wire/mirror.ts` takes them. */
const DETAIL_CHARACTERS_MAX = 2_000

/** What the background add tells the terminal; the page reads `index`. */
export type OnMirrorEvent = (
  event:
    | AddEvent
    | { readonly kind: 'added'; readonly name: string }
    | { readonly kind: 'busy'; readonly name: string },
) => void

export class Mirror {
  readonly store: ModelStore
  readonly #catalogue: Catalogue
  readonly #tools: SourceTools
  readonly #onEvent: OnMirrorEvent
  readonly #stop = new AbortController()
  #adding: Adding | null = null
  #failed: MirrorIndex['failed'][number][] = []
  #background: Promise<void> = Promise.resolve()

  constructor(store: ModelStore, catalogue: Catalogue, tools: SourceTools, onEvent: OnMirrorEvent) {
    this.store = store
    this.#catalogue = catalogue
    this.#tools = tools
    this.#onEvent = onEvent
  }

  async index(): Promise<MirrorIndex> {
    const stored = await this.store.list()
    const pinned = this.#catalogue.defaultEntry?.sha256
    const gguf = stored.filter(({ manifest }) => manifest.format === 'weft-model/1')
    const isPinned = ({ manifest }: StoredModel) => filesOf(manifest)[0]?.sha256 === pinned
    // A GGUF model runs on every device, an MLC model on those with a GPU that its library likes.
    const first = gguf.find(isPinned) ?? gguf[0] ?? stored[0]
    return {
      models: stored.map(({ id, manifest }) => summariseModel(id, manifest)),
      adding: this.#adding ? [this.#adding] : [],
      failed: stored.length > 0 ? [] : this.#failed,
      defaultId: first?.id ?? null,
    }
  }

  /** Starts the background add where there is no model and one is known. Never rejects; `idle` says when it ended. */
  addDefaultWhenEmpty(): void {
    const entry = this.#catalogue.defaultEntry
    if (!entry) return
    this.#background = this.#background
      .then(() => this.#fill(entry))
      .catch((error: unknown) => this.#note(entry.name, { ok: false, code: 'disk-full', detail: errorWords(error) }))
      .finally(() => {
        this.#adding = null
      })
  }

  /** When no background add runs any more. */
  idle(): Promise<void> {
    return this.#background
  }

  /** Ends the background add; what was fetched so far is kept for the next start. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#background
  }

  async #fill(entry: CatalogueEntry): Promise<void> {
    const signal = this.#stop.signal
    while (!signal.aborted && (await this.store.ids()).length === 0) {
      this.#failed = []
      const result = await addModel(
        this.store,
        requestFromEntry(entry),
        this.#tools,
        (event) => this.#take(event),
        signal,
      )
      if (result.ok) return this.#onEvent({ kind: 'added', name: entry.name })
      if (result.code !== 'model-busy') {
        if (result.code !== 'aborted' && this.#failed.length === 0) this.#note(entry.name, result)
        return
      }
      // Another process fetches it: the page waits with it, and takes over should that process die.
      if (!this.#adding) this.#onEvent({ kind: 'busy', name: entry.name })
      this.#show({ name: entry.name, source: 'another command on the server', totalBytes: null })
      await sleep(PROGRESS_MS, undefined, { signal }).catch(() => null)
    }
  }

  #take(event: AddEvent): void {
    if (event.kind === 'source') this.#show({ name: event.name, source: event.source, totalBytes: null })
    if (event.kind === 'source-failed') this.#note(event.source, event.failure)
    if (event.kind === 'progress' && event.phase !== 'hash' && this.#adding) {
      const { doneBytes, totalBytes, bytesPerSecond } = event
      this.#adding = { ...this.#adding, doneBytes, totalBytes, bytesPerSecond }
    }
    this.#onEvent(event)
  }

  #show({ name, source, totalBytes }: Pick<Adding, 'name' | 'source' | 'totalBytes'>): void {
    this.#adding = { name: name.slice(0, NAME_CHARACTERS_MAX), source, doneBytes: 0, totalBytes, bytesPerSecond: 0 }
  }

  #note(source: string, failure: Failure): void {
    this.#failed.push({ source, code: failure.code, detail: failure.detail.slice(0, DETAIL_CHARACTERS_MAX) })
  }
}
