/** How much of a conversation any engine reads at all, whatever its context; and what it takes before it is counted. Pure. */
import type { ChatMessage } from '../wire/chat.ts'
import { MESSAGES_MAX, PROMPT_CHARACTERS_MAX } from '../wire/limits/engine.ts'
import { type Failure, fail } from '../wire/result.ts'

/** `context-full` where it is more than that, else null. */
export function refuseOversize(messages: readonly ChatMessage[]): Failure | null {
  const characters = messages.reduce((sum, { content }) => sum + content.length, 0)
  if (messages.length <= MESSAGES_MAX && characters <= PROMPT_CHARACTERS_MAX) return null
  return fail('context-full', `${messages.length} messages with ${characters} characters.`)
}

/** Bytes of UTF-8 that a token of a common vocabulary stands for at the least, on average. */
const BYTES_PER_TOKEN = 3
/** What a template puts around a text. */
const TEMPLATE_TOKENS = 8

/** Of texts whose tokenizer is not here: more than they will take, rather than less. */
export function estimateTokens(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + TEMPLATE_TOKENS + Math.ceil(bytesOf(text) / BYTES_PER_TOKEN), 0)
}

function bytesOf(text: string): number {
  let bytes = 0
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4
  }
  return bytes
}
