/**
 * `App`: the one door that the page, `window.weft` and later the widget use. Holds what is true now (`view`), lets one
 * request at a time through to the engine and loads a model when one is needed. No DOM, no drawing, no wording.
 */

import { Conversations, type ConversationsParts } from './app-conversations.ts'
import { DEFAULT_SETTINGS } from './app-conversations-view.ts'
import { AppMesh } from './app-mesh.ts'
import { Models, type ModelsParts } from './app-models.ts'
import { type Catalogue, type PrebuiltEntry, Shelf } from './app-shelf.ts'
import type { AppView, GpuView, LoadView, ModelEntry } from './app-view.ts'
import { Ways } from './app-ways.ts'
import { ByteRate } from './byte-rate.ts'
import type { MeshParts } from './mesh-door.ts'
import { endOf } from './rules/answer.ts'
import { readAttachment } from './rules/attachment.ts'
import type { Mode } from './rules/mode-choice.ts'
import type { ModelRunner, ModelSource } from './schedule/engine-door.ts'
import { Turns } from './schedule/turns.ts'
import { MemoryConversations } from './store/memory-conversations.ts'
import { PreferenceStore } from './store/preferences.ts'
import { writersOf } from './store/writers.ts'
import type {
  ChatEvent,
  ChatMessage,
  ChatRequest,
  Embeddings,
  EngineName,
  LoadedModel,
  LoadProgress,
} from './wire/chat.ts'
import type { Code } from './wire/codes.ts'
import type { Attachment } from './wire/conversation.ts'
import { type Launch, NO_LAUNCH } from './wire/launch.ts'
import { ATTACHMENT_BYTES_MAX } from './wire/limits.ts'
import { fail, ok, type Result } from './wire/result.ts'

export interface AppParts {
  readonly runner: ModelRunner
  readonly catalogue: Catalogue
  /** WebLLM's own list for this GPU; asked for only where there is one. */
  readonly prebuilt?: () => Promise<readonly PrebuiltEntry[]>
  /** Where models are kept by this page itself; without it, only loads keep them. */
  readonly models?: ModelsParts
  /** Where conversations are kept; without it in memory, until the page is closed. */
  readonly conversations?: Pick<ConversationsParts, 'store' | 'writers'>
  /** What this browser remembers of a person's settings; without it nothing. */
  readonly preferences?: PreferenceStore
  /** What the address of the page asks for; its engine is picked. */
  readonly launch?: Launch
  /** Without it the page has no newer version to go to. */
  readonly updates?: UpdateDoor
  /** Without it this tab can join no other. */
  readonly mesh?: MeshParts
  /** Without it only an unanswered look at the server tells that it is gone. */
  readonly network?: NetworkDoor
}

/** How the app learns of its own next version. `Updates` keeps it. */
export interface UpdateDoor {
  readonly state: 'none' | 'ready'
  /** Calls back after every change. */
  subscribe(listener: () => void): void
  /** Leaves the page for the new version, whatever runs: never resolves. */
  apply(): Promise<never>
}

/** What the browser says of its network: a false is believed, a true may be wrong. */
export interface NetworkDoor {
  readonly online: boolean
  /** Calls back after every change. */
  subscribe(listener: () => void): void
}

/** After these the engine holds no model: the next request loads it again. */
const UNLOADED_BY: readonly Code[] = ['worker-lost', 'device-degraded', 'not-loaded']

export interface Embedded extends Embeddings {
  readonly modelId: string
}

interface Ensured {
  readonly source: ModelSource
  readonly model: LoadedModel
}

interface RunningLoad {
  readonly key: string
  readonly abort: AbortController
  readonly done: Promise<Result<LoadedModel>>
}

export class App {
  /** What this browser keeps: downloads, deleting, room. */
  readonly models: Models
  /** Other tabs: giving them this GPU, asking over theirs, looking. Has a view of its own. */
  readonly mesh: AppMesh
  /** Who answers a conversation: keeps its scope. */
  readonly ways: Ways
  /** What the address asked for when the page opened. */
  readonly launch: Launch
  readonly conversations: Conversations
  readonly preferences: PreferenceStore
  readonly #updates: UpdateDoor | null
  readonly #network: NetworkDoor | null
  readonly #runner: ModelRunner
  readonly #prebuilt: () => Promise<readonly PrebuiltEntry[]>
  readonly #shelf: Shelf
  readonly #turns = new Turns()
  readonly #closed = new AbortController()
  readonly #listeners = new Set<(view: AppView) => void>()
  #gpu: GpuView = { state: 'checking' }
  #load: LoadView = { state: 'none' }
  #pickedKey: string | null = null
  #loadedWish: EngineName | null = null
  /** The model of the answer under way. */
  #answering: string | null = null
  #running: RunningLoad | null = null
  #started: Promise<void> | null = null
  #listed: Promise<void> = Promise.resolve()
  #leaving = false
  #view: AppView

