/**
 * WebLLM behind the `ChatEngine` contract: whole MLC models, from the mirror or from WebLLM's own list. It talks to the
 * worker of `web/webllm`, cuts stop strings off and counts. One worker a model: unloading ends it, which alone gives all
 * of its memory back. It holds no GPU and never sees a weight.
 */
import * as Comlink from 'comlink'
import type { GpuFacts } from '../engine/gpu/device.ts'
import { tokensLeft } from '../rules/committed.ts'
import { StopMatcher } from '../tokens/stop.ts'
import { entryOf, missingFeatures, prebuiltSummary, roomFor } from '../webllm/catalogue.ts'
import type { WebLlmAnswer, WebLlmModel, WebLlmModelSpec, WebLlmWorkerApi } from '../webllm/worker-api.ts'
import type { HubAddresses } from '../weights/hub-files.ts'
import { findMlcManifest } from '../weights/mlc-files.ts'
import { listCached } from '../weights/shelf.ts'
import type { ChatEvent, ChatMessage, ChatRequest, Embeddings, LoadedModel, LoadProgress } from '../wire/chat.ts'
import { REPLAYS_MAX } from '../wire/limits/engine.ts'
import { summariseMlc } from '../wire/mlc-model.ts'
import type { ModelSummary } from '../wire/model.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import type { AdapterFacts, EngineDoor, Inspection, ModelSource } from './engine-door.ts'
import { EventQueue } from './event-queue.ts'
import { UsageClock } from './usage-clock.ts'
import { WorkerDoor } from './worker-door.ts'

const mb = (bytes: number) => Math.ceil(bytes / 1e6)

export interface WebLlmChatParts {
  readonly makeWorker: () => Worker
  /** Where the mirror answers: the page's own server. */
  readonly baseUrl: string
  /** Looks at the adapter without taking a device: `probeGpu` of the stage engine. */
  readonly probe: () => Promise<Result<GpuFacts>>
  /** How much of these bytes the GPU gives, by trying: `tryRoom` of the stage engine. Without it loading is the try. */
  readonly room?: (bytes: number) => Promise<Result<number>>
  readonly askPersistence: () => Promise<boolean>
  readonly now: () => number
  readonly addresses?: HubAddresses
}

export class WebLlmChat implements EngineDoor {
  readonly name = 'webllm'
  readonly resume = 'text'
  readonly #parts: WebLlmChatParts
  readonly #worker: WorkerDoor<WebLlmWorkerApi>
  #loaded: WebLlmModel | null = null
  #asked = false
  #loading = false

