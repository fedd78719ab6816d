/** What every helper does with its prompt: one call, its text, and JSON where it asked for a form. Builds no prompts. */
import type { Weft } from '../openai.ts'
import { WeftError } from '../openai-run.ts'
import { SDK_ASKS_AT_ONCE } from '../wire/limits.ts'
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
}

/** A helper is to say the same of the same text. */
const TEMPERATURE = 0

function requestOf({ system, user }: Prompt, { model, maxTokens }: HelperOptions) {
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

const callOptions = ({ signal }: HelperOptions) => (signal ? { signal } : {})

export async function say(weft: Chat, prompt: Prompt, options: HelperOptions): Promise<string> {
  const answer = await weft.chat.completions.create(requestOf(prompt, options), callOptions(options))
  return answer.choices[0].message.content.trim()
}

/** The value, which fits the schema. */
export async function fill(weft: Chat, prompt: Prompt, schema: object, options: HelperOptions): Promise<unknown> {
  const response_format = { type: 'json_schema', json_schema: { name: 'answer', schema } }
  const request = { ...requestOf(prompt, options), response_format }
  const answer = await weft.chat.completions.create(request, callOptions(options))
  return JSON.parse(answer.choices[0].message.content)
}

export function invalid(why: string): WeftError {
  return new WeftError(fail('request-invalid', why))
}

/** As `Promise.all` over the items, in order, with few at once. */
export async function each<T, R>(items: readonly T[], run: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = []
  const queue = items.entries()
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await run(item)
  }
  await Promise.all(Array.from({ length: SDK_ASKS_AT_ONCE }, worker))
  return results
}
