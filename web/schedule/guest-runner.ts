/**
 * `ModelRunner` of a frame in another site: it answers by an engine of Weft's own tabs where one of them holds the wished model
 * already, and else by its own. Nothing is loaded there, nothing unloaded, and no tab waits for a frame to be its owner.
 */
import type { ChatEvent, ChatMessage, ChatRequest, Embeddings, LoadedModel, LoadProgress } from '../wire/chat.ts'
import type { ModelSummary } from '../wire/model.ts'
import type { Result } from '../wire/result.ts'
import type { AdapterFacts, Manners, ModelRunner, ModelSource, RunnerInspection, SelfTest } from './engine-door.ts'
import { type SharedParts, SharedRunner } from './shared-runner.ts'

export interface GuestParts extends Omit<SharedParts, 'engines' | 'guest'> {
  /** The frame's own. */
  readonly home: ModelRunner
}

/** The least that every template takes. */
const LITTLE: readonly ChatMessage[] = [{ role: 'user', content: '' }]

export class GuestRunner implements ModelRunner {
  readonly #home: ModelRunner
  readonly #away: SharedRunner

  constructor({ home, ...parts }: GuestParts) {
    this.#home = home
    this.#away = new SharedRunner({ ...parts, engines: home, guest: true })
  }

  probe(): Promise<Result<AdapterFacts>> {
    return this.#home.probe()
  }

  inspect(source: ModelSource, signal: AbortSignal): Promise<Result<RunnerInspection>> {
    return this.#home.inspect(source, signal)
  }

  cached(): Promise<readonly ModelSummary[]> {
    return this.#home.cached()
  }

  async load(
    source: ModelSource,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
    onlyIfIdle?: boolean,
  ): Promise<Result<LoadedModel>> {
    if (await this.#isThere(source, signal)) {
      const loaded = await this.#away.load(source, onProgress, signal, true)
      if (loaded.ok || signal.aborted) return loaded
    }
    return this.#home.load(source, onProgress, signal, onlyIfIdle)
  }

  async *chat(
    source: ModelSource,
    request: ChatRequest,
    signal: AbortSignal,
    manners?: Manners,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    yield* (await this.#runnerOf(source, signal)).chat(source, request, signal, manners)
  }

  async embed(
    source: ModelSource,
    texts: readonly string[],
    signal: AbortSignal,
    manners?: Manners,
  ): Promise<Result<Embeddings>> {
    return (await this.#runnerOf(source, signal)).embed(source, texts, signal, manners)
  }

  async count(
    source: ModelSource,
    messages: readonly ChatMessage[],
    signal: AbortSignal,
    raw?: boolean,
  ): Promise<Result<number>> {
    return (await this.#runnerOf(source, signal)).count(source, messages, signal, raw)
  }

  /** What a tab of Weft holds is not a frame's to let go of. */
  release(source: ModelSource, signal: AbortSignal): Promise<Result<null>> {
    return this.#home.release(source, signal)
  }

  selfTest(signal: AbortSignal): Promise<Result<SelfTest>> {
    return this.#home.selfTest(signal)
  }

  unload(): Promise<void> {
    return this.#home.unload()
  }

  /** What this frame had loaded itself is given back, and nobody waits for it to be an owner. */
  async close(): Promise<void> {
    await this.#away.close()
    await this.#home.close?.()
  }

  async #runnerOf(source: ModelSource, signal: AbortSignal): Promise<ModelRunner> {
    return (await this.#isThere(source, signal)) ? this.#away : this.#home
  }

  /** Only a model that is loaded can count. */
  async #isThere(source: ModelSource, signal: AbortSignal): Promise<boolean> {
    return (await this.#away.count(source, LITTLE, signal)).ok
  }
}
