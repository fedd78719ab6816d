/**
 * llama.cpp as WASM: the only file that knows wllama. One model in one nested worker; what it throws, logs and dies of
 * becomes result codes here. It reads the bytes it is given and fetches nothing but its own WASM file.
 */
import {
  type RawCompletionChunk,
  Wllama,
  WllamaAbortError,
  WllamaError,
  type WllamaLogger,
} from '@wllama/wllama/esm/index.js'
import wasmUrl from '@wllama/wllama/esm/wasm/wllama.wasm?url'
import { CPU_BATCH_TOKENS } from '../wire/limits/engine.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import { type CpuCounts, NO_COUNTS } from './counts.ts'
import type { Prompt } from './prompt.ts'

/** llama.cpp logs from this level on; below it every load writes a page. */
const LOG_ERRORS = 4
/** Lines of llama.cpp's log that may explain a failure. */
const LOG_LINES_MAX = 8
const OUT_OF_MEMORY =
  /out of memory|\bOOM\b|bad_alloc|(failed|unable|could not|cannot) to? ?(allocate|enlarge)|cannot allocate/i
/** nlohmann::json refuses to print text that is no UTF-8: a model wrote half a character and went on. */
const NO_UTF8 = 'type_error.316'
const UNKNOWN_ARCHITECTURE = /unknown model architecture/
const CONTEXT_FULL = /exceeds the available context size|is too large to process|larger than the max context/

/** The prompt says itself where it begins. llama.cpp asserts that the list ends with an empty key, and wllama adds none. */
const OWN_BEGIN = {
  'tokenizer.ggml.add_bos_token': 'bool:false',
  'tokenizer.ggml.add_eos_token': 'bool:false',
  '': 'bool:false',
}

export interface LlamaOptions {
  readonly threads: number
  readonly contextPositions: number
  /** The model makes embeddings instead of answers. */
  readonly embeddings: boolean
  /** The prompt brings its begin token along. */
  readonly ownBegin: boolean
  readonly signal: AbortSignal
}

export interface Completion {
  readonly prompt: Prompt
  readonly maxTokens: number
  readonly sampling: Readonly<Record<string, unknown>>
  readonly signal: AbortSignal
  readonly onPrefill: (done: number, total: number) => void
  readonly onText: (text: string, counts: CpuCounts) => void
}

export type CompletionEnd =
  | { readonly kind: 'stop' | 'length' | 'abort'; readonly counts: CpuCounts }
  /** The next token was no UTF-8. What came before was shown; the model can be asked again. */
  | { readonly kind: 'not-text'; readonly counts: CpuCounts }
  | { readonly kind: 'error'; readonly counts: CpuCounts; readonly failure: Failure }

/** What a chunk says, of the raw and of the chat kind. */
interface Chunk {
  readonly choices?: readonly {
    readonly text?: string | null
    readonly delta?: { readonly content?: string | null }
    readonly finish_reason?: string | null
  }[]
  readonly timings?: RawCompletionChunk['timings']
  readonly prompt_progress?: RawCompletionChunk['prompt_progress']
}

export class Llama {
  readonly #wllama: Wllama
  readonly #log: string[] = []
  readonly #lost: Promise<Failure>
  #lose: (detail: string) => void = () => {}
  #gone = false
  readonly #closed = new AbortController()

