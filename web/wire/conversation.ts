/**
 * What a conversation is: a tree of messages, of which one branch is shown, with settings of its own. These shapes are
 * kept in the browser and written into export files. Types and defaults only; `conversation-file.ts` reads them back.
 */
import type { Answerer, Sampling, Usage } from './chat.ts'
import type { Code } from './codes.ts'
import type { ScheduledFrame } from './frame-schedule.ts'

/** What happens when the next question does not fit what the model can read. */
export const CONTEXT_ENDS = ['stop', 'drop', 'summarise'] as const
export type ContextEnd = (typeof CONTEXT_ENDS)[number]

/**
 * Who may take part in answering. Of one conversation, chosen in it: no preset and no default carries it, so that nothing
 * leaves the device by a setting that was made elsewhere.
 */
export const SCOPES = ['device', 'room', 'anyone'] as const
export type Scope = (typeof SCOPES)[number]

export interface ConversationSettings {
  /** Said to the model before everything else; empty for nothing. */
  readonly system: string
  readonly sampling: Omit<Sampling, 'seed'>
  /** Longest answer. */
  readonly answerTokensMax: number
  readonly contextEnd: ContextEnd
}

/** The older part of a branch in the model's own words, sent in its place. */
export interface Summary {
  readonly text: string
  /** The last message that it stands for. */
  readonly upToId: string
}

export interface Conversation {
  readonly id: string
  readonly title: string
  /** A title that a person gave is not made anew from the first message. */
  readonly titledBy: 'first-message' | 'person'
  readonly createdMs: number
  /** Of the last message or setting; the list is sorted by it. */
  readonly changedMs: number
  readonly settings: ConversationSettings
  readonly scope: Scope
  /** The last message of the branch that is shown; null while there is none. */
  readonly leafId: string | null
  readonly summaries: readonly Summary[]
  /** Deleted by a person who may still undo it; null otherwise. */
  readonly deletedMs: number | null
}

export interface Attachment {
  readonly name: string
  readonly text: string
}

interface Node {
  readonly id: string
  readonly conversationId: string
  /** The message before it; null for the first. Messages with one parent are branches. */
  readonly parentId: string | null
  readonly createdMs: number
}

export interface Question extends Node {
  readonly role: 'user'
  readonly text: string
  readonly attachments: readonly Attachment[]
}

/**
 * `writing` is true only while the tab that computes it holds its lock; an answer whose tab is gone becomes `interrupted`.
 * `length`: cut at the length limit or the end of the context. All but `done` can be gone on with.
 */
export const ANSWER_STATES = ['writing', 'done', 'length', 'stopped', 'failed', 'interrupted'] as const
export type AnswerState = (typeof ANSWER_STATES)[number]

/**
 * What an answer that is not whole needs to go on token by token, here or elsewhere; its text says what the tokens say.
 * With the model's id of `answerer` and the prompt that the branch gives again.
 */
export interface CommittedTokens {
  /** Decimal: a seed has more bits than a number of JSON. */
  readonly seed: string
  readonly tokens: readonly number[]
  readonly schedule: readonly ScheduledFrame[]
}

/** Which part of the branch the model read. */
export interface ReadWindow {
  /** The first message that was sent whole; null for all of them. */
  readonly fromId: string | null
  /** Sent in place of what came before `fromId`; null where it was left out. */
  readonly summary: string | null
  /** Questions before `fromId` whose files were sent all the same. */
  readonly pinnedIds?: readonly string[]
}

export interface Notice {
  readonly code: Code
  readonly detail: string
}

export interface Answer extends Node {
  readonly role: 'assistant'
  readonly text: string
  /** What the engine wrote, with placeholders, of an answer that is not whole; absent where that is the text. */
  readonly raw?: string
  readonly state: AnswerState
  /** Why it failed; null unless `failed`. */
  readonly failure: Notice | null
  readonly notices: readonly Notice[]
  readonly answerer: Answerer | null
  readonly usage: Usage | null
  readonly window: ReadWindow
  /** Null for a whole answer, and for one by an engine that gives no tokens. */
  readonly committed: CommittedTokens | null
}

export type Message = Question | Answer

/** A named set of settings to begin a conversation with. */
export interface Preset {
  readonly id: string
  readonly name: string
  readonly settings: ConversationSettings
}

export const WHOLE_WINDOW: ReadWindow = { fromId: null, summary: null }
