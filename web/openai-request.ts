/**
 * The edge of `window.weft`: an unknown value in OpenAI's request shape becomes a `ChatRequest` or `request-invalid`
 * with the name of the field. Fields that would change the answer and that no engine here honours are refused rather
 * than ignored. Pure: the random seed is passed in.
 */
import { DEFAULT_SAMPLING } from './app-view.ts'
import type { ChatMessage, ChatRequest, Sampling } from './wire/chat.ts'
import {
  EMBEDDING_TEXTS_MAX,
  MESSAGES_MAX,
  NAME_CHARACTERS_MAX,
  OUTPUT_TOKENS_DEFAULT,
  OUTPUT_TOKENS_MAX,
  PROMPT_CHARACTERS_MAX,
  STOP_STRING_CHARACTERS_MAX,
  STOP_STRINGS_MAX,
  VOCABULARY_MAX,
} from './wire/limits.ts'
import { FailureError, fail, ok, type Result } from './wire/result.ts'

export interface ParsedRequest {
  readonly request: ChatRequest
  /** Name or id, as the caller wrote it. */
  readonly model: string | null
  readonly stream: boolean
  readonly includeUsage: boolean
}

type Fields = Readonly<Record<string, unknown>>

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

function refuse(field: string, why: string): never {
  throw new FailureError(fail('request-invalid', `\`${field}\` ${why}.`))
}

function record(value: unknown): Fields | null {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Fields) : null
}

/** A missing field and `null` mean the default, as in OpenAI's interface. */
function number(fields: Fields, field: string, fallback: number, min: number, max: number): number {
  const value = fields[field] ?? fallback
  if (typeof value === 'number' && value >= min && value <= max) return value
  return refuse(field, `must be a number from ${min} to ${max}`)
}

function whole(fields: Fields, field: string, fallback: number, min: number, max: number): number {
  const value = number(fields, field, fallback, min, max)
  return Number.isInteger(value) ? value : refuse(field, 'must be a whole number')
}

function flag(fields: Fields, field: string): boolean {
  const value = fields[field] ?? false
  return typeof value === 'boolean' ? value : refuse(field, 'must be true or false')
}

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

function stopOf(fields: Fields): readonly string[] {
  const value = fields['stop'] ?? []
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length > STOP_STRINGS_MAX) return refuse('stop', `has more than ${STOP_STRINGS_MAX} entries`)
  return list.map((text) => {
    const fits = typeof text === 'string' && text !== '' && text.length <= STOP_STRING_CHARACTERS_MAX
    return fits ? text : refuse('stop', `must hold texts of 1 to ${STOP_STRING_CHARACTERS_MAX} characters`)
  })
}

function seedOf(fields: Fields, randomSeed: bigint): bigint {
  const value = fields['seed'] ?? null
  if (value === null) return randomSeed
  if (typeof value === 'bigint') return BigInt.asUintN(64, value)
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt.asUintN(64, BigInt(value))
  return refuse('seed', 'must be a whole number')
}

function samplingOf(fields: Fields, randomSeed: bigint): Sampling {
  return {
    temperature: number(fields, 'temperature', DEFAULT_SAMPLING.temperature, 0, 2),
    topK: whole(fields, 'top_k', DEFAULT_SAMPLING.topK, 0, VOCABULARY_MAX),
    topP: number(fields, 'top_p', DEFAULT_SAMPLING.topP, 0, 1),
    minP: number(fields, 'min_p', DEFAULT_SAMPLING.minP, 0, 1),
    repetitionPenalty: number(fields, 'repetition_penalty', DEFAULT_SAMPLING.repetitionPenalty, 0.1, 10),
    seed: seedOf(fields, randomSeed),
  }
}

function refuseUnsupported(fields: Fields): void {
  for (const field of UNSUPPORTED) if ((fields[field] ?? null) !== null) refuse(field, 'is not supported')
  for (const [field, value] of NEUTRAL) {
    if ((fields[field] ?? value) !== value) refuse(field, `is supported only as ${String(value)}`)
  }
  const format = fields['response_format'] ?? null
  if (format !== null && record(format)?.['type'] !== 'text') refuse('response_format', 'is supported only as text')
}

function modelOf(fields: Fields): string | null {
  const value = fields['model'] ?? null
  if (value === null || (typeof value === 'string' && value.length <= NAME_CHARACTERS_MAX)) return value
  return refuse('model', 'must be the name or id of a model')
}

export function parseRequest(value: unknown, randomSeed: bigint): Result<ParsedRequest> {
  try {
    const fields = record(value) ?? refuse('request', 'must be an object')
    refuseUnsupported(fields)
    const messages = messagesOf(fields)
    const field = (fields['max_completion_tokens'] ?? null) === null ? 'max_tokens' : 'max_completion_tokens'
    const maxTokens = whole(fields, field, OUTPUT_TOKENS_DEFAULT, 1, OUTPUT_TOKENS_MAX)
    const options = record(fields['stream_options'] ?? {}) ?? refuse('stream_options', 'must be an object')
    const request = { messages, sampling: samplingOf(fields, randomSeed), maxTokens, stop: stopOf(fields) }
    const includeUsage = flag(options, 'include_usage')
    return ok({ request, model: modelOf(fields), stream: flag(fields, 'stream'), includeUsage })
  } catch (error) {
    if (error instanceof FailureError) return error.failure
    throw error
  }
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
  try {
    const fields = record(value) ?? refuse('request', 'must be an object')
    if ((fields['dimensions'] ?? null) !== null) refuse('dimensions', 'is not supported')
    if ((fields['encoding_format'] ?? 'float') !== 'float') refuse('encoding_format', 'is supported only as float')
    return ok({ texts: textsOf(fields), model: modelOf(fields) })
  } catch (error) {
    if (error instanceof FailureError) return error.failure
    throw error
  }
}
