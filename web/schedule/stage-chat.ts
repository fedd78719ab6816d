/**
 * The stage engine behind the `ChatEngine` contract: messages in, text out. It talks to the engine's worker, keeps one
 * session so that the next turn reuses its KV, and turns token ids into text with stop strings. It decides nothing
 * about modes and holds no GPU.
 */
import type { EngineWorkerApi, WorkerModel } from '../engine/worker-api.ts'
import { tokensLeft } from '../rules/committed.ts'
import type { ChatEvent, ChatMessage, ChatRequest, Embeddings, LoadedModel, LoadProgress } from '../wire/chat.ts'
import type { ModelSummary } from '../wire/model.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import { AnswerText } from './answer-text.ts'
import type { AdapterFacts, EngineDoor, Inspection, ModelSource, SelfTest } from './engine-door.ts'
import { type GgufParts, GgufWorker } from './gguf-worker.ts'
import type { Hop } from './hop.ts'
import { Session } from './session.ts'
import { UsageClock } from './usage-clock.ts'

const SESSION = 1
const mb = (bytes: number) => Math.ceil(bytes / 1e6)

interface Loaded {
  readonly model: WorkerModel
  readonly session: Session
  readonly endTokens: ReadonlySet<number>
}

export class StageChat implements EngineDoor {
  readonly name = 'stage'
  readonly resume = 'tokens'
  private readonly now: () => number
  private readonly gguf: GgufWorker<EngineWorkerApi>
  private loaded: Loaded | null = null

  constructor(parts: GgufParts) {
    this.now = parts.now
    this.gguf = new GgufWorker(parts, () => {
      this.loaded = null
    })
  }

  probe(): Promise<Result<AdapterFacts>> {
    return this.gguf.door.call((api) => api.probe() as Promise<Result<AdapterFacts>>)
  }

  async inspect(source: ModelSource, signal: AbortSignal): Promise<Result<Inspection>> {
    const spec = this.gguf.specOf(source)
    if (!spec.ok) return spec
    const found = await this.gguf.door.callUntil(signal, (api) => api.inspect(spec.value))
    if (!found.ok) return found
    const { gpuBytes, gpuBytesMax } = found.value
    const fits = gpuBytesMax === null
    const reason = fits ? '' : `It needs ${mb(gpuBytes)} MB of GPU memory; your browser gave ${mb(gpuBytesMax)} MB.`
    return ok({ ...found.value, engine: this.name, fits, reason })
  }

  selfTest(): Promise<Result<SelfTest>> {
    return this.gguf.door.call((api) => api.selfTest() as Promise<Result<SelfTest>>)
  }

  cached(): Promise<readonly ModelSummary[]> {
    return this.gguf.cached()
  }

  async load(
    source: ModelSource,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
  ): Promise<Result<LoadedModel>> {
    const answer = await this.gguf.load(source, onProgress, signal)
    if (!answer.ok) return answer
    const model = answer.value
    this.loaded = {
      model,
      session: new Session(SESSION, [this.hop()], model.contextPositions),
      endTokens: new Set(model.vocabulary.endTokens),
    }
    const { id, name, contextPositions, gpuBytes, facts, notice } = model
    return ok({ id, engine: 'stage', name, contextPositions, gpuBytes, adapter: facts.adapter, notice })
  }

  unload(): Promise<void> {
    return this.gguf.unload()
  }

  async *chat(request: ChatRequest, signal: AbortSignal): AsyncGenerator<ChatEvent, void, undefined> {
    const clock = new UsageClock(this.now)
    const { loaded } = this
    if (!loaded) return yield clock.end('error', fail('not-loaded', ''))
    const begun = request.resume ?? null
    const byText = begun !== null && begun.tokens.length === 0
    const prompt = await this.gguf.door.call(
      (api) => api.encodeChat(request.messages, byText ? begun.text : '') as Promise<Result<readonly number[]>>,
    )
    if (!prompt.ok) return yield clock.end('error', prompt)
    clock.prompt(prompt.value.length)
    const text = new AnswerText(loaded.model.vocabulary, request.stop, byText)
    if (byText) yield { kind: 'notice', code: 'resumed-from-text', detail: '' }
    else if (begun) {
      const shown = text.restore(begun)
      if (!shown.ok) return yield clock.end('error', shown)
      clock.begun(begun.tokens.length)
      if (shown.value !== '') yield { kind: 'text', text: shown.value, tokens: [] }
      if (text.stopped) return yield clock.end('stop')
    }
    const generation = {
      prompt: prompt.value,
      sampler: request.sampling,
      maxTokens: byText ? tokensLeft(request) : request.maxTokens,
      endTokens: loaded.endTokens,
      ...(begun ? { begun } : {}),
    }
    for await (const event of loaded.session.generate(generation, signal)) {
      if (event.kind === 'token') {
        clock.token()
        const shown = text.push(event.id)
        if (shown) yield { kind: 'text', ...shown }
        if (text.stopped) return yield clock.end('stop')
      } else if (event.kind === 'prefill') {
        clock.reused(event.reused)
        yield { kind: 'prefill', done: event.done, total: event.total }
      } else if (event.kind === 'end') {
        // What was held back when a worker or a GPU was lost is drawn again by whoever goes on.
        const rest = event.reason === 'error' ? null : text.flush()
        if (rest) yield { kind: 'text', ...rest }
        yield clock.end(event.reason, event.failure)
      } else {
        yield event
      }
    }
  }

  async count(messages: readonly ChatMessage[], signal: AbortSignal): Promise<Result<number>> {
    if (!this.loaded) return fail('not-loaded', '')
    const prompt = await this.gguf.door.callUntil(
      signal,
      (api) => api.encodeChat(messages, '') as Promise<Result<readonly number[]>>,
    )
    return prompt.ok ? ok(prompt.value.length) : prompt
  }

  /** A language model's hidden states are no embeddings that are worth comparing. */
  async embed(): Promise<Result<Embeddings>> {
    return this.loaded
      ? fail('embeddings-unsupported', 'The stage engine runs chat models only.')
      : fail('not-loaded', '')
  }

  /** The stage in the worker as a hop. */
  private hop(): Hop {
    return {
      open: (request) => this.gguf.door.call((api) => api.open(request)),
      run: (frame) => this.gguf.door.call((api) => api.run(frame)),
      truncate: (session, epoch, position, sampler) =>
        this.gguf.door.call((api) => api.truncate(session, epoch, position, sampler)),
      close: async (session) => {
        await this.gguf.door.call(async (api) => ok(await api.close(session)))
      },
    }
  }
}
