/**
 * `window.weft`: chat completions, embeddings and the list of models in OpenAI's shape, over `App`; completions of a text
 * are in a file of their own. Requests queue in `App` behind
 * the page's own. What no OpenAI field can say (engine, adapter, reused tokens) is in the field `weft`.
 */
import type { ModelEntry } from './app-view.ts'
import { completionsOf, type TextCompletions } from './openai-completions.ts'
import { type ParsedRequest, parseEmbedding, parseRequest } from './openai-request.ts'
import {
  begin,
  type CallOptions,
  type Envelope,
  type FinishReason,
  findKey,
  type OpenAiApp,
  type OpenAiUsage,
  Run,
  randomSeed,
  toUsage,
  type WeftDetails,
  WeftError,
} from './openai-run.ts'
import { fail } from './wire/result.ts'

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
  readonly completions: TextCompletions
  readonly embeddings: { create(request: EmbeddingRequest, options?: CallOptions): Promise<EmbeddingList> }
  readonly models: { list(): Promise<{ readonly object: 'list'; readonly data: readonly ModelCard[] }> }
}

async function complete(completion: Run): Promise<ChatCompletion> {
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
async function* stream(completion: Run, includeUsage: boolean): ChunkStream {
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

export function createWeft(app: OpenAiApp): Weft {
  function create(request: ChatCompletionRequest & { stream: true }, options?: CallOptions): ChunkStreamPromise
  function create(request: ChatCompletionRequest, options?: CallOptions): Promise<ChatCompletion>
  function create(request: unknown, options: CallOptions = {}): Promise<ChatCompletion> | ChunkStreamPromise {
    const run = (parsed: ParsedRequest) => new Run('chatcmpl', app, parsed, options)
    return begin(run, parseRequest(request, randomSeed()), complete, stream)
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
  return {
    chat: { completions: { create } },
    completions: completionsOf(app),
    embeddings: { create: embed },
    models: { list },
  }
}
