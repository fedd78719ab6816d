/**
 * `App`: the one door that the page, `window.weft` and later the widget use. Holds what is true now (`view`), lets one
 * request at a time through to the engine and loads a model when one is needed. No DOM, no drawing, no wording.
 */
import { Conversations } from './app-conversations.ts'
import { DEFAULT_SETTINGS } from './app-conversations-view.ts'
import { ModelLoads } from './app-loads.ts'
import { FirstLook } from './app-look.ts'
import { AppMesh } from './app-mesh.ts'
import { Models } from './app-models.ts'
import type { AppParts, Embedded } from './app-parts.ts'
import { Shelf } from './app-shelf.ts'
import type { AppView, ModelEntry } from './app-view.ts'
import { Ways } from './app-ways.ts'
import { KeptAnswers } from './kept-answers.ts'
import { endOf } from './rules/answer.ts'
import { readAttachment } from './rules/attachment.ts'
import type { Mode } from './rules/mode-choice.ts'
import { Turns } from './schedule/turns.ts'
import { Shown } from './shown.ts'
import { MemoryConversations } from './store/memory-conversations.ts'
import { PreferenceStore } from './store/preferences.ts'
import { writersOf } from './store/writers.ts'
import type { ChatEvent, ChatMessage, ChatRequest, EngineName, LoadedModel } from './wire/chat.ts'
import type { Attachment } from './wire/conversation.ts'
import { type Launch, NO_LAUNCH } from './wire/launch.ts'
import { ATTACHMENT_BYTES_MAX } from './wire/limits/conversations.ts'
import { fail, ok, type Result } from './wire/result.ts'

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
  readonly keptAnswers: KeptAnswers
  readonly preferences: PreferenceStore
  readonly #parts: AppParts
  readonly #look: FirstLook
  readonly #shelf: Shelf
  readonly #turns = new Turns()
  readonly #closed = new AbortController()
  readonly #loads: ModelLoads
  /** The model of the answer under way. */
  #answering: string | null = null
  #leaving = false
  readonly #shown: Shown<AppView>
  readonly #ends: readonly ((() => void) | undefined)[]

  constructor(parts: AppParts) {
    const changed = () => this.#changed()
    this.#parts = parts
    const shelf = new Shelf(parts.runner, parts.catalogue, changed, parts.models?.store)
    this.#shelf = shelf
    const shared = { runner: parts.runner, shelf, changed }
    this.models = new Models(parts.models ?? null, {
      ...shared,
      isBusy: (key) => this.#loads.isLoading(key) || this.#answering === key,
      removed: (key) => this.#loads.removed(key),
      renamed: (from, to) => this.#loads.renamed(from, to),
    })
    this.launch = parts.launch ?? NO_LAUNCH
    this.preferences = parts.preferences ?? new PreferenceStore(null)
    this.#loads = new ModelLoads({
      ...shared,
      preferences: this.preferences,
      closed: this.#closed.signal,
      listed: (key) => this.#look.startFor(key),
      kept: () => void this.models.refresh(),
    })
    this.#look = new FirstLook({
      ...shared,
      prebuilt: parts.prebuilt ?? (async () => []),
      seen: () => this.models.noteParts(),
      wanted: () => this.preferences.value.modelKey,
      looked: (keptBefore) => void (parts.othersFirst || this.#loadKept(keptBefore)),
    })
    this.mesh = new AppMesh(parts.mesh ?? null, this.preferences, {
      runner: parts.runner,
      entryOf: (key) => shelf.entry(key),
      sourceOf: (entry) => shelf.sourceOf(entry),
      inChat: (key) => this.view.load.state === 'ready' && this.view.load.key === key,
    })
    this.keptAnswers = new KeptAnswers(parts.results ?? null, this.preferences, () => Date.now())
    this.ways = new Ways({
      local: this,
      mesh: this.mesh,
      turns: this.#turns,
      picked: () => shelf.entry(this.view.selectedKey),
      entries: () => shelf.entries,
      wish: () => this.preferences.value.mode,
      othersFirst: parts.othersFirst ?? false,
      kept: this.keptAnswers,
      redaction: () => this.preferences.value.redaction,
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
    shelf.engineWish = this.launch.engine ?? this.preferences.value.engine
    this.#ends = [
      parts.updates?.subscribe(changed),
      parts.network?.subscribe(() => {
        changed()
        if (parts.network?.online && shelf.mirror.state === 'unreachable') void shelf.look()
      }),
    ]
    this.#shown = new Shown(this.#compose())
  }

  get view(): AppView {
    return this.#shown.view
  }

  /** Calls back at once and after every change. Returns how to stop. */
  subscribe(listener: (view: AppView) => void): () => void {
    return this.#shown.subscribe(listener)
  }

  /** Looks for the GPU and the models; a model that this browser keeps is loaded right away. Idempotent. */
  start(): Promise<void> {
    return this.#look.start()
  }

  /** Looks for the GPU and at the mirror again, after a person changed something. */
  lookAgain(): Promise<void> {
    return this.#look.again()
  }

  /** Makes a model the one to use, without loading it. Refusals: `model-unknown`. */
  pick(key: string): Result<null> {
    return this.#loads.pick(key)
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
    await this.#look.startFor(key)
    const picked = this.pick(key)
    if (!picked.ok) return picked
    const running = this.#loads.running(key)
    if (running !== null) return running
    this.cancelLoad()
    const turn = await this.#turns.take(signal)
    if (!turn.ok) return turn
    try {
      const ensured = await this.#loads.ensure(key, signal)
      return ensured.ok ? ok(ensured.value.model) : ensured
    } finally {
      turn.value()
    }
  }

  cancelLoad(): void {
    this.#loads.cancel()
  }

  /** The picked model, loaded where it was not. Waits for a running answer. */
  async ready(signal: AbortSignal): Promise<Result<LoadedModel>> {
    await this.start()
    const { selectedKey } = this.view
    return selectedKey === null ? fail('not-loaded', 'The list of models is empty.') : this.load(selectedKey, signal)
  }

  /**
   * One answer of this device. Waits for its turn and loads the model (`key`, else the picked one) where needed. Keeps the promise of
   * `ChatEngine.chat`: one `end`, always last. Leaving the loop early stops the engine. `picks`: what had to be loaded is what
   * the next request uses.
   */
  async *ask(
    request: ChatRequest,
    signal: AbortSignal,
    key?: string,
    picks = true,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    const left = new AbortController()
    const either = AbortSignal.any([signal, left.signal])
    const turn = await this.#turns.take(either)
    if (!turn.ok) return yield endOf(turn)
    try {
      const loaded = await this.#loads.ensure(key, either, { picks })
      if (!loaded.ok) return yield endOf(loaded)
      this.#answering = this.#loads.readyKey
      for await (const event of this.#parts.runner.chat(loaded.value.source, request, either)) {
        if (event.kind === 'end' && event.code) this.#loads.ended(event.code)
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
      const loaded = await this.#loads.ensure(key, signal)
      if (!loaded.ok) return loaded
      const made = await this.#parts.runner.embed(loaded.value.source, texts, signal)
      if (!made.ok) this.#loads.ended(made.code)
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
    const entry = this.#shelf.entry(key ?? this.view.selectedKey)
    return entry ? this.#parts.runner.count(this.#shelf.sourceOf(entry), messages, signal) : fail('not-loaded', '')
  }

  /**
   * Waits for the running answer, keeps it and leaves this page for the new version; answers that other tabs ask for go on
   * there. Returns at once where there is none or it is under way. Refusals: `aborted`, `queue-full`.
   */
  async applyUpdate(): Promise<Result<null>> {
    const { updates } = this.#parts
    if (updates?.state !== 'ready' || this.#leaving) return ok(null)
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
    return updates.apply()
  }

  async close(): Promise<void> {
    this.#closed.abort()
    for (const end of this.#ends) end?.()
    await this.mesh.close()
    await this.conversations.close()
    this.#shelf.close()
    this.models.close()
    this.cancelLoad()
    this.#shown.close()
    await this.#parts.runner.unload()
    await this.#parts.runner.close?.()
  }

  async #loadKept(keptBefore: ReadonlySet<string>): Promise<void> {
    const entry = this.#shelf.entry(this.view.selectedKey)
    // A GPU can be slow to answer: what a person has downloaded meanwhile is theirs to use or not.
    if (!entry?.kept || !keptBefore.has(entry.key)) return
    const turn = await this.#turns.take(this.#closed.signal)
    if (!turn.ok) return
    try {
      // Another tab may be using another model.
      if (this.#loads.view.state === 'none')
        await this.#loads.ensure(entry.key, this.#closed.signal, { onlyIfIdle: true })
    } finally {
      turn.value()
    }
  }

  #compose(): AppView {
    const { entries, mirror } = this.#shelf
    return {
      gpu: this.#look.gpu,
      mirror,
      entries,
      selectedKey: this.#loads.selectedKey,
      load: this.#loads.view,
      ...this.models.view,
      engineWish: this.#shelf.engineWish,
      modeWish: this.preferences.value.mode,
      update: this.#leaving ? 'starting' : (this.#parts.updates?.state ?? 'none'),
      online: (this.#parts.network?.online ?? true) && mirror.state !== 'unreachable',
    }
  }

  #changed(): void {
    this.#shown.show(this.#compose())
  }
}
