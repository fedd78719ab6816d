/**
 * The edge of `window.weft`: an unknown value in OpenAI's request shape becomes a `ChatRequest` or `request-invalid`
 * with the name of the field. Fields that would change the answer and that no engine here honours are refused rather
 * than ignored. Pure: the random seed is passed in.
 */
import {
  attempt,
  type Fields,
  flag,
  includeUsageOf,
  modelOf,
  record,
  refuse,
  refuseUnsupported,
  samplingOf,
  stopOf,
  whole,
} from './openai-fields.ts'
import type { ChatMessage, ChatRequest } from './wire/chat.ts'
import {
  EMBEDDING_TEXTS_MAX,
  MESSAGES_MAX,
  OUTPUT_TOKENS_DEFAULT,
  OUTPUT_TOKENS_MAX,
  PROMPT_CHARACTERS_MAX,
  SCHEMA_CHARACTERS_MAX,
} from './wire/limits/engine.ts'
import type { Result } from './wire/result.ts'

export interface ParsedRequest {
  readonly request: ChatRequest
  /** Name or id, as the caller wrote it. */
  readonly model: string | null
  readonly stream: boolean
  readonly includeUsage: boolean
}

const UNSUPPORTED = [
  'tools',
  'tool_choice',
  'functions',
  'function_call',
  'logit_bias',
  'audio',
  'prediction',
  'top_logprobs',
]
/** Allowed only with the value that changes nothing. */
const NEUTRAL: readonly (readonly [field: string, value: unknown])[] = [
  ['n', 1],
  ['logprobs', false],
  ['frequency_penalty', 0],
  ['presence_penalty', 0],
]

function contentOf(value: unknown, field: string): string {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return refuse(field, 'must be a text or a list of text parts')
  const parts = value.map((part, index) => {
    const item = record(part)
    const text = item?.['type'] === 'text' ? item['text'] : null
    return typeof text === 'string' ? text : refuse(`${field}[${index}]`, 'must be `{ type: "text", text }`')
  })
  return parts.join('')
}

function messageOf(value: unknown, index: number): ChatMessage {
  const item = record(value) ?? refuse(`messages[${index}]`, 'must be an object')
  const role = item['role'] === 'developer' ? 'system' : item['role']
  if (role !== 'system' && role !== 'user' && role !== 'assistant') {
    return refuse(`messages[${index}].role`, 'must be system, user or assistant')
  }
  return { role, content: contentOf(item['content'], `messages[${index}].content`) }
}

function messagesOf(fields: Fields): readonly ChatMessage[] {
  const list = fields['messages']
  if (!Array.isArray(list) || list.length === 0) return refuse('messages', 'must be a list with at least one message')
  if (list.length > MESSAGES_MAX) return refuse('messages', `has more than ${MESSAGES_MAX} entries`)
  const messages = list.map(messageOf)
  const characters = messages.reduce((sum, message) => sum + message.content.length, 0)
  if (characters > PROMPT_CHARACTERS_MAX) return refuse('messages', `has more than ${PROMPT_CHARACTERS_MAX} characters`)
  return messages
}

/** The text of the schema, which is read as a schema where it is used. Any object at all is no form to hold to. */
function schemaOf(fields: Fields): string | null {
  const format = fields['response_format'] ?? null
  if (format === null || record(format)?.['type'] === 'text') return null
  const asked = record(format)?.['type'] === 'json_schema' ? record(record(format)?.['json_schema'])?.['schema'] : null
  if (!record(asked)) refuse('response_format', 'is supported as text, and as json_schema with a schema')
  const text = JSON.stringify(asked)
  return text.length <= SCHEMA_CHARACTERS_MAX
    ? text
    : refuse('response_format', `has a schema of more than ${SCHEMA_CHARACTERS_MAX} characters`)
}

export function parseRequest(value: unknown, randomSeed: bigint): Result<ParsedRequest> {
  return attempt(value, (fields) => {
    refuseUnsupported(fields, UNSUPPORTED, NEUTRAL)
    const schema = schemaOf(fields)
    const messages = messagesOf(fields)
    const field = (fields['max_completion_tokens'] ?? null) === null ? 'max_tokens' : 'max_completion_tokens'
    const maxTokens = whole(fields, field, OUTPUT_TOKENS_DEFAULT, 1, OUTPUT_TOKENS_MAX)
    const sampling = samplingOf(fields, randomSeed)
    const held = schema === null ? {} : { schema }
    const request = { messages, ...held, sampling, maxTokens, stop: stopOf(fields) }
    const includeUsage = includeUsageOf(fields)
    return { request, model: modelOf(fields), stream: flag(fields, 'stream'), includeUsage }
  })
}

export interface ParsedEmbedding {
  readonly texts: readonly string[]
  readonly model: string | null
}

function textsOf(fields: Fields): readonly string[] {
  const value = fields['input']
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length === 0 || list.length > EMBEDDING_TEXTS_MAX)
    return refuse('input', `must have 1 to ${EMBEDDING_TEXTS_MAX} texts`)
  const texts = list.map((text) =>
    typeof text === 'string' && text !== '' ? text : refuse('input', 'must be a text or a list of texts, none empty'),
  )
  const characters = texts.reduce((sum, text) => sum + text.length, 0)
  return characters <= PROMPT_CHARACTERS_MAX
    ? texts
    : refuse('input', `has more than ${PROMPT_CHARACTERS_MAX} characters`)
}

export function parseEmbedding(value: unknown): Result<ParsedEmbedding> {
  return attempt(value, (fields) => {
    if ((fields['dimensions'] ?? null) !== null) refuse('dimensions', 'is not supported')
    if ((fields['encoding_format'] ?? 'float') !== 'float') refuse('encoding_format', 'is supported only as float')
    return { texts: textsOf(fields), model: modelOf(fields) }
  })
}
