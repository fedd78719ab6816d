/**
 * `window.weft.completions`: OpenAI's older completions, where the model writes on after a text as it stands. Reads the
 * request and says the answer in that shape; who answers and how is of `openai-run.ts`.
 */
import {
  attempt,
  type Fields,
  flag,
  includeUsageOf,
  modelOf,
  refuse,
  refuseUnsupported,
  samplingOf,
  stopOf,
  whole,
} from './openai-fields.ts'
import type { ParsedRequest } from './openai-request.ts'
import {
  begin,
  type CallOptions,
  type Envelope,
  type FinishReason,
  type OpenAiApp,
  type OpenAiUsage,
  Run,
  randomSeed,
  toUsage,
  type WeftDetails,
  WeftError,
} from './openai-run.ts'
import { OUTPUT_TOKENS_DEFAULT, OUTPUT_TOKENS_MAX, PROMPT_CHARACTERS_MAX } from './wire/limits/engine.ts'
import { fail, type Result } from './wire/result.ts'

interface Choice<Reason> {
  readonly index: 0
  readonly text: string
  readonly logprobs: null
  readonly finish_reason: Reason
}

export interface TextCompletion extends Envelope {
  readonly object: 'text_completion'
  readonly choices: readonly [Choice<FinishReason>]
  readonly usage: OpenAiUsage
  readonly weft: WeftDetails
}

export interface TextCompletionChunk extends Envelope {
  readonly object: 'text_completion'
  readonly choices: readonly Choice<FinishReason | null>[]
  readonly usage?: OpenAiUsage | null
  readonly weft?: WeftDetails
}

export interface TextCompletionRequest {
  readonly prompt: string | readonly [string]
  readonly stream?: boolean
  readonly [field: string]: unknown
}

type ChunkStream = AsyncGenerator<TextCompletionChunk, void, undefined>
/** `for await` works on what `create` returns, with and without an `await` before it. */
type ChunkStreamPromise = Promise<ChunkStream> & AsyncIterable<TextCompletionChunk>

export interface TextCompletions {
  create(request: TextCompletionRequest & { readonly stream: true }, options?: CallOptions): ChunkStreamPromise
  create(request: TextCompletionRequest, options?: CallOptions): Promise<TextCompletion>
}

const UNSUPPORTED = ['suffix', 'logprobs', 'logit_bias']
/** `best_of` draws several answers and shows one. */
const NEUTRAL: readonly (readonly [field: string, value: unknown])[] = [
  ['n', 1],
  ['best_of', 1],
  ['echo', false],
  ['frequency_penalty', 0],
  ['presence_penalty', 0],
]

/** Lists of texts are many requests in one, and lists of numbers are tokens of OpenAI's own vocabularies. */
function promptOf(fields: Fields): string {
  const value = fields['prompt']
  const text: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value
  if (typeof text !== 'string' || text === '') return refuse('prompt', 'must be one text that is not empty')
  if (text.length > PROMPT_CHARACTERS_MAX) return refuse('prompt', `has more than ${PROMPT_CHARACTERS_MAX} characters`)
  return text
}

/** Refusal: `request-invalid`, with the name of the field. */
export function parseCompletion(value: unknown, randomSeed: bigint): Result<ParsedRequest> {
  return attempt(value, (fields) => {
    refuseUnsupported(fields, UNSUPPORTED, NEUTRAL)
    const request = {
      messages: [{ role: 'user', content: promptOf(fields) }],
      raw: true,
      sampling: samplingOf(fields, randomSeed),
      maxTokens: whole(fields, 'max_tokens', OUTPUT_TOKENS_DEFAULT, 1, OUTPUT_TOKENS_MAX),
      stop: stopOf(fields),
    } as const
    const includeUsage = includeUsageOf(fields)
    return { request, model: modelOf(fields), stream: flag(fields, 'stream'), includeUsage }
  })
}

const choice = <Reason>(text: string, reason: Reason): Choice<Reason> => ({
  index: 0,
  text,
  logprobs: null,
  finish_reason: reason,
})

async function complete(run: Run): Promise<TextCompletion> {
  let text = ''
  for await (const event of run.events()) {
    if ('text' in event) text += event.text
    else {
      return {
        ...run.envelope(),
        object: 'text_completion',
        choices: [choice(text, event.reason)],
        usage: toUsage(event.usage),
        weft: run.details(event.usage),
      }
    }
  }
  throw new WeftError(fail('worker-lost', 'The answer has no end.'))
}

/** Text, then the reason, then (where asked for) the usage: OpenAI's order. */
async function* stream(run: Run, includeUsage: boolean): ChunkStream {
  const chunk = (choices: readonly Choice<FinishReason | null>[]): TextCompletionChunk => ({
    ...run.envelope(),
    object: 'text_completion',
    choices,
    ...(includeUsage ? { usage: null } : {}),
  })
  for await (const event of run.events()) {
    if ('text' in event) yield chunk([choice(event.text, null)])
    else {
      const weft = run.details(event.usage)
      yield { ...chunk([choice('', event.reason)]), weft }
      if (includeUsage) yield { ...chunk([]), usage: toUsage(event.usage), weft }
    }
  }
}

export function completionsOf(app: OpenAiApp): TextCompletions {
  function create(request: TextCompletionRequest & { stream: true }, options?: CallOptions): ChunkStreamPromise
  function create(request: TextCompletionRequest, options?: CallOptions): Promise<TextCompletion>
  function create(request: unknown, options: CallOptions = {}): Promise<TextCompletion> | ChunkStreamPromise {
    const run = (parsed: ParsedRequest) => new Run('cmpl', app, parsed, options)
    return begin(run, parseCompletion(request, randomSeed()), complete, stream)
  }
  return { create }
}