  constructor(parts: AppParts) {
    this.#runner = parts.runner
    this.#shelf = new Shelf(parts.runner, parts.catalogue, () => this.#changed(), parts.models?.store)
    this.models = new Models(parts.models ?? null, {
      shelf: this.#shelf,
      runner: parts.runner,
      isBusy: (key) => this.#running?.key === key || this.#answering === key,
      removed: (key) => this.#removed(key),
      renamed: (from, to) => {
        if (this.#pickedKey === from) this.#pickedKey = to
      },
      changed: () => this.#changed(),
    })
    this.#prebuilt = parts.prebuilt ?? (async () => [])
    this.launch = parts.launch ?? NO_LAUNCH
    this.preferences = parts.preferences ?? new PreferenceStore(null)
    this.mesh = new AppMesh(parts.mesh ?? null, this.preferences, (key) => this.#entry(key))
    this.ways = new Ways({
      local: this,
      mesh: this.mesh,
      turns: this.#turns,
      picked: () => this.#entry(this.#view.selectedKey),
      wish: () => this.preferences.value.mode,
    })
    this.conversations = new Conversations({
      store: Promise.resolve(new MemoryConversations(null)),
      writers: writersOf(null),
      ...parts.conversations,
      asker: this.ways,
      nowMs: () => Date.now(),
      newId: () => crypto.randomUUID(),
      newSeed: () => crypto.getRandomValues(new BigUint64Array(1))[0] ?? 0n,
      settings: this.preferences.value.settings ?? DEFAULT_SETTINGS,
    })
    this.#shelf.engineWish = this.launch.engine ?? this.preferences.value.engine
    this.#updates = parts.updates ?? null
    this.#updates?.subscribe(() => this.#changed())
    this.#network = parts.network ?? null
    this.#network?.subscribe(() => {
      this.#changed()
      if (this.#network?.online && this.#shelf.mirror.state === 'unreachable') void this.#shelf.look()
    })
    this.#view = this.#compose()
  }

  get view(): AppView {
    return this.#view
  }

  /** Calls back at once and after every change. Returns how to stop. */
  subscribe(listener: (view: AppView) => void): () => void {
    this.#listeners.add(listener)
    listener(this.#view)
    return () => this.#listeners.delete(listener)
  }

  /** Looks for the GPU and the models; a model that this browser keeps is loaded right away. Idempotent. */
  start(): Promise<void> {
    this.#started ??= this.#begin()
    return this.#started
  }

  /** Looks for the GPU and at the mirror again, after a person changed something. */
  async lookAgain(): Promise<void> {
    await Promise.all([this.#gpu.state === 'ready' ? null : this.#probe(), this.#shelf.look()])
  }

  /** Makes a model the one to use, without loading it. Refusals: `model-unknown`. */
  pick(key: string): Result<null> {
    if (!this.#shelf.entries.some((entry) => entry.key === key)) return fail('model-unknown', '')
    this.#pickedKey = key
    this.preferences.set({ modelKey: key })
    this.#changed()
    return ok(null)
  }

  /** Null lets the measured choice stand. What is loaded on another engine is loaded anew by the next request. */
  pickEngine(engine: EngineName | null): void {
    if (engine === this.#shelf.engineWish) return
    this.#shelf.engineWish = engine
    this.preferences.set({ engine })
    this.cancelLoad()
    this.#shelf.checkAgain()
  }

  /** Who is to answer where the scope allows it; null lets the rule decide. */
  pickMode(mode: Mode | null): void {
    this.preferences.set({ mode })
    this.#changed()
  }

  /** A text file for a message. Refusals: `attachment-too-large`, `attachment-not-text`. */
  async readAttachment(file: File): Promise<Result<Attachment>> {
    const bytes = new Uint8Array(await file.slice(0, ATTACHMENT_BYTES_MAX + 1).arrayBuffer())
    return readAttachment(file.name, bytes, (encoding, read) => new TextDecoder(encoding, { fatal: true }).decode(read))
  }

  async openFile(file: File): Promise<Result<ModelEntry>> {
    const added = await this.#shelf.addFile(file)
    if (added.ok) this.pick(added.value.key)
    return added
  }

  /** Waits for a running answer; replaces a running load of another model. Progress is in `view.load`. */
  async load(key: string, signal: AbortSignal = this.#closed.signal): Promise<Result<LoadedModel>> {
    await this.#startFor(key)
    const picked = this.pick(key)
    if (!picked.ok) return picked
    if (this.#running?.key === key && !this.#running.abort.signal.aborted) return this.#running.done
    this.cancelLoad()
    const turn = await this.#turns.take(signal)
    if (!turn.ok) return turn
    try {
      const ensured = await this.#ensure(key, signal)
      return ensured.ok ? ok(ensured.value.model) : ensured
    } finally {
      turn.value()
    }
  }

  cancelLoad(): void {
    this.#running?.abort.abort()
  }

  /** The picked model, loaded where it was not. Waits for a running answer. */
  async ready(signal: AbortSignal): Promise<Result<LoadedModel>> {
    await this.start()
    const { selectedKey } = this.#view
    return selectedKey === null ? fail('not-loaded', 'The list of models is empty.') : this.load(selectedKey, signal)
  }

  /**
   * One answer of this device. Waits for its turn and loads the model (`key`, else the picked one) where needed. Keeps the promise of
   * `ChatEngine.chat`: one `end`, always last. Leaving the loop early stops the engine.
   */
  async *ask(request: ChatRequest, signal: AbortSignal, key?: string): AsyncGenerator<ChatEvent, void, undefined> {
    const left = new AbortController()
    const either = AbortSignal.any([signal, left.signal])
    const turn = await this.#turns.take(either)
    if (!turn.ok) return yield endOf(turn)
    try {
      const loaded = await this.#ensure(key, either)
      if (!loaded.ok) return yield endOf(loaded)
      this.#answering = this.#load.state === 'ready' ? this.#load.key : null
      for await (const event of this.#runner.chat(loaded.value.source, request, either)) {
        if (event.kind === 'end' && event.code && UNLOADED_BY.includes(event.code)) this.#setLoad({ state: 'none' })
        yield event
      }
    } finally {
      left.abort()
      if (this.#answering !== null) void this.#shelf.measured(this.#answering)
      this.#answering = null
      turn.value()
    }
  }

  /** One vector a text. Waits for its turn and loads the model (`key`, else the picked one) where needed. */
  async embed(texts: readonly string[], signal: AbortSignal, key?: string): Promise<Result<Embedded>> {
    const turn = await this.#turns.take(signal)
    if (!turn.ok) return turn
    try {
      const loaded = await this.#ensure(key, signal)
      if (!loaded.ok) return loaded
      const made = await this.#runner.embed(loaded.value.source, texts, signal)
      if (!made.ok && UNLOADED_BY.includes(made.code)) this.#setLoad({ state: 'none' })
      return made.ok ? ok({ ...made.value, modelId: loaded.value.model.id }) : made
    } finally {
      turn.value()
    }
  }

  /**
   * Tokens of the prompt that `ask` would make of these messages, for `key`, else the picked model. Loads nothing and waits
   * for no answer. Refusals: those of `ChatEngine.count`; `not-loaded` until the model is.
   */
  async count(messages: readonly ChatMessage[], signal: AbortSignal, key?: string): Promise<Result<number>> {
    const entry = this.#entry(key ?? this.#view.selectedKey)
    return entry ? this.#runner.count(this.#shelf.sourceOf(entry), messages, signal) : fail('not-loaded', '')
  }

  /**
   * Waits for the running answer, keeps it and leaves this page for the new version; answers that other tabs ask for go on
   * there. Returns at once where there is none or it is under way. Refusals: `aborted`, `queue-full`.
   */
  async applyUpdate(): Promise<Result<null>> {
    if (this.#updates?.state !== 'ready' || this.#leaving) return ok(null)
    this.#leaving = true
    this.#changed()
    const turn = await this.#turns.take(this.#closed.signal)
    if (!turn.ok) {
      this.#leaving = false
      this.#changed()
      return turn
    }
    // The turn is never given back: nothing may begin in a page that is being left.
    await this.conversations.flush()
    return this.#updates.apply()
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await this.mesh.close()
    await this.conversations.close()
    this.#shelf.close()
    this.models.close()
    this.cancelLoad()
    this.#listeners.clear()
    await this.#runner.unload()
  }

  async #begin(): Promise<void> {
    const [keptBefore] = await Promise.all([this.#lookFirst(), this.#probe()])
    this.models.noteParts()
    const { modelKey } = this.preferences.value
    if (modelKey !== null && !this.#entry(modelKey)) await this.#listed
    const entry = this.#entry(this.#view.selectedKey)
    // A GPU can be slow to answer: what a person has downloaded meanwhile is theirs to use or not.
    if (entry?.kept && keptBefore.has(entry.key)) void this.#loadKept(entry.key)
  }

  /** Keys of what was wholly here when the page opened. */
  async #lookFirst(): Promise<ReadonlySet<string>> {
    await this.#shelf.look()
    return new Set(this.#shelf.entries.filter(({ kept }) => kept).map(({ key }) => key))
  }

  async #loadKept(key: string): Promise<void> {
    const turn = await this.#turns.take(this.#closed.signal)
    if (!turn.ok) return
    try {
      // Another tab may be using another model.
      if (this.#load.state === 'none') await this.#ensure(key, this.#closed.signal, true)
    } finally {
      turn.value()
    }
  }

  async #probe(): Promise<void> {
    const found = await this.#runner.probe()
    this.#gpu = found.ok
      ? { state: 'ready', ...found.value }
      : { state: 'none', code: found.code, detail: found.detail }
    this.#changed()
    this.#listed = this.#list(found.ok)
  }

  async #list(hasGpu: boolean): Promise<void> {
    // It is a file of its own: where it does not come, its models are missing and nothing else.
    this.#shelf.addPrebuilt(hasGpu ? await this.#prebuilt().catch(() => []) : [])
  }

  /** WebLLM's list is long in coming: only who wants a model that is on no other list waits for it. */
  async #startFor(key: string | null): Promise<void> {
    await this.start()
    if (key !== null && !this.#entry(key)) await this.#listed
  }

  /** Called with the turn held. */
  async #ensure(wanted: string | undefined, signal: AbortSignal, onlyIfIdle = false): Promise<Result<Ensured>> {
    await this.#startFor(wanted ?? null)
    const key = wanted ?? this.#view.selectedKey
    const entry = this.#entry(key)
    if (!entry) return key === null ? fail('not-loaded', 'The list of models is empty.') : fail('model-unknown', '')
    if (entry.pending) return fail('model-incomplete', '')
    const source = this.#shelf.sourceOf(entry)
    const wish = source.engine ?? null
    if (this.#load.state === 'ready' && this.#load.key === entry.key && this.#loadedWish === wish) {
      return ok({ source, model: this.#load.loaded })
    }
    this.#pickedKey = entry.key
    const abort = new AbortController()
    const done = this.#run(entry.key, source, AbortSignal.any([signal, abort.signal, this.#closed.signal]), onlyIfIdle)
    this.#running = { key: entry.key, abort, done }
    const result = await done
    this.#running = null
    return result.ok ? ok({ source, model: result.value }) : result
  }

  async #run(key: string, source: ModelSource, signal: AbortSignal, onlyIfIdle: boolean): Promise<Result<LoadedModel>> {
    const rate = new ByteRate()
    this.#loadedWish = source.engine ?? null
    this.#setLoad({ state: 'loading', key, progress: null, bytesPerSecond: null })
    const onProgress = (progress: LoadProgress) => {
      if (signal.aborted) return
      const bytesPerSecond = rate.add(progress.doneBytes, performance.now())
      this.#setLoad({ state: 'loading', key, progress, bytesPerSecond })
    }
    const result = await this.#runner.load(source, onProgress, signal, onlyIfIdle)
    if (result.ok) {
      this.#setLoad({ state: 'ready', key, loaded: result.value })
      void this.models.refresh()
    } else if (result.code === 'aborted') this.#setLoad({ state: 'none' })
    else this.#setLoad({ state: 'failed', key, code: result.code, detail: result.detail })
    return result
  }

  #entry(key: string | null): ModelEntry | undefined {
    return this.#shelf.entries.find((entry) => entry.key === key)
  }

  /** Its bytes are gone from this browser; the next request loads it anew. */
  #removed(key: string): void {
    if (this.#load.state !== 'none' && this.#load.state !== 'loading' && this.#load.key === key)
      this.#setLoad({ state: 'none' })
  }

  #setLoad(load: LoadView): void {
    this.#load = load
    this.#changed()
  }

  /** What a person picked, now or last time, else the mirror's default, else the first that is kept, else the first. */
  #selectedKey(): string | null {
    const { entries, mirror } = this.#shelf
    const wishes = [
      this.#pickedKey,
      this.preferences.value.modelKey,
      mirror.defaultKey,
      entries.find((entry) => entry.kept)?.key,
    ]
    const wish = wishes.find((key) => entries.some((entry) => entry.key === key))
    return wish ?? entries[0]?.key ?? null
  }

  #compose(): AppView {
    const { entries, mirror } = this.#shelf
    return {
      gpu: this.#gpu,
      mirror,
      entries,
      selectedKey: this.#selectedKey(),
      load: this.#load,
      ...this.models.view,
      engineWish: this.#shelf.engineWish,
      modeWish: this.preferences.value.mode,
      update: this.#leaving ? 'starting' : (this.#updates?.state ?? 'none'),
      online: (this.#network?.online ?? true) && mirror.state !== 'unreachable',
    }
  }

  #changed(): void {
    this.#view = this.#compose()
    for (const listener of this.#listeners) listener(this.#view)
  }
}
