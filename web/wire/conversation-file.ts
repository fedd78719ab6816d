/**
 * Reads conversations from outside: export files (`weft-conversations/1`) and records that an older version of the app
 * kept. Every field is checked, unknown ones are dropped, and nothing is guessed. Pure.
 */
import {
  type AnsweredStage,
  type AnsweredWorker,
  type Answerer,
  ENGINE_NAMES,
  MODE_REASONS,
  type Sampling,
  type Usage,
} from './chat.ts'
import { CODES, type Code } from './codes.ts'
import {
  ANSWER_STATES,
  type Answer,
  type Attachment,
  CONTEXT_ENDS,
  type CommittedTokens,
  type Conversation,
  type ConversationSettings,
  type Message,
  type Notice,
  type Preset,
  type Question,
  SCOPES,
  type Summary,
} from './conversation.ts'
import { type Fields, readerOf } from './fields.ts'
import { ATTACHMENTS_MAX, CONVERSATIONS_MAX, MESSAGES_KEPT_MAX } from './limits/conversations.ts'
import { CONTEXT_POSITIONS_MAX, OUTPUT_TOKENS_MAX, PROMPT_CHARACTERS_MAX } from './limits/engine.ts'
import { LAYERS_MAX, NAME_CHARACTERS_MAX, VOCABULARY_MAX } from './limits/models.ts'
import { TIME_MS_MAX } from './limits/units.ts'
import type { Result } from './result.ts'
import { samplingWithoutSeed } from './sampling-fields.ts'

const reader = readerOf('import-invalid')
const { attempt, refuse, parseJson, record, list, words, id, idOrNull, orNull, number, whole, flag, oneOf } = reader

const CONVERSATION_FORMAT = 'weft-conversations/1'

export interface WholeConversation {
  readonly conversation: Conversation
  readonly messages: readonly Message[]
}

/** The text of an export file. */
export function writeConversationFile(whole: readonly WholeConversation[], nowMs: number): string {
  return JSON.stringify({ format: CONVERSATION_FORMAT, exportedMs: nowMs, conversations: whole }, null, 1)
}

/** Refusals: `import-invalid` with the place. Ids in the file hold together; whether they are new is for the reader. */
export function parseConversationFile(text: string): Result<readonly WholeConversation[]> {
  return attempt(() => {
    const file = record(parseJson(text), 'the file')
    if (file['format'] !== CONVERSATION_FORMAT) refuse('`format`', `is not ${CONVERSATION_FORMAT}`)
    return list(file['conversations'], '`conversations`', CONVERSATIONS_MAX).map((item, index) => {
      const place = `conversation ${index + 1}`
      const whole = record(item, place)
      const conversation = readConversation(record(whole['conversation'], place))
      const messages = list(whole['messages'], `messages of ${place}`, MESSAGES_KEPT_MAX).map((message) =>
        readMessage(record(message, `a message of ${place}`)),
      )
      if (messages.some(({ conversationId }) => conversationId !== conversation.id)) {
        refuse(place, 'has messages of another one')
      }
      return { conversation, messages }
    })
  })
}

export function parseConversation(value: unknown): Result<Conversation> {
  return attempt(() => readConversation(record(value, 'a conversation')))
}

export function parseMessage(value: unknown): Result<Message> {
  return attempt(() => readMessage(record(value, 'a message')))
}

export function parsePreset(value: unknown): Result<Preset> {
  return attempt(() => {
    const fields = record(value, 'a preset')
    return {
      id: id(fields, 'id'),
      name: words(fields, 'name', NAME_CHARACTERS_MAX),
      settings: readSettings(fields['settings']),
    }
  })
}

export function parseAnswerer(value: unknown): Result<Answerer> {
  return attempt(() => readAnswerer(value))
}

export function parseSettings(value: unknown): Result<ConversationSettings> {
  return attempt(() => readSettings(value))
}

/** The end of JavaScript's calendar. */
const TEXT_MAX = PROMPT_CHARACTERS_MAX

