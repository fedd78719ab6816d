/**
 * llama.cpp on the CPU behind the `ChatEngine` contract. It talks to the CPU engine's worker, cuts stop strings out of
 * its text and counts by its counts. It decides nothing about modes and knows nothing of WASM.
 */
import * as Comlink from 'comlink'
import { type CpuCounts, NO_COUNTS } from '../cpu/counts.ts'
import type { CpuChatEvent, CpuWorkerApi } from '../cpu/worker-api.ts'
import { tokensLeft } from '../rules/committed.ts'
import { StopMatcher } from '../tokens/stop.ts'
import type { ChatEvent, ChatMessage, ChatRequest, Embeddings, LoadedModel, LoadProgress, Usage } from '../wire/chat.ts'
import type { ModelSummary } from '../wire/model.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import type { AdapterFacts, EngineDoor, Inspection, ModelSource } from './engine-door.ts'
import { EventQueue } from './event-queue.ts'
import { type GgufParts, GgufWorker } from './gguf-worker.ts'

const mb = (bytes: number) => Math.ceil(bytes / 1e6)

export class CpuChat implements EngineDoor {
  readonly name = 'cpu'
  readonly resume = 'text'
  private readonly now: () => number
  private readonly gguf: GgufWorker<CpuWorkerApi>
  private loaded = false

  constructor(parts: GgufParts) {
    this.now = parts.now
    this.gguf = new GgufWorker(parts, () => {
      this.loaded = false
    })
  }

  async probe(): Promise<Result<AdapterFacts>> {
    const found = await this.gguf.door.call((api) => api.probe())
    return found.ok ? ok({ adapter: found.value.adapter, software: false }) : found
  }

  async inspect(source: ModelSource, signal: AbortSignal): Promise<Result<Inspection>> {
    const spec = this.gguf.specOf(source)
    if (!spec.ok) return spec
    const found = await this.gguf.door.callUntil(signal, (api) => api.inspect(spec.value))
    if (!found.ok) return found
    const { model, neededBytes, memoryBytesMax } = found.value
    const fits = neededBytes <= memoryBytesMax
    const reason = fits ? '' : `It needs ${mb(neededBytes)} MB of memory; a page has ${mb(memoryBytesMax)} MB.`
    return ok({ model, engine: this.name, gpuBytes: neededBytes, gpuBytesMax: memoryBytesMax, fits, reason })
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
    this.loaded = true
    const { id, name, contextPositions, neededBytes, adapter, notice } = answer.value
    return ok({ id, engine: 'cpu', name, contextPositions, gpuBytes: neededBytes, adapter, notice })
  }

  unload(): Promise<void> {
    return this.gguf.unload()
  }

  async *chat(request: ChatRequest, signal: AbortSignal): AsyncGenerator<ChatEvent, void, undefined> {
    const answer = new CpuAnswer(this.now)
    if (!this.loaded) return yield answer.end('error', fail('not-loaded', ''))
    if (signal.aborted) return yield answer.end('abort')
    const { messages, raw = false, sampling, stop, resume } = request
    if (resume) yield { kind: 'notice', code: 'resumed-from-text', detail: '' }
    const stops = new StopMatcher(stop)
    const events = new EventQueue<CpuChatEvent>()
    const halt = () => this.gguf.door.tell((api) => api.stop())
    const asked = { messages, raw, begun: resume?.text ?? '', sampling, maxTokens: tokensLeft(request) }
    signal.addEventListener('abort', halt)
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = ({ data }: MessageEvent<CpuChatEvent>) => events.push(data)
    const done = this.gguf.door.call((api) => api.chat(asked, Comlink.transfer(port2, [port2])))
    // An answer that the worker refused, or died over, has no end of its own.
    void done.then((result) => {
      if (!result.ok) events.push({ kind: 'end', reason: 'error', counts: answer.counts, failure: result, gone: false })
    })
    try {
      for await (const event of events) {
        if (event.kind === 'prefill') {
          yield event
          continue
        }
        answer.count(event.counts)
        if (event.kind === 'end') {
          if (event.gone) this.loaded = false
          if (signal.aborted && event.reason !== 'error') return yield answer.end('abort')
          // What was held back when a worker was lost is written again by whoever goes on.
          const rest = event.reason === 'error' ? '' : stops.flush()
          if (rest !== '') yield { kind: 'text', text: rest }
          return yield answer.end(event.reason, event.failure)
        }
        if (signal.aborted) continue
        const { visible, stopped } = stops.push(event.text)
        if (visible !== '') yield { kind: 'text', text: visible }
        if (!stopped) continue
        halt()
        await done
        return yield answer.end('stop')
      }
    } finally {
      signal.removeEventListener('abort', halt)
      // Left early by who reads it: the next answer may not begin before this one has ended.
      halt()
      await done
      port1.close()
    }
  }

  /** The worker counts by itself, so that no answer of llama.cpp is waited for. */
  async count(messages: readonly ChatMessage[], signal: AbortSignal, raw = false): Promise<Result<number>> {
    return this.loaded ? this.gguf.door.callUntil(signal, (api) => api.count(messages, raw)) : fail('not-loaded', '')
  }

  async embed(texts: readonly string[], signal: AbortSignal): Promise<Result<Embeddings>> {
    if (!this.loaded) return fail('not-loaded', '')
    if (signal.aborted) return fail('aborted', '')
    const halt = () => this.gguf.door.tell((api) => api.stop())
    signal.addEventListener('abort', halt)
    const made = await this.gguf.door.call((api) => api.embed(texts) as Promise<Result<Embeddings>>)
    signal.removeEventListener('abort', halt)
    return made
  }
}

/** Counts are llama.cpp's; the time to the first text is what a person waits for. */
class CpuAnswer {
  counts: CpuCounts = NO_COUNTS
  private readonly now: () => number
  private readonly began: number
  private firstAt: number | null = null

  constructor(now: () => number) {
    this.now = now
    this.began = now()
  }

  count(counts: CpuCounts): void {
    this.counts = counts
    if (counts.madeTokens > 0) this.firstAt ??= this.now()
  }

  end(reason: 'stop' | 'length' | 'abort' | 'error', failure: Failure | null = null): ChatEvent {
    const { promptTokens, reusedTokens, madeTokens, decodeMs } = this.counts
    const usage: Usage = {
      promptTokens,
      reusedTokens,
      prefillTokens: promptTokens - reusedTokens,
      completionTokens: madeTokens,
      firstTokenMs: this.firstAt === null ? null : this.firstAt - this.began,
      tokensPerSecond: madeTokens < 2 || decodeMs <= 0 ? null : ((madeTokens - 1) * 1000) / decodeMs,
    }
    return failure
      ? { kind: 'end', reason, usage, code: failure.code, detail: failure.detail }
      : { kind: 'end', reason, usage }
  }
}
