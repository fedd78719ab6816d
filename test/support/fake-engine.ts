/**
 * The one fake engine: tests decide when a load moves, what an answer says and how it fails. Keeps the promises of
 * `ChatEngine` (one `end`, always last; abort ends both) and asserts that its caller keeps the other half: one call at
 * a time. Runs in Node and in a page; no clock, no randomness.
 */
import type { AdapterFacts, EngineDoor, Inspection, ModelSource, SelfTest } from '../../web/schedule/engine-door.ts'
import type {
  ChatEvent,
  ChatMessage,
  ChatRequest,
  Embeddings,
  EngineName,
  LoadedModel,
  LoadProgress,
  Usage,
} from '../../web/wire/chat.ts'
import type { ModelSummary } from '../../web/wire/model.ts'
import { assert, fail, ok, type Result } from '../../web/wire/result.ts'

export function fakeModel(index: number, more: Partial<ModelSummary> = {}): ModelSummary {
  return {
    id: index.toString(16).padStart(64, '0'),
    format: 'gguf',
    name: `Model-${index}`,
    license: 'apache-2.0',
    architecture: 'llama',
    fileBytes: 94_000_000,
    parameters: 135_000_000,
    layers: 30,
    contextLength: 2_048,
    ...more,
  }
}

export const FAKE_USAGE: Usage = {
  promptTokens: 34,
  reusedTokens: 12,
  prefillTokens: 22,
  completionTokens: 56,
  firstTokenMs: 412,
  tokensPerSecond: 48.25,
}

/** How tests name a source: its id, its name or the name of its file. */
function nameOf(source: ModelSource): string {
  switch (source.kind) {
    case 'mirror':
      return source.id
    case 'prebuilt':
      return source.name
    case 'file':
      return source.file.name
    default:
      return source satisfies never
  }
}

interface RunningLoad {
  readonly source: ModelSource
  readonly onProgress: (progress: LoadProgress) => void
  readonly finish: (result: Result<LoadedModel>) => void
}

interface RunningChat {
  readonly request: ChatRequest
  readonly emit: (event: ChatEvent) => void
}

export class FakeEngine implements EngineDoor {
  readonly name: EngineName
  readonly resume: 'tokens' | 'text'
  facts: Result<AdapterFacts> = ok({ adapter: 'Test GPU', software: false })
  kept: readonly ModelSummary[] = []
  /** By model id, or `file` for any file. */
  readonly inspections = new Map<string, Result<Partial<Inspection>>>()
  /** Every model id or file name ever loaded, in order. */
  readonly loads: string[] = []
  readonly requests: ChatRequest[] = []
  loaded: LoadedModel | null = null
  #models: readonly ModelSummary[] = []
  #load: RunningLoad | null = null
  #chat: RunningChat | null = null
  readonly #watchers = new Set<() => void>()

  constructor(name: EngineName = 'stage') {
    this.name = name
    this.resume = name === 'stage' ? 'tokens' : 'text'
  }

  knows(models: readonly ModelSummary[]): void {
    this.#models = models
  }

  async probe(): Promise<Result<AdapterFacts>> {
    return this.facts
  }

  async inspect(source: ModelSource): Promise<Result<Inspection>> {
    const fileModel =
      source.kind === 'file' ? fakeModel(0, { name: source.file.name, fileBytes: source.file.size }) : null
    const model = fileModel ?? this.#models.find((known) => source.kind === 'mirror' && known.id === source.id)
    if (!model) return fail('model-unknown', '')
    const set = this.inspections.get(source.kind === 'file' ? 'file' : nameOf(source)) ?? ok({})
    if (!set.ok) return set
    const gpuBytes = model.fileBytes * 3
    return ok({ model, engine: this.name, gpuBytes, gpuBytesMax: 2_147_483_648, fits: true, reason: '', ...set.value })
  }

  async cached(): Promise<readonly ModelSummary[]> {
    return this.kept
  }