function readConversation(fields: Fields): Conversation {
  return {
    id: id(fields, 'id'),
    title: words(fields, 'title', NAME_CHARACTERS_MAX),
    titledBy: oneOf(fields, 'titledBy', ['first-message', 'person']),
    createdMs: number(fields, 'createdMs', 0, TIME_MS_MAX),
    changedMs: number(fields, 'changedMs', 0, TIME_MS_MAX),
    settings: readSettings(fields['settings']),
    // What was kept before there was a choice stays here.
    scope: orNull(fields, 'scope', () => oneOf(fields, 'scope', SCOPES)) ?? 'device',
    leafId: idOrNull(fields, 'leafId'),
    summaries: list(fields['summaries'], '`summaries`', MESSAGES_KEPT_MAX).map(readSummary),
    deletedMs: orNull(fields, 'deletedMs', () => number(fields, 'deletedMs', 0, TIME_MS_MAX)),
  }
}

function readSummary(value: unknown): Summary {
  const fields = record(value, 'a summary')
  return { text: words(fields, 'text', TEXT_MAX), upToId: id(fields, 'upToId') }
}

function readSettings(value: unknown): ConversationSettings {
  const fields = record(value, '`settings`')
  return {
    system: words(fields, 'system', TEXT_MAX),
    sampling: readSampling(fields['sampling']),
    answerTokensMax: number(fields, 'answerTokensMax', 1, OUTPUT_TOKENS_MAX),
    contextEnd: oneOf(fields, 'contextEnd', CONTEXT_ENDS),
  }
}

function readSampling(value: unknown): Omit<Sampling, 'seed'> {
  const fields = record(value, '`sampling`')
  return samplingWithoutSeed(reader, fields, 2)
}

function readMessage(fields: Fields): Message {
  const node = {
    id: id(fields, 'id'),
    conversationId: id(fields, 'conversationId'),
    parentId: idOrNull(fields, 'parentId'),
    createdMs: number(fields, 'createdMs', 0, TIME_MS_MAX),
  }
  const text = words(fields, 'text', TEXT_MAX)
  const role = oneOf(fields, 'role', ['user', 'assistant'])
  return role === 'user'
    ? { ...node, role, text, ...readQuestion(fields) }
    : { ...node, role, text, ...readAnswer(fields) }
}

function readQuestion(fields: Fields): Pick<Question, 'attachments'> {
  const attachments = list(fields['attachments'], '`attachments`', ATTACHMENTS_MAX).map((value): Attachment => {
    const attached = record(value, 'an attachment')
    return { name: words(attached, 'name', NAME_CHARACTERS_MAX), text: words(attached, 'text', TEXT_MAX) }
  })
  return { attachments }
}

function readAnswer(
  fields: Fields,
): Omit<Answer, 'id' | 'conversationId' | 'parentId' | 'createdMs' | 'role' | 'text'> {
  const window = record(fields['window'], '`window`')
  const raw = orNull(fields, 'raw', () => words(fields, 'raw', TEXT_MAX))
  const pinnedIds = orNull(window, 'pinnedIds', (all) =>
    list(all, '`pinnedIds`', MESSAGES_KEPT_MAX).map((one) => id({ one }, 'one')),
  )
  return {
    ...(raw === null ? {} : { raw }),
    state: oneOf(fields, 'state', ANSWER_STATES),
    failure: orNull(fields, 'failure', readNotice),
    notices: list(fields['notices'], '`notices`', MESSAGES_KEPT_MAX).map(readNotice),
    answerer: orNull(fields, 'answerer', readAnswerer),
    usage: orNull(fields, 'usage', readUsage),
    window: {
      fromId: idOrNull(window, 'fromId'),
      summary: orNull(window, 'summary', () => words(window, 'summary', TEXT_MAX)),
      ...(pinnedIds ? { pinnedIds } : {}),
    },
    committed: orNull(fields, 'committed', readCommitted),
  }
}

