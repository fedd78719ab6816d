/**
 * `window.weft`: chat completions, embeddings and the list of models in OpenAI's shape, over `App`. Requests queue in `App` behind
 * the page's own. What no OpenAI field can say (engine, adapter, reused tokens) is in the field `weft`.
 */
import type { App } from './app.ts'
import type { ModelEntry } from './app-view.ts'
import { type ParsedRequest, parseEmbedding, parseRequest } from './openai-request.ts'
import type { Answerer, ChatEvent, Usage } from './wire/chat.ts'
import { type Code, explain } from './wire/codes.ts'
import { type Failure, fail, ok, type Result } from './wire/result.ts'

/** OpenAI's error body, with Weft's code. `error.code` says what failed; `message` is for a person. */
export class WeftError extends Error {
  readonly code: Code
  readonly error: { readonly message: string; readonly type: string; readonly code: Code }
  constructor(failure: Failure) {
    const message = explain(failure.code, failure.detail)
    super(message)
    this.name = 'WeftError'
    this.code = failure.code
    const type = failure.code === 'request-invalid' ? 'invalid_request_error' : 'engine_error'
    this.error = { message, type, code: failure.code }
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
  /** What happened on the way: `device-lost` where the answer went on after it. */
  readonly notices: readonly { readonly code: Code; readonly detail: string }[]
}

interface OpenAiUsage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  readonly prompt_tokens_details: { readonly cached_tokens: number }
}

type FinishReason = 'stop' | 'length'

interface Envelope {
  readonly id: string
  readonly created: number
  readonly model: string
}

export interface ChatCompletion extends Envelope {
  readonly object: 'chat.completion'
  readonly choices: readonly [
    {
      readonly index: 0
      readonly message: { readonly role: 'assistant'; readonly content: string; readonly refusal: null }
      readonly logprobs: null
      readonly finish_reason: FinishReason
    },
  ]
  readonly usage: OpenAiUsage
  readonly weft: WeftDetails
}

export interface ChatCompletionChunk extends Envelope {
  readonly object: 'chat.completion.chunk'
  readonly choices: readonly {
    readonly index: 0
    readonly delta: { readonly role?: 'assistant'; readonly content?: string }
    readonly logprobs: null
    readonly finish_reason: FinishReason | null
  }[]
  readonly usage?: OpenAiUsage | null
  readonly weft?: WeftDetails
}

export interface ChatCompletionRequest {
  readonly messages: readonly { readonly role: string; readonly content: unknown }[]
  readonly stream?: boolean
  readonly [field: string]: unknown
}

export type ChunkStream = AsyncGenerator<ChatCompletionChunk, void, undefined>
/** `for await` works on what `create` returns, with and without an `await` before it. */
export type ChunkStreamPromise = Promise<ChunkStream> & AsyncIterable<ChatCompletionChunk>

interface CallOptions {
  readonly signal?: AbortSignal
}

export interface ModelCard {
  readonly id: string
  readonly object: 'model'
  readonly created: number
  readonly owned_by: string
  readonly weft: Pick<ModelEntry, 'kept' | 'fit'> & {
    readonly name: string
    readonly license: string
    readonly fileBytes: number
  }
}

export interface EmbeddingRequest {
  readonly input: string | readonly string[]
  readonly [field: string]: unknown
}

export interface EmbeddingList {
  readonly object: 'list'
  readonly data: readonly {
    readonly object: 'embedding'
    readonly index: number
    readonly embedding: readonly number[]
  }[]
  readonly model: string
  readonly usage: { readonly prompt_tokens: number; readonly total_tokens: number }
}

export interface Weft {
  readonly chat: {
    readonly completions: {
      create(request: ChatCompletionRequest & { readonly stream: true }, options?: CallOptions): ChunkStreamPromise
      create(request: ChatCompletionRequest, options?: CallOptions): Promise<ChatCompletion>
    }
  }
  readonly embeddings: { create(request: EmbeddingRequest, options?: CallOptions): Promise<EmbeddingList> }
  readonly models: { list(): Promise<{ readonly object: 'list'; readonly data: readonly ModelCard[] }> }
}

function randomSeed(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0] ?? 0n
}

function toUsage(usage: Usage): OpenAiUsage {
  const { promptTokens, completionTokens, reusedTokens } = usage
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: reusedTokens },
  }
}

/** By id, else by name; null stands for the model that the page has picked. */
function findKey(app: App, model: string | null): Result<string | undefined> {
  if (model === null) return ok(undefined)
  const { entries } = app.view
  const entry = entries.find((entry) => entry.key === model) ?? entries.find((entry) => entry.model.name === model)
  return entry ? ok(entry.key) : fail('model-unknown', `It asked for ${model}.`)
}

/** One request on its way: the envelope that all its chunks share, and what the end says. */
class Completion {
  readonly id = `chatcmpl-${crypto.randomUUID()}`
  readonly #created = Math.floor(Date.now() / 1_000)
  readonly #notices: { code: Code; detail: string }[] = []
  readonly #app: App
  readonly #parsed: ParsedRequest
  readonly #signal: AbortSignal
  #answerer: Answerer | null = null

  constructor(app: App, parsed: ParsedRequest, signal: AbortSignal) {
    this.#app = app
    this.#parsed = parsed
    this.#signal = signal
  }