  constructor(parts: WebLlmChatParts) {
    this.#parts = parts
    this.#worker = new WorkerDoor(parts.makeWorker, () => {
      this.#loaded = null
    })
  }

  async probe(): Promise<Result<AdapterFacts>> {
    const found = await this.#parts.probe()
    return found.ok ? ok({ adapter: found.value.adapter, software: found.value.software }) : found
  }

  async inspect(source: ModelSource, signal: AbortSignal): Promise<Result<Inspection>> {
    const [found, gpu] = await Promise.all([this.#describe(source, signal), this.#parts.probe()])
    if (signal.aborted) return fail('aborted', '')
    if (!found.ok) return found
    if (!gpu.ok) return gpu
    const { model, gpuBytes, requiredFeatures } = found.value
    const missing = missingFeatures(requiredFeatures, gpu.value.features)
    if (missing) return missing
    const reason = roomFor(found.value, gpu.value)
    if (reason !== '') return ok({ model, engine: this.name, gpuBytes, gpuBytesMax: null, fits: false, reason })
    // A second model beside the loaded one is no fair question: what is loaded goes before another comes.
    const room = this.#loaded || this.#loading || !this.#parts.room ? ok(gpuBytes) : await this.#parts.room(gpuBytes)
    if (!room.ok) return room
    const fits = room.value >= gpuBytes
    const gave = `It needs ${mb(gpuBytes)} MB of GPU memory; your browser gave ${mb(room.value)} MB.`
    const gpuBytesMax = fits ? null : room.value
    return ok({ model, engine: this.name, gpuBytes, gpuBytesMax, fits, reason: fits ? '' : gave })
  }

  cached(): Promise<readonly ModelSummary[]> {
    return listCached('mlc')
  }

  async load(
    source: ModelSource,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
  ): Promise<Result<LoadedModel>> {
    const spec = this.#specOf(source)
    if (!spec.ok) return spec
    if (signal.aborted) return fail('aborted', '')
    await this.unload()
    const seen = await this.inspect(source, signal)
    if (!seen.ok) return seen
    if (!seen.value.fits) return fail('gpu-too-small', seen.value.reason)
    if (!this.#asked) void this.#parts.askPersistence()
    this.#asked = true
    this.#loading = true
    const made = await this.#loadTwice(spec.value, onProgress, signal)
    this.#loading = false
    if (!made.ok) return made
    this.#loaded = made.value
    const gpu = await this.probe()
    const { id, name, contextPositions, gpuBytes, notice } = made.value
    const adapter = gpu.ok ? gpu.value.adapter : 'a GPU'
    return ok({ id, engine: this.name, name, contextPositions, gpuBytes, adapter, notice })
  }

  /** A GPU that is lost while a model loads mostly comes back at once; one that goes again does not. */
  async #loadTwice(
    spec: WebLlmModelSpec,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
  ): Promise<Result<WebLlmModel>> {
    for (let losses = 0; ; losses += 1) {
      const made = await this.#loadOnce(spec, onProgress, signal)
      if (made.ok) return made
      this.#worker.end('The model did not load.')
      const lost = made.code === 'device-lost'
      if (lost && losses < REPLAYS_MAX && !signal.aborted) continue
      return lost || (losses > 0 && made.code === 'no-adapter') ? fail('device-degraded', made.detail) : made
    }
  }

  async #loadOnce(
    spec: WebLlmModelSpec,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
  ): Promise<Result<WebLlmModel>> {
    let fetching = true
    // A fetch stops between chunks, so that what it wrote stays. Once WebLLM starts the model it listens to nobody, and
    // compiling for a GPU may take minutes: then its worker goes.
    const stop = () => (fetching ? this.#worker.tell((api) => api.stop()) : this.#worker.end('The load was stopped.'))
    signal.addEventListener('abort', stop)
    const report = (progress: LoadProgress) => {
      fetching = progress.phase === 'fetch'
      onProgress(progress)
    }
    const made = await this.#worker.call((api) => api.load(spec, Comlink.proxy(report)))
    signal.removeEventListener('abort', stop)
    return signal.aborted ? fail('aborted', '') : made
  }

  async unload(): Promise<void> {
    if (!this.#loaded) return
    this.#loaded = null
    this.#worker.end('The model was unloaded.')
  }

  async *chat(request: ChatRequest, signal: AbortSignal): AsyncGenerator<ChatEvent, void, undefined> {
    const clock = new UsageClock(this.#parts.now)
    if (!this.#loaded) return yield clock.end('error', fail('not-loaded', ''))
    if (signal.aborted) return yield clock.end('abort')
    const begun = request.resume?.text ?? ''
    if (begun !== '') yield { kind: 'notice', code: 'resumed-from-text', detail: '' }
    const { messages, raw = false, sampling } = request
    const queue = new EventQueue<string>()
    const stop = () => this.#worker.tell((api) => api.stop())
    signal.addEventListener('abort', stop)
    const ended = this.#worker
      .call((api) =>
        api.chat(
          { messages, raw, sampling, maxTokens: tokensLeft(request), begun },
          Comlink.proxy((text: string) => queue.push(text)),
        ),
      )
      .finally(() => queue.close())
    const stops = new StopMatcher(request.stop)
    let stopped = false
    try {
      for await (const text of queue) {
        // What WebLLM says after an abort or a stop string is counted, not shown.
        if (signal.aborted || stopped) continue
        clock.token()
        const step = stops.push(text)
        if (step.visible !== '') yield { kind: 'text', text: step.visible }
        stopped = step.stopped
        if (stopped) stop()
      }
      const answer = await ended
      const rest = signal.aborted || stopped || !answer.ok ? '' : stops.flush()
      if (rest !== '') yield { kind: 'text', text: rest }
      yield this.#endOf(answer, clock, signal, stopped)
    } finally {
      signal.removeEventListener('abort', stop)
      // A reader that leaves early leaves no answer running, and the next call finds the engine free.
      stop()
      await ended
    }
  }

  #endOf(answer: Result<WebLlmAnswer>, clock: UsageClock, signal: AbortSignal, stopped: boolean): ChatEvent {
    if (!answer.ok) return clock.end('error', this.#afterLoss(answer))
    const { prefillTokens, reusedTokens, completionTokens, reason } = answer.value
    clock.prompt(prefillTokens + reusedTokens)
    clock.reused(reusedTokens)
    clock.completed(completionTokens)
    if (signal.aborted) return clock.end('abort')
    return clock.end(stopped ? 'stop' : reason)
  }

  /** The worker of a lost GPU is of no more use: it goes, and the answer may go on at the next one. */
  #afterLoss(failure: Failure): Failure {
    if (failure.code !== 'device-lost' && failure.code !== 'gpu-memory') return failure
    this.#worker.end('The GPU was lost.')
    return failure.code === 'device-lost' ? fail('worker-lost', `The GPU was lost: ${failure.detail}`) : failure
  }

  async count(messages: readonly ChatMessage[], signal: AbortSignal, raw = false): Promise<Result<number>> {
    return this.#loaded ? this.#worker.callUntil(signal, (api) => api.count(messages, raw)) : fail('not-loaded', '')
  }

  async embed(texts: readonly string[], signal: AbortSignal): Promise<Result<Embeddings>> {
    if (!this.#loaded) return fail('not-loaded', '')
    if (this.#loaded.modelKind !== 'embedding') return fail('embeddings-unsupported', `${this.#loaded.name} chats.`)
    if (signal.aborted) return fail('aborted', '')
    if (texts.length === 0) return ok({ vectors: [], promptTokens: 0 })
    const made = await this.#worker.call((api) => api.embed(texts) as Promise<Result<Embeddings>>)
    if (signal.aborted) return fail('aborted', '')
    return made.ok ? made : this.#afterLoss(made)
  }

  #specOf(source: ModelSource): Result<WebLlmModelSpec> {
    switch (source.kind) {
      case 'mirror':
        return ok({ kind: 'mirror', id: source.id, baseUrl: this.#parts.baseUrl })
      case 'prebuilt':
        return ok({ kind: 'prebuilt', name: source.name, addresses: this.#parts.addresses ?? {} })
      case 'file':
        return fail('engine-mismatch', `${source.file.name} is a GGUF file, which WebLLM does not run.`)
      default:
        return source satisfies never
    }
  }

  async #describe(source: ModelSource, signal: AbortSignal) {
    const spec = this.#specOf(source)
    if (!spec.ok) return spec
    if (spec.value.kind === 'prebuilt') return prebuiltSummary(spec.value.name)
    const found = await findMlcManifest(spec.value.id, spec.value.baseUrl, signal)
    return found.ok ? ok(entryOf(summariseMlc(spec.value.id, found.value), found.value)) : found
  }
}