function readAnswerer(value: unknown): Answerer {
  const fields = record(value, '`answerer`')
  const why = orNull(fields, 'why', () => oneOf(fields, 'why', MODE_REASONS))
  const stages = orNull(fields, 'stages', (all) => list(all, '`stages`', LAYERS_MAX).map(readStage))
  const worker = orNull(fields, 'worker', readWorker)
  const insteadOf = orNull(fields, 'insteadOf', () => words(fields, 'insteadOf', NAME_CHARACTERS_MAX))
  const replaced = orNull(fields, 'replaced', () => whole(fields, 'replaced', PROMPT_CHARACTERS_MAX))
  const keptMs = orNull(fields, 'keptMs', () => number(fields, 'keptMs', 0, TIME_MS_MAX))
  return {
    engine: oneOf(fields, 'engine', ENGINE_NAMES),
    adapter: words(fields, 'adapter', NAME_CHARACTERS_MAX),
    modelId: words(fields, 'modelId', NAME_CHARACTERS_MAX),
    model: words(fields, 'model', NAME_CHARACTERS_MAX),
    ...(why ? { why } : {}),
    ...(stages ? { stages } : {}),
    ...(worker ? { worker } : {}),
    ...(insteadOf === null ? {} : { insteadOf }),
    ...(replaced === null ? {} : { replaced }),
    ...(keptMs === null ? {} : { keptMs }),
  }
}

function readWorker(value: unknown): AnsweredWorker {
  const fields = record(value, '`worker`')
  return {
    peer: words(fields, 'peer', NAME_CHARACTERS_MAX),
    engine: oneOf(fields, 'engine', ENGINE_NAMES),
    relayed: orNull(fields, 'relayed', () => flag(fields, 'relayed')),
  }
}

function readStage(value: unknown): AnsweredStage {
  const fields = record(value, 'a stage')
  const span = record(fields['span'], '`span`')
  return {
    span: { first: whole(span, 'first', LAYERS_MAX), last: whole(span, 'last', LAYERS_MAX) },
    peer: words(fields, 'peer', NAME_CHARACTERS_MAX),
    relayed: orNull(fields, 'relayed', () => flag(fields, 'relayed')),
  }
}

const SEED = /^\d{1,20}$/

function readCommitted(value: unknown): CommittedTokens {
  const fields = record(value, '`committed`')
  const seed = words(fields, 'seed', 20)
  if (!SEED.test(seed)) refuse('`seed`', 'is no number')
  return {
    seed,
    tokens: list(fields['tokens'], '`tokens`', CONTEXT_POSITIONS_MAX).map((id) => whole({ id }, 'id', VOCABULARY_MAX)),
    schedule: list(fields['schedule'], '`schedule`', CONTEXT_POSITIONS_MAX).map((item) => {
      const frame = record(item, 'a frame')
      const count = (field: string) => whole(frame, field, CONTEXT_POSITIONS_MAX)
      return { position: count('position'), count: count('count'), mode: oneOf(frame, 'mode', ['prefill', 'decode']) }
    }),
  }
}

function readNotice(value: unknown): Notice {
  const fields = record(value, 'a notice')
  const code = fields['code']
  // A code of another version of the app has no sentence here.
  if (typeof code !== 'string' || !(code in CODES)) refuse('`code`', 'is not known')
  return { code: code as Code, detail: words(fields, 'detail', TEXT_MAX) }
}

function readUsage(value: unknown): Usage {
  const fields = record(value, '`usage`')
  const count = (field: string) => whole(fields, field, Number.MAX_SAFE_INTEGER)
  const measured = (field: string) => orNull(fields, field, () => number(fields, field, 0, Number.MAX_VALUE))
  return {
    promptTokens: count('promptTokens'),
    reusedTokens: count('reusedTokens'),
    prefillTokens: count('prefillTokens'),
    completionTokens: count('completionTokens'),
    firstTokenMs: measured('firstTokenMs'),
    tokensPerSecond: measured('tokensPerSecond'),
  }
}
