/**
 * The state of the Models screen: what `App` says of models, in groups; the name of one to add; what waits for a yes;
 * and what a screen reader hears. Talks to `App` only. Wording is in `model-words.ts`, drawing in the components.
 */
import type { App } from '../../app.ts'
import type { AppView, ModelEntry, StorageView } from '../../app-view.ts'
import type { Failure, Result } from '../../wire/result.ts'
import { type Groups, groupModels, type Row } from './groups.ts'
import { speakDownload } from './model-words.ts'

type Answered = Awaited<ReturnType<App['models']['addFromHub']>>
type HubAnswer = Extract<Answered, { readonly ok: true }>['value']
/** Files of one repository, of which a person names one. */
type HubFiles = Extract<HubAnswer, { readonly kind: 'choose' }>['files']

/** Where the look-up of a name at the hub stands. */
export type Lookup =
  | { readonly state: 'none' }
  | { readonly state: 'asking'; readonly name: string }
  | { readonly state: 'choose'; readonly name: string; readonly files: HubFiles }
  /** `known`: the same file was on the list before. */
  | { readonly state: 'added'; readonly key: string; readonly known: boolean }
  | { readonly state: 'failed'; readonly name: string; readonly failure: Failure }

/** What is asked back before something is lost. */
export interface Question {
  readonly what: 'remove' | 'discard'
  readonly row: Row
}

/** A refusal, with the model it concerns; null for a file that was no model. */
interface Trouble {
  readonly key: string | null
  readonly failure: Failure
}

export class ModelsScreen {
  readonly #app: App
  #view: AppView
  #online = $state(navigator.onLine)
  #query = $state('')
  #name = $state('')
  #lookup = $state.raw<Lookup>({ state: 'none' })
  #question = $state.raw<Question | null>(null)
  #trouble = $state.raw<Trouble | null>(null)
  #promise = $state('')
  #spoken = $state('')
  #groups = $derived.by<Groups>(() => groupModels(this.#view, this.#query))
  /** Only the last look-up counts. */
  #lookups = 0
  /** Names of models on their way, by key, until they are here or thrown away. */
  readonly #awaited = new Map<string, string>()

