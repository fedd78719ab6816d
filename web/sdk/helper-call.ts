/** What every helper does with its prompt: one call, its text, and JSON where it asked for a form. Builds no prompts. */
import type { ChatCompletionRequest, Weft } from '../openai.ts'
import { WeftError } from '../openai-run.ts'
import { SDK_ASKS_AT_ONCE } from '../wire/limits/sdk.ts'
import { fail } from '../wire/result.ts'

export type Chat = Pick<Weft, 'chat'>

export interface Prompt {
  readonly system: string
  readonly user: string
}

export interface HelperOptions {
  /** By id or name; none stands for the picked one. */
  readonly model?: string
  readonly maxTokens?: number
  readonly signal?: AbortSignal
  /** Hears the whole text that there is so far, each time that more has come; of an answer by a schema, its JSON. */
  readonly onText?: (text: string) => void
}

/** Of a text that is read in pieces. */
export interface PieceOptions extends HelperOptions {
  /** Hears how many pieces are done, of all that are known so far. */
  readonly onPiece?: (done: number, all: number) => void
}

/** A helper is to say the same of the same text. */
const TEMPERATURE = 0

function requestOf({ system, user }: Prompt, { model, maxTokens }: HelperOptions): ChatCompletionRequest {
  return {
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: user },
    ],
    temperature: TEMPERATURE,
    ...(model === undefined ? {} : { model }),
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
  }
}

async function textOf(weft: Chat, request: ChatCompletionRequest, options: HelperOptions): Promise<string> {
  const { signal, onText } = options
  const call = signal ? { signal } : {}
  const { completions } = weft.chat
  if (!onText) return (await completions.create(request, call)).choices[0].message.content
  let text = ''
  for await (const { choices } of completions.create({ ...request, stream: true }, call)) {
    const more = choices[0]?.delta.content ?? ''
    text += more
    if (more !== '') onText(text)
  }
  return text
}

export async function say(weft: Chat, prompt: Prompt, options: HelperOptions): Promise<string> {
  return (await textOf(weft, requestOf(prompt, options), options)).trim()
}

/** The value, which fits the schema. */
export async function fill(weft: Chat, prompt: Prompt, schema: object, options: HelperOptions): Promise<unknown> {
  const response_format = { type: 'json_schema', json_schema: { name: 'answer', schema } }
  return JSON.parse(await textOf(weft, { ...requestOf(prompt, options), response_format }, options))
}

export function invalid(why: string): WeftError {
  return new WeftError(fail('request-invalid', why))
}

/** As `Promise.all` over the items, in order, with few at once. */
export async function each<T, R>(
  items: readonly T[],
  run: (item: T, index: number) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = []
  const queue = items.entries()
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await run(item, index)
  }
  await Promise.all(Array.from({ length: SDK_ASKS_AT_ONCE }, worker))
  return results
}
