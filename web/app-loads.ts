/**
 * Which model this device answers with, and its way into the engine: what a person picked, the load under way, what is
 * loaded. It takes no turn: who calls `ensure` holds it. Answers nothing and lists nothing.
 */
import type { Shelf } from './app-shelf.ts'
import type { LoadView } from './app-view.ts'
import { ByteRate } from './byte-rate.ts'
import type { ModelRunner, ModelSource } from './schedule/engine-door.ts'
import type { PreferenceStore } from './store/preferences.ts'
import type { EngineName, LoadedModel, LoadProgress } from './wire/chat.ts'
import type { Code } from './wire/codes.ts'
import { fail, ok, type Result } from './wire/result.ts'

export interface ModelLoadsParts {
  readonly runner: ModelRunner
  readonly shelf: Shelf
  readonly preferences: PreferenceStore
  readonly closed: AbortSignal
  /** Resolves when the model of this key would be on the list, if it is on any; null for those that are there first. */
  readonly listed: (key: string | null) => Promise<void>
  /** A load may have kept something in this browser. */
  readonly kept: () => void
  readonly changed: () => void
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

/** After these the engine holds no model: the next request loads it again. */
const UNLOADED_BY: readonly Code[] = ['worker-lost', 'device-degraded', 'not-loaded']

export class ModelLoads {
  readonly #parts: ModelLoadsParts
  #view: LoadView = { state: 'none' }
  #pickedKey: string | null = null
  #loadedWish: EngineName | null = null
  #running: RunningLoad | null = null

  constructor(parts: ModelLoadsParts) {
    this.#parts = parts
  }

  get view(): LoadView {
    return this.#view
  }

  /** Of the model that is loaded. */
  get readyKey(): string | null {
    return this.#view.state === 'ready' ? this.#view.key : null
  }

  /** What a person picked, now or last time, else the mirror's default, else the first that is kept, else the first. */
  get selectedKey(): string | null {
    const { shelf, preferences } = this.#parts
    const { entries, mirror } = shelf
    const wishes = [
      this.#pickedKey,
      preferences.value.modelKey,
      mirror.defaultKey,
      entries.find((entry) => entry.kept)?.key,
    ]
    const wish = wishes.find((key) => entries.some((entry) => entry.key === key))
    return wish ?? entries[0]?.key ?? null
  }

  /** Refusals: `model-unknown`. */
  pick(key: string): Result<null> {
    if (!this.#parts.shelf.entry(key)) return fail('model-unknown', '')
    this.#pickedKey = key
    this.#parts.preferences.set({ modelKey: key })
    this.#parts.changed()
    return ok(null)
  }

  isLoading(key: string): boolean {
    return this.#running?.key === key
  }

  /** The load of this model that is under way and goes on; null where there is none. */
  running(key: string): Promise<Result<LoadedModel>> | null {
    return this.#running?.key === key && !this.#running.abort.signal.aborted ? this.#running.done : null
  }

  cancel(): void {
    this.#running?.abort.abort()
  }

  /** Called with the turn held. Loads what is wanted, else what is picked, where it is not what is loaded. `picks`: from then on it is what is picked. */
  async ensure(
    wanted: string | undefined,
    signal: AbortSignal,
    { onlyIfIdle = false, picks = true } = {},
  ): Promise<Result<Ensured>> {
    const { shelf, listed, closed } = this.#parts
    await listed(wanted ?? null)
    const key = wanted ?? this.selectedKey
    const entry = shelf.entry(key)
    if (!entry) return key === null ? fail('not-loaded', 'The list of models is empty.') : fail('model-unknown', '')
    if (entry.pending) return fail('model-incomplete', '')
    const source = shelf.sourceOf(entry)
    const wish = source.engine ?? null
    if (this.#view.state === 'ready' && this.#view.key === entry.key && this.#loadedWish === wish) {
      return ok({ source, model: this.#view.loaded })
    }
    if (picks) this.#pickedKey = entry.key
    const abort = new AbortController()
    const done = this.#run(entry.key, source, AbortSignal.any([signal, abort.signal, closed]), onlyIfIdle)
    this.#running = { key: entry.key, abort, done }
    const result = await done
    this.#running = null
    return result.ok ? ok({ source, model: result.value }) : result
  }

  /** Something ended with this code: the engine may hold no model any more. */
  ended(code: Code): void {
    if (UNLOADED_BY.includes(code)) this.#set({ state: 'none' })
  }

  /** Its bytes are gone from this browser; the next request loads it anew. */
  removed(key: string): void {
    if (this.#view.state !== 'none' && this.#view.state !== 'loading' && this.#view.key === key)
      this.#set({ state: 'none' })
  }

  /** An entry goes on under another key. */
  renamed(from: string, to: string): void {
    if (this.#pickedKey === from) this.#pickedKey = to
  }

  async #run(key: string, source: ModelSource, signal: AbortSignal, onlyIfIdle: boolean): Promise<Result<LoadedModel>> {
    const rate = new ByteRate()
    this.#loadedWish = source.engine ?? null
    this.#set({ state: 'loading', key, progress: null, bytesPerSecond: null })
    const onProgress = (progress: LoadProgress) => {
      if (signal.aborted) return
      const bytesPerSecond = rate.add(progress.doneBytes, performance.now())
      this.#set({ state: 'loading', key, progress, bytesPerSecond })
    }
    const result = await this.#parts.runner.load(source, onProgress, signal, onlyIfIdle)
    if (result.ok) {
      this.#set({ state: 'ready', key, loaded: result.value })
      this.#parts.kept()
    } else if (result.code === 'aborted') this.#set({ state: 'none' })
    else this.#set({ state: 'failed', key, code: result.code, detail: result.detail })
    return result
  }

  #set(view: LoadView): void {
    this.#view = view
    this.#parts.changed()
  }
}
