/**
 * The page of `bench:decode --engine cpu`: one answer through the product's door, worker and mirror, and the same answer
 * of bare wllama of the same build on the same file, prompt and threads. Driven through `window.bench`; shows nothing.
 */
import { type RawCompletionChunk, Wllama } from '@wllama/wllama/esm/index.js'
import wasmUrl from '@wllama/wllama/esm/wasm/wllama.wasm?url'
import { createPrompter, type Prompter } from '../../web/cpu/prompt.ts'
import { threadCount } from '../../web/cpu/threads.ts'
import { CpuChat } from '../../web/schedule/cpu-chat.ts'
import { blobSource } from '../../web/weights/blob-source.ts'
import { readDirectory } from '../../web/weights/gguf.ts'
import type { Result } from '../../web/wire/result.ts'

const NEVER = new AbortController().signal
const GREEDY = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n } as const
const baseUrl = new URL('.', location.href).href

export interface CpuRound {
  readonly promptTokens: number
  /** Prompt tokens that were computed. */
  readonly prefillTokens: number
  readonly tokens: number
  /** From the request to the first text. */
  readonly firstTokenMs: number
  /** From the first text to the last. */
  readonly decodeMs: number
}

export interface CpuRoundOptions {
  readonly question: string
  readonly tokens: number
}

function must<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new Error(`${result.code}: ${result.detail}`)
}

const engine = new CpuChat({
  makeWorker: () => new Worker(new URL('../../web/cpu/worker.ts', import.meta.url), { type: 'module' }),
  baseUrl,
  askPersistence: async () => false,
  now: () => performance.now(),
})
let bare: { readonly wllama: Wllama; readonly prompter: Prompter } | null = null

/** Times of the first and the last piece; both engines are read at this same place. */
class Pieces {
  readonly #began = performance.now()
  #firstAt: number | null = null
  #lastAt = 0

  seen(): void {
    this.#lastAt = performance.now()
    this.#firstAt ??= this.#lastAt
  }

  times() {
    const firstAt = this.#firstAt ?? this.#began
    return { firstTokenMs: firstAt - this.#began, decodeMs: this.#lastAt - firstAt }
  }
}

const bench = {
  async load(id: string) {
    const began = performance.now()
    must(await engine.load({ kind: 'mirror', id }, () => {}, NEVER))
    const coldLoadMs = performance.now() - began
    const again = performance.now()
    const { adapter, contextPositions } = must(await engine.load({ kind: 'mirror', id }, () => {}, NEVER))
    return { adapter, contextPositions, coldLoadMs, warmLoadMs: performance.now() - again }
  },

  async round({ question, tokens }: CpuRoundOptions): Promise<CpuRound> {
    const pieces = new Pieces()
    const messages = [{ role: 'user' as const, content: question }]
    for await (const event of engine.chat({ messages, sampling: GREEDY, maxTokens: tokens, stop: [] }, NEVER)) {
      if (event.kind === 'text') pieces.seen()
      if (event.kind !== 'end') continue
      if (event.code) throw new Error(`${event.code}: ${event.detail}`)
      const { promptTokens, prefillTokens, completionTokens } = event.usage
      return { promptTokens, prefillTokens, tokens: completionTokens, ...pieces.times() }
    }
    throw new Error('the answer has no end')
  },

  async bareLoad(id: string, positions: number) {
    const blob = await (await fetch(`${baseUrl}models/${id}/model.gguf`)).blob()
    const { metadata } = must(await readDirectory(blobSource(blob)))
    const quiet = () => {}
    const wllama = new Wllama({ default: wasmUrl }, { logger: { debug: quiet, log: quiet, warn: quiet, error: quiet } })
    wllama.setCompat(null)
    const threads = threadCount(crossOriginIsolated, navigator.hardwareConcurrency)
    await wllama.loadModel([blob], { n_ctx: positions, n_threads: threads, n_gpu_layers: 0 })
    bare = { wllama, prompter: must(createPrompter(metadata)) }
    return { threads: wllama.getNumThreads() }
  },

  async bareRound({ question, tokens }: CpuRoundOptions): Promise<CpuRound> {
    if (!bare) throw new Error('bare wllama is not loaded')
    const prompt = must(bare.prompter.prompt([{ role: 'user', content: question }], ''))
    if (prompt.kind !== 'text') throw new Error('the prompt is no text')
    const pieces = new Pieces()
    let last: RawCompletionChunk | null = null
    await bare.wllama.createCompletion({
      ...{ prompt: prompt.text, temperature: 0, max_tokens: tokens, stream: true },
      onData: (chunk) => {
        if (chunk.choices[0]?.text) pieces.seen()
        last = chunk
      },
    })
    const timings = (last as RawCompletionChunk | null)?.timings
    if (!timings) throw new Error('bare wllama gave no counts')
    const { cache_n: reused, prompt_n: prefillTokens, predicted_n: made } = timings
    return { promptTokens: reused + prefillTokens, prefillTokens, tokens: made, ...pieces.times() }
  },
}

export type CpuBench = typeof bench
Object.assign(window, { bench })
document.title = 'ready'
