/**
 * What a part of a job says: its request, or one event of its answer. JSON, read once where it arrives, with a cap on every
 * text, list and number; on the wire it is UTF-8 (`schedule/jobs/part-bytes.ts`). Vectors: `job-parts.vectors.json`.
 */
import { type ChatEvent, type ChatMessage, type ChatRequest, type Committed, ENGINE_NAMES, type Usage } from './chat.ts'
import { CODES, type Code } from './codes.ts'
import { fromBase64Url, toBase64Url } from './device-keys.ts'
import { type Fields, readerOf } from './fields.ts'
import type { ScheduledFrame } from './frame-schedule.ts'
import {
  CONTEXT_POSITIONS_MAX,
  EMBEDDING_TEXTS_MAX,
  MESSAGES_MAX,
  OUTPUT_TOKENS_MAX,
  PREFILL_ROWS_MAX,
  PROMPT_CHARACTERS_MAX,
  SCHEMA_CHARACTERS_MAX,
  STOP_STRING_CHARACTERS_MAX,
  STOP_STRINGS_MAX,
} from './limits/engine.ts'
import { JOB_INPUT_BYTES_MAX, JOB_PART_BYTES_MAX } from './limits/jobs.ts'
import { HIDDEN_WIDTH_MAX } from './limits/links.ts'
import { DETAIL_CHARACTERS_MAX } from './limits/mesh.ts'
import { NAME_CHARACTERS_MAX, VOCABULARY_MAX } from './limits/models.ts'
import { allFinite } from './peer-frame.ts'
import type { Result } from './result.ts'
import { samplingWithoutSeed } from './sampling-fields.ts'

/** `vectors`: of the next texts of an embedding, in their order. */
export type JobEvent = ChatEvent | { readonly kind: 'vectors'; readonly vectors: readonly Float32Array[] }
export type JobEnd = Extract<JobEvent, { readonly kind: 'end' }>

const SEED = /^[0-9a-f]{16}$/
const MS_MAX = 1e12
const TOKENS_PER_SECOND_MAX = 1e6
const KINDS = ['prefill', 'answerer', 'schedule', 'text', 'notice', 'end', 'vectors'] as const
const reader = readerOf('frame-invalid')
const { attempt, refuse, parseJson, record, list, words, orNull, number, whole, oneOf } = reader

export function writeChatJob(request: ChatRequest): string {
  const { messages, raw, schema, sampling, maxTokens, stop, resume } = request
  const seed = sampling.seed.toString(16).padStart(16, '0')
  return JSON.stringify({
    messages: messages.map(({ role, content }) => ({ role, content })),
    ...(raw ? { raw } : {}),
    ...(schema === undefined ? {} : { schema }),
    sampling: { ...sampling, seed },
    maxTokens,
    stop,
    ...(resume ? { resume: { ...resume, schedule: writeSchedule(resume.schedule) } } : {}),
  })
}

/** Refusals: `frame-invalid`. */
export function readChatJob(text: string): Result<ChatRequest> {
  return attempt(() => {
    const fields = recordOf(text, JOB_INPUT_BYTES_MAX)
    const messages = list(fields['messages'], '`messages`', MESSAGES_MAX).map(messageOf)
    if (messages.length === 0) refuse('`messages`', 'is empty')
    limitSum(messages.map(({ content }) => content))
    const raw = orNull(fields, 'raw', (value) => value === true || refuse('`raw`', 'is not true'))
    if (raw && (messages.length !== 1 || messages[0]?.role !== 'user')) refuse('`messages`', 'is not one text')
    const schema = orNull(fields, 'schema', () => words(fields, 'schema', SCHEMA_CHARACTERS_MAX))
    const maxTokens = whole(fields, 'maxTokens', OUTPUT_TOKENS_MAX)
    const resume = orNull(fields, 'resume', committedOf)
    return {
      messages,
      ...(raw ? { raw: true } : {}),
      ...(schema === null ? {} : { schema }),
      sampling: samplingOf(fields['sampling']),
      maxTokens: maxTokens > 0 ? maxTokens : refuse('`maxTokens`', 'is zero'),
      stop: list(fields['stop'], '`stop`', STOP_STRINGS_MAX).map((stop) => {
        return words({ stop }, 'stop', STOP_STRING_CHARACTERS_MAX) || refuse('`stop`', 'is empty')
      }),
      ...(resume ? { resume } : {}),
    }
  })
}

