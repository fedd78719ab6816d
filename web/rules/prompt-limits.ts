/** How much of a conversation any engine reads at all, whatever its context. Pure. */
import type { ChatMessage } from '../wire/chat.ts'
import { MESSAGES_MAX, PROMPT_CHARACTERS_MAX } from '../wire/limits.ts'
import { type Failure, fail } from '../wire/result.ts'

/** `context-full` where it is more than that, else null. */
export function refuseOversize(messages: readonly ChatMessage[]): Failure | null {
  const characters = messages.reduce((sum, { content }) => sum + content.length, 0)
  if (messages.length <= MESSAGES_MAX && characters <= PROMPT_CHARACTERS_MAX) return null
  return fail('context-full', `${messages.length} messages with ${characters} characters.`)
}