  private constructor() {
    this.#lost = new Promise((resolve) => {
      this.#lose = (detail) => {
        this.#gone = true
        resolve(fail('engine-failed', detail))
      }
    })
    // Where its WASM does not come, wllama 3.8.1 trips over the error while it reports it, and would never answer.
    const onRejection = (event: PromiseRejectionEvent) => {
      event.preventDefault()
      this.#lose('llama.cpp could not say why; its WASM may not have come.')
    }
    globalThis.addEventListener('unhandledrejection', onRejection, { signal: this.#closed.signal })
    const quiet = () => {}
    const logger: WllamaLogger = { debug: quiet, log: quiet, warn: quiet, error: (...words) => this.#note(words) }
    this.#wllama = new Wllama({ default: wasmUrl }, { logger })
    // Its stand-in for older browsers would come from a CDN.
    this.#wllama.setCompat(null)
  }

  /** Refusals: `aborted`, `memory-full`, `engine-failed`. */
  static async open(file: Blob, options: LlamaOptions): Promise<Result<Llama>> {
    const llama = new Llama()
    const opened = await llama.#open(file, options)
    if (!opened.ok) llama.close()
    return opened
  }

  /** True when the nested worker or its WASM has died: close it and open another. */
  get gone(): boolean {
    return this.#gone
  }

  get threads(): number {
    return this.#wllama.getNumThreads()
  }

  close(): void {
    this.#gone = true
    this.#closed.abort()
    void this.#wllama.exit()
  }

  async #open(file: Blob, options: LlamaOptions): Promise<Result<Llama>> {
    const { threads, contextPositions, embeddings, ownBegin, signal } = options
    const aborted = new Promise<Failure>((resolve) => {
      if (signal.aborted) resolve(fail('aborted', ''))
      signal.addEventListener('abort', () => resolve(fail('aborted', '')), { once: true })
    })
    // An encoder reads its whole text at once.
    const batch = embeddings ? contextPositions : Math.min(CPU_BATCH_TOKENS, contextPositions)
    const loading = this.#wllama.loadModel([file], {
      // Also keeps WebGPU from being asked for.
      n_gpu_layers: 0,
      n_ctx: contextPositions,
      n_batch: batch,
      n_ubatch: batch,
      n_threads: threads,
      n_parallel: 1,
      cache_idle_slots: false,
      reasoning_format: 'none',
      log_level: LOG_ERRORS,
      ...(embeddings ? { embeddings } : {}),
      ...(ownBegin ? { kv_overrides: OWN_BEGIN } : {}),
    })
    const ended = await Promise.race([this.#settled(loading), this.#lost, aborted])
    if (!ended.ok) {
      // A load that was left early may start its worker after `close`; a read that fails ends it, this ends the rest.
      void this.#settled(loading).then(() => this.close())
      return ended
    }
    // wllama does not look at it; a load that failed has no vocabulary.
    if (!(this.#wllama.getLoadedContextInfo().n_vocab > 0)) return this.#failure('llama.cpp does not load this file.')
    return ok(this)
  }

  async complete(completion: Completion): Promise<CompletionEnd> {
    const { prompt, signal } = completion
    let counts = NO_COUNTS
    let finish: string | null = null
    const onData = (chunk: Chunk) => {
      const { timings, prompt_progress: progress } = chunk
      if (timings && timings.predicted_n > 0) counts = countsOf(timings)
      if (progress) completion.onPrefill(progress.processed, progress.total)
      const choice = chunk.choices?.[0]
      const text = choice?.text ?? choice?.delta?.content ?? ''
      if (text !== '') completion.onText(text, counts)
      finish = choice?.finish_reason ?? finish
    }
    const options = {
      ...completion.sampling,
      max_tokens: completion.maxTokens,
      cache_prompt: true,
      timings_per_token: true,
      return_progress: true,
      stream: true as const,
      abortSignal: signal,
      onData,
    }
    this.#log.length = 0
    const running: Promise<unknown> =
      prompt.kind === 'text'
        ? this.#wllama.createCompletion({ ...options, prompt: prompt.text })
        : this.#wllama.createChatCompletion({
            ...options,
            messages: prompt.messages.map((message) => ({ ...message })),
          })
    const ended = await Promise.race([this.#settled(running), this.#lost])
    if (ended.ok) return { kind: finish === 'length' ? 'length' : 'stop', counts }
    if (ended.code === 'aborted') return { kind: 'abort', counts }
    if (this.#log.some((line) => line.includes(NO_UTF8))) return { kind: 'not-text', counts }
    return { kind: 'error', counts, failure: ended }
  }

  async embed(text: string): Promise<Result<{ readonly vector: Float32Array; readonly tokens: number }>> {
    this.#log.length = 0
    const made = await Promise.race([this.#settled(this.#wllama.createEmbedding({ input: text })), this.#lost])
    if (!made.ok) return made
    const vector = made.value.data[0]?.embedding
    if (!Array.isArray(vector)) return fail('engine-failed', 'llama.cpp gave no embedding.')
    return ok({ vector: Float32Array.from(vector), tokens: made.value.usage.prompt_tokens })
  }

  /** wllama throws where the caller can do something: that is a value here. */
  async #settled<T>(running: Promise<T>): Promise<Result<T>> {
    try {
      return ok(await running)
    } catch (error) {
      if (error instanceof WllamaAbortError) return fail('aborted', '')
      const message = error instanceof Error ? error.message : String(error)
      if (CONTEXT_FULL.test(message)) return fail('context-full', sentence(message))
      // An answer that llama.cpp refused leaves it as it was; all else is a trap, an abort or a broken promise.
      const refused = error instanceof WllamaError || this.#log.some((line) => line.includes(NO_UTF8))
      if (!refused) this.#gone = true
      return this.#failure(message)
    }
  }

  #failure(message: string): Failure {
    const said = [message, ...this.#log]
    const unknown = this.#log.find((line) => UNKNOWN_ARCHITECTURE.test(line))
    if (unknown) return fail('engine-mismatch', sentence(unknown))
    const code = said.some((line) => OUT_OF_MEMORY.test(line)) ? 'memory-full' : 'engine-failed'
    return fail(code, sentence(this.#log.find((line) => !line.startsWith('Stack trace')) ?? message))
  }

  #note(words: readonly unknown[]): void {
    const [first] = words
    // The nested worker could not start or threw outside a call: no answer of it will come.
    if (first instanceof Event) this.#lose(first instanceof ErrorEvent ? first.message : 'Its worker ended.')
    else if (this.#log.length < LOG_LINES_MAX) this.#log.push(words.map(String).join(' '))
  }
}

function countsOf(timings: NonNullable<Chunk['timings']>): CpuCounts {
  return {
    promptTokens: timings.cache_n + timings.prompt_n,
    reusedTokens: timings.cache_n,
    madeTokens: timings.predicted_n,
    decodeMs: timings.predicted_ms,
  }
}

/** The first line, with a full stop. */
function sentence(text: string): string {
  const line = text.split('\n', 1)[0]?.trim().slice(0, 300) ?? ''
  return line === '' || /[.!?]$/.test(line) ? line : `${line}.`
}