export function writeTextsJob(texts: readonly string[]): string {
  return JSON.stringify({ texts })
}

/** Refusals: `frame-invalid`. */
export function readTextsJob(text: string): Result<readonly string[]> {
  return attempt(() => {
    const fields = recordOf(text, JOB_INPUT_BYTES_MAX)
    const texts = list(fields['texts'], '`texts`', EMBEDDING_TEXTS_MAX).map((text) => textOf({ text }, 'text'))
    limitSum(texts)
    return texts.length > 0 ? texts : refuse('`texts`', 'is empty')
  })
}

export function writeJobEvent(event: JobEvent): string {
  switch (event.kind) {
    case 'schedule':
      return JSON.stringify({ ...event, frames: writeSchedule(event.frames) })
    case 'vectors':
      return JSON.stringify({ ...event, vectors: event.vectors.map(writeVector) })
    case 'answerer': {
      // Why it was made there and over which stages is the asker's to say.
      const { kind, engine, adapter, modelId, model } = event
      return JSON.stringify({ kind, engine, adapter, modelId, model })
    }
    case 'notice':
    case 'end': {
      const detail = event.detail?.slice(0, DETAIL_CHARACTERS_MAX)
      return JSON.stringify({ ...event, ...(detail === undefined ? {} : { detail }) })
    }
    default:
      return JSON.stringify(event)
  }
}

/** Refusals: `frame-invalid`. */
export function readJobEvent(text: string): Result<JobEvent> {
  return attempt((): JobEvent => {
    const fields = recordOf(text, JOB_PART_BYTES_MAX)
    const kind = oneOf(fields, 'kind', KINDS)
    switch (kind) {
      case 'prefill':
        return {
          kind,
          done: whole(fields, 'done', CONTEXT_POSITIONS_MAX),
          total: whole(fields, 'total', CONTEXT_POSITIONS_MAX),
        }
      case 'answerer':
        return {
          kind,
          engine: oneOf(fields, 'engine', ENGINE_NAMES),
          adapter: words(fields, 'adapter', NAME_CHARACTERS_MAX),
          modelId: words(fields, 'modelId', NAME_CHARACTERS_MAX),
          model: words(fields, 'model', NAME_CHARACTERS_MAX),
        }
      case 'schedule':
        return { kind, frames: readSchedule(fields['frames']) }
      case 'text': {
        const tokens = orNull(fields, 'tokens', tokensOf)
        return { kind, text: textOf(fields, 'text'), ...(tokens ? { tokens } : {}) }
      }
      case 'notice':
        return { kind, code: codeOf(fields), detail: words(fields, 'detail', DETAIL_CHARACTERS_MAX) }
      case 'end': {
        const code = orNull(fields, 'code', () => codeOf(fields))
        const detail = orNull(fields, 'detail', () => words(fields, 'detail', DETAIL_CHARACTERS_MAX))
        return {
          kind,
          reason: oneOf(fields, 'reason', ['stop', 'length', 'abort', 'error']),
          usage: usageOf(fields['usage']),
          ...(code === null ? {} : { code }),
          ...(detail === null ? {} : { detail }),
        }
      }
      case 'vectors': {
        const vectors = list(fields['vectors'], '`vectors`', EMBEDDING_TEXTS_MAX).map(vectorOf)
        return vectors.length > 0 ? { kind, vectors } : refuse('`vectors`', 'is empty')
      }
      default:
        return kind satisfies never
    }
  })
}

function recordOf(text: string, charactersMax: number): Fields {
  if (text.length > charactersMax) refuse('A part', `has ${text.length} characters of ${charactersMax}`)
  return record(parseJson(text), 'A part')
}

function textOf(fields: Fields, field: string): string {
  return words(fields, field, PROMPT_CHARACTERS_MAX)
}

function limitSum(texts: readonly string[]): void {
  const characters = texts.reduce((sum, { length }) => sum + length, 0)
  if (characters > PROMPT_CHARACTERS_MAX) refuse('The request', `has ${characters} characters`)
}

function messageOf(value: unknown): ChatMessage {
  const fields = record(value, 'A message')
  return { role: oneOf(fields, 'role', ['system', 'user', 'assistant']), content: textOf(fields, 'content') }
}