  load(
    source: ModelSource,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
  ): Promise<Result<LoadedModel>> {
    this.#assertIdle()
    assert(this.loaded === null, 'a loaded model is unloaded first')
    this.loads.push(nameOf(source))
    return new Promise((resolve) => {
      const finish = (result: Result<LoadedModel>) => {
        if (this.#load === null) return
        this.#load = null
        this.loaded = result.ok ? result.value : null
        resolve(result)
        this.#changed()
      }
      this.#load = { source, onProgress, finish }
      signal.addEventListener('abort', () => finish(fail('aborted', '')), { once: true })
      if (signal.aborted) finish(fail('aborted', ''))
      this.#changed()
    })
  }

  async *chat(request: ChatRequest, signal: AbortSignal): AsyncGenerator<ChatEvent, void, undefined> {
    this.#assertIdle()
    assert(this.loaded !== null, 'a chat needs a loaded model')
    this.requests.push(request)
    const events: ChatEvent[] = []
    let wake = () => {}
    const emit = (event: ChatEvent) => {
      events.push(event)
      wake()
    }
    const abort = () => emit({ kind: 'end', reason: 'abort', usage: FAKE_USAGE })
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    this.#chat = { request, emit }
    this.#changed()
    try {
      for (;;) {
        const event = events.shift()
        if (!event) await new Promise<void>((resolve) => (wake = resolve))
        else if (event.kind === 'end') {
          this.#chat = null
          return yield event
        } else yield event
      }
    } finally {
      this.#chat = null
      this.#changed()
    }
  }

  /** What `embed` answers; by default as a chat model does. */
  embeddings: Result<Embeddings> = fail('embeddings-unsupported', '')

  async embed(_texts: readonly string[], _signal: AbortSignal): Promise<Result<Embeddings>> {
    this.#assertIdle()
    return this.embeddings
  }

  /** A token a word, and four a message of a chat. */
  async count(messages: readonly ChatMessage[], signal: AbortSignal, raw = false): Promise<Result<number>> {
    if (!this.loaded) return fail('not-loaded', '')
    if (signal.aborted) return fail('aborted', '')
    const words = messages.flatMap(({ content }) => content.split(/\s+/).filter((word) => word !== ''))
    return ok(words.length + (raw ? 0 : 4 * messages.length))
  }

  /** What the self test finds. */
  tested: Result<SelfTest> = fail('no-adapter', '')

  async selfTest(): Promise<Result<SelfTest>> {
    this.#assertIdle()
    return this.tested
  }

  async unload(): Promise<void> {
    this.loaded = null
  }

  get loading(): boolean {
    return this.#load !== null
  }

  get answering(): boolean {
    return this.#chat !== null
  }

  /** Resolves when the condition holds; looked at after every change of this engine. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve()
    return new Promise((resolve) => {
      const look = () => {
        if (!condition()) return
        this.#watchers.delete(look)
        resolve()
      }
      this.#watchers.add(look)
    })
  }

  progress(phase: LoadProgress['phase'], doneBytes: number, totalBytes: number): void {
    this.#load?.onProgress({ phase, doneBytes, totalBytes })
  }

  finishLoad(failure?: Result<LoadedModel>): void {
    assert(this.#load, 'a load runs')
    const { source } = this.#load
    const id = nameOf(source)
    const name = source.kind === 'file' ? id : (this.#models.find((model) => model.id === id)?.name ?? id)
    const loaded: LoadedModel = {
      id,
      engine: this.name,
      name,
      contextPositions: 2_048,
      gpuBytes: 282_000_000,
      adapter: 'Test GPU',
      notice: null,
    }
    this.#load.finish(failure ?? ok(loaded))
  }

  emit(event: ChatEvent): void {
    assert(this.#chat, 'a chat runs')
    this.#chat.emit(event)
  }

  /** Text in pieces, then a good end. */
  answer(...pieces: readonly string[]): void {
    for (const text of pieces) this.emit({ kind: 'text', text })
    this.emit({ kind: 'end', reason: 'stop', usage: FAKE_USAGE })
  }

  #assertIdle(): void {
    assert(this.#load === null && this.#chat === null, 'calls to an engine are serialised by the caller')
  }

  #changed(): void {
    for (const look of [...this.#watchers]) look()
  }
}
