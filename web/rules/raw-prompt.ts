/**
 * What a raw prompt may be: one text, after which a model writes on as it stands. The same for every engine, so that a
 * job that one refuses is refused by all. Pure; knows no token.
 */
import type { ChatMessage } from '../wire/chat.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import { refuseOversize } from './prompt-limits.ts'

/** Refusals: `request-invalid`; `context-full` past `PROMPT_CHARACTERS_MAX`. */
export function rawText(messages: readonly ChatMessage[]): Result<string> {
  const [only] = messages
  if (messages.length !== 1 || only?.role !== 'user')
    return fail('request-invalid', 'A raw prompt is one message of the user.')
  // Not every model has a begin token, and without one there would be nothing to go on from.
  if (only.content === '') return fail('request-invalid', 'A raw prompt is not empty.')
  return refuseOversize(messages) ?? ok(only.content)
}
