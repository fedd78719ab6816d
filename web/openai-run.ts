/**
 * One request of `window.weft` on its way through `App`, whatever its shape: what its text, its good end and its failure
 * are, and what its envelope and the field `weft` say. The shapes themselves are of the files beside it.
 */
import type { App } from './app.ts'
import type { ParsedRequest } from './openai-request.ts'
import { type HeldNews, held } from './sdk/held-answer.ts'
import type { Answerer, ChatEvent, ChatRequest, Usage } from './wire/chat.ts'
import { type Code, explain } from './wire/codes.ts'
import { type Failure, fail, ok, type Result } from './wire/result.ts'

/** What of `App` these shapes stand on. */
export type OpenAiApp = Pick<App, 'start' | 'view' | 'ask' | 'embed'>

/** As `refuse` of `openai-fields.ts` names it. */
const FIELD = /^`([^`]+)`/

/** OpenAI's error body, with Weft's code. `error.code` says what failed; `message` is for a person. */
export class WeftError extends Error {
  readonly code: Code
  readonly detail: string
  /** `param`: the field that was refused, where one was. */
  readonly error: {
    readonly message: string
    readonly type: string
    readonly code: Code
    readonly param: string | null
  }
  constructor(failure: Failure) {
    const message = explain(failure.code, failure.detail)
    super(message)
    this.name = 'WeftError'
    this.code = failure.code
    this.detail = failure.detail
    const type =
      failure.code === 'request-invalid' || failure.code === 'schema-invalid' ? 'invalid_request_error' : 'engine_error'
    const param = (failure.code === 'request-invalid' && FIELD.exec(failure.detail)?.[1]) || null
    this.error = { message, type, code: failure.code, param }
  }
}

export interface WeftDetails {
  readonly engine: string
  readonly adapter: string
  readonly promptTokens: number
  readonly prefillTokens: number
  readonly reusedTokens: number
  readonly completionTokens: number
  readonly firstTokenMs: number | null
  readonly tokensPerSecond: number | null
  /** Of an answer with a schema: whether a grammar held the engine to it, and how often it was asked. */
  readonly schema?: HeldNews
  /** What happened on the way: `device-lost` where the answer went on after it. */
  readonly notices: readonly { readonly code: Code; readonly detail: string }[]
}

export interface OpenAiUsage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  readonly prompt_tokens_details: { readonly cached_tokens: number }
}

export type FinishReason = 'stop' | 'length'

export interface Envelope {
  readonly id: string
  readonly created: number
  readonly model: string
}

export interface CallOptions {
  readonly signal?: AbortSignal
}

export function randomSeed(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0] ?? 0n
}

export function toUsage(usage: Usage): OpenAiUsage {
  const { promptTokens, completionTokens, reusedTokens } = usage
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: reusedTokens },
  }
}

/** By id, else by name; null stands for the model that the page has picked. */
export function findKey(app: OpenAiApp, model: string | null): Result<string | undefined> {
  if (model === null) return ok(undefined)
  const { entries } = app.view
  const entry = entries.find((entry) => entry.key === model) ?? entries.find((entry) => entry.model.name === model)
  return entry ? ok(entry.key) : fail('model-unknown', `It asked for ${model}.`)
}

/** One request on its way: the envelope that all its chunks share, and what the end says. */
export class Run {
  readonly #id: string
  readonly #created = Math.floor(Date.now() / 1_000)
  readonly #notices: { code: Code; detail: string }[] = []
  readonly #app: OpenAiApp
  readonly #parsed: ParsedRequest
  readonly #signal: AbortSignal
  #answerer: Answerer | null = null
  #held: HeldNews | null = null

  /** `prefix`: of its id, by which OpenAI tells kinds apart. */
  constructor(prefix: string, app: OpenAiApp, parsed: ParsedRequest, { signal }: CallOptions) {
    this.#id = `${prefix}-${crypto.randomUUID()}`
    this.#app = app
    this.#parsed = parsed
    this.#signal = signal ?? new AbortController().signal
  }

  /** Only text and a good end come out; every other end is thrown as a `WeftError`. */
  async *events(): AsyncGenerator<{ text: string } | { reason: FinishReason; usage: Usage }, void, undefined> {
    await this.#app.start()
    const key = findKey(this.#app, this.#parsed.model)
    if (!key.ok) throw new WeftError(key)
    const ask = (request: ChatRequest) => this.#app.ask(request, this.#signal, key.value)
    const told = (news: HeldNews) => {
      this.#held = news
    }
    for await (const event of held(ask, this.#parsed.request, told)) {
      if (event.kind === 'text') yield { text: event.text }
      else if (event.kind === 'answerer') this.#answerer = event
      else if (event.kind === 'notice') this.#notices.push({ code: event.code, detail: event.detail })
      else if (event.kind === 'end') yield { reason: reasonOf(event), usage: event.usage }
    }
  }

  envelope(): Envelope {
    const model = this.#answerer?.modelId ?? this.#parsed.model ?? ''
    return { id: this.#id, created: this.#created, model }
  }

  details(usage: Usage): WeftDetails {
    const { engine = '', adapter = '' } = this.#answerer ?? {}
    return { engine, adapter, ...usage, ...(this.#held ? { schema: this.#held } : {}), notices: this.#notices }
  }
}

function reasonOf(end: Extract<ChatEvent, { kind: 'end' }>): FinishReason {
  if (end.reason === 'stop' || end.reason === 'length') return end.reason
  const code = end.reason === 'abort' ? 'aborted' : (end.code ?? 'gpu-error')
  throw new WeftError(fail(code, end.detail ?? ''))
}

/** A rejected promise is iterable too, so that a refused request throws where its chunks would have come. */
function iterable<Chunk, T extends AsyncGenerator<Chunk, void, undefined>>(
  promise: Promise<T>,
): Promise<T> & AsyncIterable<Chunk> {
  async function* chunks() {
    yield* await promise
  }
  return Object.assign(promise, { [Symbol.asyncIterator]: chunks })
}

type Streamed<Chunk> = Promise<AsyncGenerator<Chunk, void, undefined>> & AsyncIterable<Chunk>

/** Begins what was asked for, whole or as a stream; a request that was refused is thrown where it is awaited. */
export function begin<Whole, Chunk>(
  run: (parsed: ParsedRequest) => Run,
  parsed: Result<ParsedRequest>,
  complete: (run: Run) => Promise<Whole>,
  stream: (run: Run, includeUsage: boolean) => AsyncGenerator<Chunk, void, undefined>,
): Promise<Whole> | Streamed<Chunk> {
  if (!parsed.ok) return iterable(Promise.reject<AsyncGenerator<Chunk, void, undefined>>(new WeftError(parsed)))
  if (!parsed.value.stream) return complete(run(parsed.value))
  return iterable(Promise.resolve(stream(run(parsed.value), parsed.value.includeUsage)))
}