  /** Only text and a good end come out; every other end is thrown as a `WeftError`. */
  async *events(): AsyncGenerator<{ text: string } | { reason: FinishReason; usage: Usage }, void, undefined> {
    await this.#app.start()
    const key = findKey(this.#app, this.#parsed.model)
    if (!key.ok) throw new WeftError(key)
    for await (const event of this.#app.ask(this.#parsed.request, this.#signal, key.value)) {
      if (event.kind === 'text') yield { text: event.text }
      else if (event.kind === 'answerer') this.#answerer = event
      else if (event.kind === 'notice') this.#notices.push({ code: event.code, detail: event.detail })
      else if (event.kind === 'end') yield { reason: reasonOf(event), usage: event.usage }
    }
  }

  envelope(): Envelope {
    const model = this.#answerer?.modelId ?? this.#parsed.model ?? ''
    return { id: this.id, created: this.#created, model }
  }

  details(usage: Usage): WeftDetails {
    const { engine = '', adapter = '' } = this.#answerer ?? {}
    return { engine, adapter, ...usage, notices: this.#notices }
  }
}

function reasonOf(end: Extract<ChatEvent, { kind: 'end' }>): FinishReason {
  if (end.reason === 'stop' || end.reason === 'length') return end.reason
  const code = end.reason === 'abort' ? 'aborted' : (end.code ?? 'gpu-error')
  throw new WeftError(fail(code, end.detail ?? ''))
}

async function complete(completion: Completion): Promise<ChatCompletion> {
  let content = ''
  for await (const event of completion.events()) {
    if ('text' in event) content += event.text
    else {
      const message = { role: 'assistant', content, refusal: null } as const
      return {
        ...completion.envelope(),
        object: 'chat.completion',
        choices: [{ index: 0, message, logprobs: null, finish_reason: event.reason }],
        usage: toUsage(event.usage),
        weft: completion.details(event.usage),
      }
    }
  }
  throw new WeftError(fail('worker-lost', 'The answer has no end.'))
}

/** Role first, then text, then the reason, then (where asked for) the usage: OpenAI's order. */
async function* stream(completion: Completion, includeUsage: boolean): ChunkStream {
  const chunk = (
    delta: { role?: 'assistant'; content?: string },
    reason: FinishReason | null,
  ): ChatCompletionChunk => ({
    ...completion.envelope(),
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }],
    ...(includeUsage ? { usage: null } : {}),
  })
  let begun = false
  for await (const event of completion.events()) {
    if (!begun) yield chunk({ role: 'assistant', content: '' }, null)
    begun = true
    if ('text' in event) yield chunk({ content: event.text }, null)
    else {
      const weft = completion.details(event.usage)
      yield { ...chunk({}, event.reason), weft }
      if (includeUsage) yield { ...chunk({}, null), choices: [], usage: toUsage(event.usage), weft }
    }
  }
}

/** A rejected promise is iterable too, so that a refused request throws where its chunks would have come. */
function iterable<T extends ChunkStream>(promise: Promise<T>): Promise<T> & AsyncIterable<ChatCompletionChunk> {
  async function* chunks() {
    yield* await promise
  }
  return Object.assign(promise, { [Symbol.asyncIterator]: chunks })
}

export function createWeft(app: App): Weft {
  function create(request: ChatCompletionRequest & { stream: true }, options?: CallOptions): ChunkStreamPromise
  function create(request: ChatCompletionRequest, options?: CallOptions): Promise<ChatCompletion>
  function create(request: unknown, options: CallOptions = {}): Promise<ChatCompletion> | ChunkStreamPromise {
    const parsed = parseRequest(request, randomSeed())
    if (!parsed.ok) return iterable(Promise.reject<ChunkStream & ChatCompletion>(new WeftError(parsed)))
    const completion = new Completion(app, parsed.value, options.signal ?? new AbortController().signal)
    if (!parsed.value.stream) return complete(completion)
    return iterable(Promise.resolve(stream(completion, parsed.value.includeUsage)))
  }
  async function embed(request: EmbeddingRequest, options: CallOptions = {}): Promise<EmbeddingList> {
    const parsed = parseEmbedding(request)
    if (!parsed.ok) throw new WeftError(parsed)
    await app.start()
    const key = findKey(app, parsed.value.model)
    if (!key.ok) throw new WeftError(key)
    const made = await app.embed(parsed.value.texts, options.signal ?? new AbortController().signal, key.value)
    if (!made.ok) throw new WeftError(made)
    const { vectors, promptTokens, modelId } = made.value
    const data = vectors.map((vector, index) => ({ object: 'embedding' as const, index, embedding: [...vector] }))
    const usage = { prompt_tokens: promptTokens, total_tokens: promptTokens }
    return { object: 'list', data, model: modelId, usage }
  }
  const card = ({ key, model, kept, fit }: ModelEntry): ModelCard => {
    const { name, license, fileBytes } = model
    return { id: key, object: 'model', created: 0, owned_by: 'weft', weft: { name, license, fileBytes, kept, fit } }
  }
  const list = async () => {
    await app.start()
    return { object: 'list' as const, data: app.view.entries.map(card) }
  }
  return { chat: { completions: { create } }, embeddings: { create: embed }, models: { list } }
}
