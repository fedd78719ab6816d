/**
 * The prompt of an answer that goes on from its text, as plain text for WebLLM's completions: the conversation rendered
 * by the model's own template, the head of the reply, and what was said so far. WebLLM's chat interface cannot begin a
 * reply. Character for character what its chat interface would render. Pure.
 */
import { SpecialTokens } from '../tokens/special-tokens.ts'
import type { ChatMessage } from '../wire/chat.ts'
import { SPECIAL_TOKENS_MAX } from '../wire/limits/models.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { ConversationTemplate } from './chat-settings.ts'

const SYSTEM = '{system_message}'
const FUNCTION = '{function_string}'

/** The first one only, and nothing in `value` means anything: `$&` stays `$&`. */
function fill(template: string, slot: string, value: string): string {
  return template.replace(slot, () => value)
}

function systemText(template: ConversationTemplate, given: string | undefined): string {
  const message = given ?? template.system_message
  if (message === '' && !template.render_empty_system_message) return ''
  return fill(template.system_template, SYSTEM, message)
}

function messageText(template: ConversationTemplate, { role, content }: ChatMessage): string {
  const wrapped = template.role_templates[role]
  return wrapped === undefined ? content : fill(fill(wrapped, `{${role}_message}`, content), FUNCTION, '')
}

/**
 * What tokenises to the ids that the chat interface puts before a conversation and the completions interface does not:
 * the begin token, as `tokenizer.json` writes it. Empty where it names none of them.
 */
export function prefixText(template: ConversationTemplate, tokenizerJson: unknown): string {
  const added = (tokenizerJson as { added_tokens?: unknown } | null)?.added_tokens
  if (!Array.isArray(added)) return ''
  const textOf = (id: number) => {
    const token = (added as unknown[]).find((entry) => (entry as { id?: unknown } | null)?.id === id)
    const content = (token as { content?: unknown } | undefined)?.content
    return typeof content === 'string' ? content : ''
  }
  return template.system_prefix_token_ids.map(textOf).join('')
}

/**
 * What the tokenizer takes for a token of its own wherever it stands, as `tokenizer.json` lists it. Chat cannot keep it out
 * of messages (docs/WEBLLM.md); a raw prompt goes through here whole, so it can.
 */
export function marksOf(tokenizerJson: unknown): SpecialTokens {
  const added = (tokenizerJson as { added_tokens?: unknown } | null)?.added_tokens
  const marks: [number, string][] = []
  for (const entry of Array.isArray(added) ? (added as unknown[]).slice(0, SPECIAL_TOKENS_MAX) : []) {
    const { id, content, special } = (entry ?? {}) as { id?: unknown; content?: unknown; special?: unknown }
    if (special === true && typeof id === 'number' && typeof content === 'string') marks.push([id, content])
  }
  return new SpecialTokens(marks)
}

/**
 * The conversation in the parts that the chat interface tokenises one by one: the system message where there is one, one
 * a message, the head of the reply. Refusal: `request-invalid` where WebLLM would refuse the same conversation.
 */
export function promptParts(
  template: ConversationTemplate,
  messages: readonly ChatMessage[],
): Result<readonly string[]> {
  const [first] = messages
  const rest = first?.role === 'system' ? messages.slice(1) : messages
  if (rest.some(({ role }) => role === 'system'))
    return fail('request-invalid', 'Only the first message may be of the system.')
  if (rest.at(-1)?.role !== 'user') return fail('request-invalid', 'The last message is not of the user.')
  const system = systemText(template, first?.role === 'system' ? first.content : undefined)
  const parts = system === '' ? [] : [system]
  for (const [index, message] of rest.entries()) {
    const joined = index === 0 && system !== '' && !template.add_role_after_system_message
    const head = joined ? '' : (template.roles[message.role] ?? '') + template.role_content_sep
    parts.push(head + messageText(template, message) + (template.seps[index % template.seps.length] ?? ''))
  }
  return ok([...parts, (template.roles['assistant'] ?? '') + template.role_empty_sep])
}

/** `prefix`: from `prefixText`. Refusals: those of `promptParts`. */
export function begunPrompt(
  template: ConversationTemplate,
  messages: readonly ChatMessage[],
  begun: string,
  prefix = '',
): Result<string> {
  const parts = promptParts(template, messages)
  return parts.ok ? ok(prefix + parts.value.join('') + begun) : parts
}

/**
 * The chat interface fills its templates by `String.replace` with the message as the replacement, where `$$`, `$&` and
 * the like mean something: a message about shells or regular expressions would arrive changed. Doubling each `$` is what
 * undoes that. Delete when WebLLM passes a function (0.2.86 does not).
 */
export function shieldDollars(template: ConversationTemplate, messages: readonly ChatMessage[]): ChatMessage[] {
  return messages.map((message) => {
    const replaced = message.role === 'system' || template.role_templates[message.role] !== undefined
    return replaced ? { ...message, content: message.content.replaceAll('$', '$$$$') } : message
  })
}
