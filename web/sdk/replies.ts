/** Short replies to a message, to pick one from. */
import { SDK_REPLIES_MAX } from '../wire/limits/sdk.ts'
import { type Chat, fill, type HelperOptions, invalid, type Prompt } from './helper-call.ts'

export interface RepliesOptions extends HelperOptions {
  /** How many (3). */
  readonly count?: number
  /** Who answers, and how: "a shop, kindly". */
  readonly as?: string
}

export function repliesPrompt(message: string, { count = 3, as }: RepliesOptions): Prompt {
  const who = as === undefined ? '' : ` You answer as ${as}.`
  return {
    system: `Write ${count} different short replies to the message, in its language, one sentence each.${who}`,
    user: message,
  }
}

export function repliesSchema(count: number): object {
  return { type: 'array', items: { type: 'string' }, minItems: count, maxItems: count }
}

export async function replies(weft: Chat, message: string, options: RepliesOptions = {}): Promise<readonly string[]> {
  const { count = 3 } = options
  if (!Number.isInteger(count) || count < 1 || count > SDK_REPLIES_MAX)
    throw invalid(`\`count\` must be 1 to ${SDK_REPLIES_MAX}.`)
  return (await fill(weft, repliesPrompt(message, options), repliesSchema(count), options)) as readonly string[]
}
