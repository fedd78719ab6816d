/**
 * The stage engine behind the `ChatEngine` contract: messages in, text out. It talks to the engine's worker, keeps one
 * session so that the next turn reuses its KV, and turns token ids into text with stop strings. It decides nothing
 * about modes and holds no GPU.
 */
import type { EngineWorkerApi, WorkerModel } from '../engine/worker-api.ts'
import type { ChatEvent, ChatMessage, ChatRequest, Embeddings, LoadedModel, LoadProgress } from '../wire/chat.ts'
import type { ModelSummary } from '../wire/model.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { AdapterFacts, EngineDoor, Inspection, ModelSource, SelfTest } from './engine-door.ts'
import { type GgufParts, GgufWorker } from './gguf-worker.ts'
import type { Hop } from './hop.ts'
import { Session } from './session.ts'
import { type TalkParts, talk } from './talk.ts'
import { UsageClock } from './usage-clock.ts'

const SESSION = 1
const mb = (bytes: number) => Math.ceil(bytes / 1e6)

interface Loaded {
  readonly model: WorkerModel
  readonly session: Session
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
    }
    const { id, name, contextPositions, gpuBytes, facts, notice } = model
    return ok({ id, engine: 'stage', name, contextPositions, gpuBytes, adapter: facts.adapter, notice })
  }

  unload(): Promise<void> {
    return this.gguf.unload()
  }

  async *chat(request: ChatRequest, signal: AbortSignal): AsyncGenerator<ChatEvent, void, undefined> {
    const { loaded, now } = this
    if (!loaded) return yield new UsageClock(now).end('error', fail('not-loaded', ''))
    const encode: TalkParts['encode'] = (begun) => this.encode(request.messages, begun, request.raw)
    yield* talk({ session: loaded.session, vocabulary: loaded.model.vocabulary, encode, now }, request, signal)
  }

  async count(messages: readonly ChatMessage[], signal: AbortSignal, raw = false): Promise<Result<number>> {
    if (!this.loaded) return fail('not-loaded', '')
    const prompt = await this.encode(messages, '', raw)
    if (signal.aborted) return fail('aborted', '')
    return prompt.ok ? ok(prompt.value.length) : prompt
  }

  /** A language model's hidden states are no embeddings that are worth comparing. */
  async embed(): Promise<Result<Embeddings>> {
    return this.loaded
      ? fail('embeddings-unsupported', 'The stage engine runs chat models only.')
      : fail('not-loaded', '')
  }

  private encode(messages: readonly ChatMessage[], begun: string, raw = false): Promise<Result<readonly number[]>> {
    return this.gguf.door.call((api) => api.encodeChat(messages, begun, raw) as Promise<Result<readonly number[]>>)
  }

  /** The stage in the worker as a hop. */
  private hop(): Hop {
    return {
      open: (request) => this.gguf.door.call((api) => api.open(request)),
      run: (frame, constraint) => this.gguf.door.call((api) => api.run(frame, constraint)),
      truncate: (session, epoch, position, sampler) =>
        this.gguf.door.call((api) => api.truncate(session, epoch, position, sampler)),
      close: async (session) => {
        await this.gguf.door.call(async (api) => ok(await api.close(session)))
      },
    }
  }
}
