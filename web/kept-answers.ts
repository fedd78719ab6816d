/**
 * Answers at temperature 0 that are given again without an engine, as `App.keptAnswers`: off until a person switches it
 * on. Stands before an engine and sees what the engine would; draws nothing and words nothing.
 */
import { keepable, resultKeyText } from './rules/result-key.ts'
import type { PreferenceStore } from './store/preferences.ts'
import { MemoryResults, type ResultCache, type ResultSize } from './store/result-cache.ts'
import { type Answerer, type ChatEvent, type ChatRequest, type EngineName, NO_USAGE } from './wire/chat.ts'

/** Who would answer; `engine` is null while nobody knows. */
export interface Expected {
  readonly modelId: string
  readonly engine: EngineName | null
}

export class KeptAnswers {
  readonly #open: () => Promise<ResultCache>
  readonly #preferences: PreferenceStore
  readonly #nowMs: () => number
  #cache: Promise<ResultCache> | null = null

  constructor(open: (() => Promise<ResultCache>) | null, preferences: PreferenceStore, nowMs: () => number) {
    this.#open = open ?? (async () => new MemoryResults())
    this.#preferences = preferences
    this.#nowMs = nowMs
  }

  get on(): boolean {
    return this.#preferences.value.keepAnswers
  }

  /** Switched off, nothing is kept and nothing given; what was kept stays until it is cleared. */
  set(on: boolean): void {
    this.#preferences.set({ keepAnswers: on })
  }

  async size(): Promise<ResultSize> {
    return (await this.#opened()).size()
  }

  async clear(): Promise<void> {
    await (await this.#opened()).clear()
  }

  async has(request: ChatRequest, expected: Expected): Promise<boolean> {
    const key = await this.#keyOf(request, expected)
    return key !== null && (await (await this.#opened()).find(key, this.#nowMs())) !== null
  }

  /** The kept answer, or what the engine says, which is kept where it may be. */
  async *around(
    request: ChatRequest,
    expected: Expected,
    ask: (request: ChatRequest) => AsyncIterable<ChatEvent>,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    const key = await this.#keyOf(request, expected)
    if (key === null) return yield* ask(request)
    const cache = await this.#opened()
    const found = await cache.find(key, this.#nowMs())
    if (found) {
      yield { kind: 'answerer', ...found.answerer, keptMs: found.createdMs }
      yield { kind: 'text', text: found.text }
      return yield { kind: 'end', reason: 'stop', usage: NO_USAGE }
    }
    let text = ''
    let by: Answerer | null = null
    let whole = true
    for await (const event of ask(request)) {
      if (event.kind === 'text') text += event.text
      if (event.kind === 'notice') whole = false
      if (event.kind === 'answerer') {
        const { kind: _, ...answerer } = event
        by = answerer
        whole &&= answerer.engine === expected.engine && answerer.modelId === expected.modelId
      }
      if (event.kind === 'end' && event.reason === 'stop' && whole && by && text !== '') {
        const nowMs = this.#nowMs()
        await cache.keep({ key, text, answerer: by, createdMs: nowMs }, nowMs)
      }
      yield event
    }
  }

  /** Null for what is not to be kept. */
  async #keyOf(request: ChatRequest, { modelId, engine }: Expected): Promise<string | null> {
    if (!this.on || engine === null || !keepable(request) || !('subtle' in crypto)) return null
    const bytes = new TextEncoder().encode(resultKeyText(modelId, engine, request))
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
    return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  }

  #opened(): Promise<ResultCache> {
    this.#cache ??= this.#open()
    return this.#cache
  }
}
