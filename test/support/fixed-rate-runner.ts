/**
 * The one fake of a runner that answers by itself: a word after each so many milliseconds of the clock it is given, the same
 * words whoever computes them, and on from wherever a request says. Computes only what is pulled; counts what it computed.
 */
import type { JobRunner } from '../../web/schedule/jobs/job-work.ts'
import type { ChatEvent, ChatRequest, Embeddings, EngineName } from '../../web/wire/chat.ts'
import { NO_USAGE } from '../../web/wire/chat.ts'
import { assert, fail, ok, type Result } from '../../web/wire/result.ts'
import type { SimClock } from './sim-clock.ts'

export interface FixedRate {
  readonly engine?: EngineName
  readonly tokenMs?: number
  readonly prefillMs?: number
  /** Words of every answer, unless its limit comes first. */
  readonly words?: number
}

const wordOf = (at: number) => `w${at} `
export const textOf = (words: number) => Array.from({ length: words }, (_, at) => wordOf(at)).join('')
/** The text's length and its first character: enough to know whose vector it is. */
export const vectorOf = (text: string) => Float32Array.of(text.length, text.charCodeAt(0), 0.5)

export class FixedRateRunner implements JobRunner {
  readonly requests: ChatRequest[] = []
  /** Answer tokens computed, read by somebody or not. */
  computed = 0
  embedded = 0
  /** What the next calls end with, instead of an answer. */
  broken: Result<never> | null = null
  readonly #clock: Pick<SimClock, 'later'>
  readonly #engine: EngineName
  readonly #tokenMs: number
  readonly #prefillMs: number
  readonly #words: number
  #running = 0
  #owner = false
  #onFree: (() => void)[] = []

  constructor(
    clock: Pick<SimClock, 'later'>,
    { engine = 'stage', tokenMs = 10, prefillMs = 40, words = 40 }: FixedRate = {},
  ) {
    this.#clock = clock
    this.#engine = engine
    this.#tokenMs = tokenMs
    this.#prefillMs = prefillMs
    this.#words = words
  }

  get running(): boolean {
    return this.#running > 0
  }

  /** The person at the device asks for something. */
  ownerBegins(): void {
    this.#owner = true
  }

  ownerEnds(): void {
    this.#owner = false
    for (const free of this.#onFree.splice(0)) free()
  }

  async *chat(_source: unknown, request: ChatRequest, signal: AbortSignal): AsyncGenerator<ChatEvent, void, undefined> {
    await this.#free(signal)
    assert(this.#running === 0, 'one job computes at a time')
    this.#running += 1
    try {
      yield* this.#answer(request, signal)
    } finally {
      this.#running -= 1
    }
  }

  async embed(_source: unknown, texts: readonly string[], signal: AbortSignal): Promise<Result<Embeddings>> {
    await this.#free(signal)
    await this.#wait(this.#prefillMs)
    if (signal.aborted) return fail('aborted', '')
    if (this.broken) return this.broken
    const long = texts.find((text) => text.length > 1_000)
    if (long !== undefined) return fail('context-full', '')
    this.embedded += texts.length
    return ok({ vectors: texts.map(vectorOf), promptTokens: texts.length })
  }

  async *#answer(request: ChatRequest, signal: AbortSignal): AsyncGenerator<ChatEvent, void, undefined> {
    this.requests.push(request)
    const { resume, maxTokens } = request
    yield { kind: 'answerer', engine: this.#engine, adapter: 'Test GPU', modelId: 'a'.repeat(64), model: 'Model' }
    const byTokens = this.#engine === 'stage' && (!resume || resume.tokens.length > 0)
    if (resume && !byTokens) yield { kind: 'notice', code: 'resumed-from-text', detail: '' }
    const begun = resume?.text.split(' ').filter((word) => word !== '').length ?? 0
    if (this.broken && !this.broken.ok) {
      const { code, detail } = this.broken
      return yield { kind: 'end', reason: 'error', usage: NO_USAGE, code, detail }
    }
    if (byTokens) yield { kind: 'schedule', frames: [{ position: 0, count: 8, mode: 'prefill' }] }
    yield { kind: 'prefill', done: 0, total: 8 }
    await this.#wait(this.#prefillMs)
    let made = byTokens ? (resume?.tokens.length ?? 0) : begun
    const limit = Math.min(this.#words, maxTokens)
    for (; made < limit && !this.#stopped(signal); made += 1) {
      await this.#wait(this.#tokenMs)
      this.computed += 1
      if (this.#stopped(signal)) break
      yield { kind: 'text', text: wordOf(made), ...(byTokens ? { tokens: [made] } : {}) }
    }
    const usage = { ...NO_USAGE, promptTokens: 8, prefillTokens: 8, completionTokens: made }
    if (signal.aborted) return yield { kind: 'end', reason: 'abort', usage, code: 'aborted', detail: '' }
    if (this.#owner) return yield { kind: 'end', reason: 'abort', usage, code: 'owner-first', detail: '' }
    yield { kind: 'end', reason: made < this.#words ? 'length' : 'stop', usage }
  }

  #stopped(signal: AbortSignal): boolean {
    return signal.aborted || this.#owner
  }

  async #free(signal: AbortSignal): Promise<void> {
    if (!this.#owner) return
    await new Promise<void>((resolve) => {
      this.#onFree.push(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.later(ms, resolve))
  }
}