  constructor(app: App) {
    this.#app = app
    this.#view = $state.raw(app.view)
    app.subscribe((view) => {
      this.#hear(this.#view, view)
      this.#view = view
    })
    window.addEventListener('offline', () => (this.#online = false))
    window.addEventListener('online', () => (this.#online = true))
  }

  get view(): AppView {
    return this.#view
  }

  /** The room, with what has come since it was looked at. Null until then. */
  get storage(): StorageView | null {
    const { storage, downloads } = this.#view
    const newBytes = downloads.reduce((sum, { key, doneBytes }) => {
      const entry = this.entry(key)
      return entry && !entry.kept ? sum + Math.max(0, doneBytes - entry.keptBytes) : sum
    }, 0)
    if (!storage || newBytes === 0) return storage
    const usedBytes = storage.usedBytes === null ? null : storage.usedBytes + newBytes
    return { ...storage, modelBytes: storage.modelBytes + newBytes, usedBytes }
  }

  get online(): boolean {
    return this.#online
  }

  get groups(): Groups {
    return this.#groups
  }

  get query(): string {
    return this.#query
  }

  set query(text: string) {
    this.#query = text.trim() === '' ? '' : text
  }

  /** What is typed into the field for a model to add. */
  get name(): string {
    return this.#name
  }

  set name(text: string) {
    this.#name = text
  }

  get lookup(): Lookup {
    return this.#lookup
  }

  get question(): Question | null {
    return this.#question
  }

  /** Why the last file was not opened. */
  get fileTrouble(): Failure | null {
    return this.#trouble?.key === null ? this.#trouble.failure : null
  }

  /** Why the last thing asked of this model was refused. */
  troubleOf(key: string): Failure | null {
    return this.#trouble?.key === key ? this.#trouble.failure : null
  }

  /** What the browser answered when it was asked to keep the models; empty before. */
  get promise(): string {
    return this.#promise
  }

  get spoken(): string {
    return this.#spoken
  }

  /** The loaded model, or the one on its way into memory. */
  isLoaded(key: string): boolean {
    const { load } = this.#view
    return load.state === 'ready' && load.key === key
  }

  /** The screen is shown: room and what is kept may have changed since. */
  async enter(): Promise<void> {
    await this.#app.start()
    await this.#app.models.refresh()
    // A page that keeps nothing looks at no room by itself.
    if (!this.#view.storage) await this.#app.models.storage()
  }

  async lookAgain(): Promise<void> {
    await this.#app.lookAgain()
  }

  /** Loads it; what becomes of that is shown in the chat and in its row. */
  async use(key: string): Promise<void> {
    this.#trouble = null
    await this.#app.load(key)
  }

  cancelLoad(): void {
    this.#app.cancelLoad()
  }

  download(key: string): void {
    this.#note(key, this.#app.models.download(key))
  }

  async pause(key: string): Promise<void> {
    await this.#app.models.pause(key)
  }

  /** Asks back only where something would be lost. */
  askDiscard(row: Row): void {
    if ((row.download?.doneBytes ?? 0) > 0) this.#question = { what: 'discard', row }
    else void this.#discard(row.key)
  }

  askRemove(row: Row): void {
    this.#question = { what: 'remove', row }
  }

  /** The answer to `question`. */
  async answer(yes: boolean): Promise<void> {
    const asked = this.#question
    this.#question = null
    if (!asked || !yes) return
    const { what, row } = asked
    if (what === 'discard') return this.#discard(row.key)
    const removed = await this.#app.models.remove(row.key)
    this.#note(row.key, removed)
    if (removed.ok) this.#spoken = `${row.name} was removed.`
  }

  async persist(): Promise<void> {
    this.#promise = ''
    const { says } = await this.#app.models.persist()
    this.#promise = says
  }

  async test(): Promise<void> {
    if (this.#view.selfTest.state !== 'running') await this.#app.models.selfTest()
  }

  /** GGUF files from disk, added to the list. The first that is refused is told. */
  async takeFiles(files: readonly File[]): Promise<void> {
    this.#trouble = null
    for (const file of files) {
      const opened = await this.#app.openFile(file)
      if (!opened.ok) this.#trouble ??= { key: null, failure: opened }
      else this.#spoken = `${opened.value.model.name} is on the list.`
    }
  }

  /** Asks the hub what there is under this name. Fetches no weights. */
  async lookUp(name = this.#name): Promise<void> {
    const said = name.trim()
    if (said === '') return
    this.#lookups += 1
    const turn = this.#lookups
    this.#lookup = { state: 'asking', name: said }
    const before = new Set(this.#view.entries.map(({ key }) => key))
    const answer = await this.#app.models.addFromHub(said)
    if (turn !== this.#lookups) return
    if (!answer.ok) this.#lookup = { state: 'failed', name: said, failure: answer }
    else if (answer.value.kind === 'choose') this.#lookup = { state: 'choose', name: said, files: answer.value.files }
    else {
      const { key } = answer.value
      this.#lookup = { state: 'added', key, known: before.has(key) }
      this.#name = ''
    }
  }

  closeLookup(): void {
    this.#lookups += 1
    this.#lookup = { state: 'none' }
  }

  entry(key: string): ModelEntry | null {
    return this.#view.entries.find((entry) => entry.key === key) ?? null
  }

  async #discard(key: string): Promise<void> {
    this.#awaited.delete(key)
    this.#note(key, await this.#app.models.cancel(key))
    if (this.#lookup.state === 'added' && this.#lookup.key === key) this.closeLookup()
  }

  #note(key: string, result: Result<null>): void {
    this.#trouble = result.ok ? null : { key, failure: result }
  }

  /** Changes of state only: a reader who hears every percent hears nothing else. */
  #hear(before: AppView, now: AppView): void {
    const was = new Map(before.downloads.map((view) => [view.key, view]))
    for (const view of now.downloads) {
      const old = was.get(view.key)
      this.#awaited.set(view.key, view.name)
      // Those that an earlier visit left are there from the start.
      if (old ? old.state !== view.state : view.state !== 'paused') this.#spoken = speakDownload(view)
    }
    for (const [key, name] of this.#awaited) {
      if (now.downloads.some((view) => view.key === key)) continue
      // A file of a hub has another key when it is whole.
      const kept = now.entries.some((entry) => entry.kept && (entry.key === key || entry.model.name === name))
      if (!kept) continue
      this.#awaited.delete(key)
      this.#spoken = `${name} is in this browser.`
    }
    if (now.selfTest.state !== before.selfTest.state && now.selfTest.state === 'done')
      this.#spoken = 'The GPU was measured.'
  }
}