function samplingOf(value: unknown): ChatRequest['sampling'] {
  const fields = record(value, '`sampling`')
  const seed = words(fields, 'seed', 16)
  return {
    ...samplingWithoutSeed(reader, fields, 100),
    seed: SEED.test(seed) ? BigInt(`0x${seed}`) : refuse('`seed`', 'is no seed'),
  }
}

function committedOf(value: unknown): Committed {
  const fields = record(value, '`resume`')
  return {
    text: textOf(fields, 'text'),
    tokens: tokensOf(fields['tokens']),
    spent: whole(fields, 'spent', OUTPUT_TOKENS_MAX),
    schedule: readSchedule(fields['schedule']),
  }
}

function tokensOf(value: unknown): readonly number[] {
  return list(value, '`tokens`', OUTPUT_TOKENS_MAX).map((id) => whole({ id }, 'id', VOCABULARY_MAX))
}

/** A newer worker may know more codes than this page. */
function codeOf(fields: Fields): Code {
  const code = words(fields, 'code', 64)
  return Object.hasOwn(CODES, code) ? (code as Code) : 'peer-refused'
}

function usageOf(value: unknown): Usage {
  const fields = record(value, '`usage`')
  const count = (field: string) => whole(fields, field, 2 * CONTEXT_POSITIONS_MAX)
  return {
    promptTokens: count('promptTokens'),
    reusedTokens: count('reusedTokens'),
    prefillTokens: count('prefillTokens'),
    completionTokens: count('completionTokens'),
    firstTokenMs: orNull(fields, 'firstTokenMs', () => number(fields, 'firstTokenMs', 0, MS_MAX)),
    tokensPerSecond: orNull(fields, 'tokensPerSecond', () =>
      number(fields, 'tokensPerSecond', 0, TOKENS_PER_SECOND_MAX),
    ),
  }
}

/**
 * Runs of frames that follow each other, `[position, count, mode, times]` with mode 1 for prefill: the answers of a long
 * conversation ran token by token, and each would be a frame.
 */
function writeSchedule(frames: readonly ScheduledFrame[]): number[][] {
  const runs: [position: number, count: number, mode: number, times: number][] = []
  for (const { position, count, mode } of frames) {
    const last = runs.at(-1)
    const prefill = mode === 'prefill' ? 1 : 0
    if (last && last[1] === count && last[2] === prefill && last[0] + last[3] * count === position) last[3] += 1
    else runs.push([position, count, prefill, 1])
  }
  return runs
}

function readSchedule(value: unknown): readonly ScheduledFrame[] {
  const frames: ScheduledFrame[] = []
  for (const run of list(value, '`schedule`', CONTEXT_POSITIONS_MAX)) {
    const [position, count, prefill, times] = list(run, 'A run', 4)
    const fields = { position, count, prefill, times }
    const [first, rows] = [whole(fields, 'position', CONTEXT_POSITIONS_MAX), whole(fields, 'count', PREFILL_ROWS_MAX)]
    const [mode, many] = [whole(fields, 'prefill', 1), whole(fields, 'times', CONTEXT_POSITIONS_MAX)]
    if (rows < 1 || many < 1 || first + rows * many > CONTEXT_POSITIONS_MAX) refuse('`schedule`', 'is beyond a context')
    if (frames.length + many > CONTEXT_POSITIONS_MAX) refuse('`schedule`', 'has too many frames')
    for (let index = 0; index < many; index += 1) {
      frames.push({ position: first + index * rows, count: rows, mode: mode === 1 ? 'prefill' : 'decode' })
    }
  }
  return frames
}

/** Little-endian, as this machine is. */
function writeVector({ buffer, byteOffset, byteLength }: Float32Array): string {
  return toBase64Url(new Uint8Array(buffer, byteOffset, byteLength))
}

function vectorOf(value: unknown): Float32Array {
  const bytes = fromBase64Url(words({ value }, 'value', Math.ceil((HIDDEN_WIDTH_MAX * 16) / 3)))
  if (!bytes || bytes.length === 0 || bytes.length % 4 !== 0) return refuse('A vector', 'is malformed')
  const vector = new Float32Array(bytes.buffer)
  return allFinite(vector) ? vector : refuse('A vector', 'holds values that are no numbers')
}
