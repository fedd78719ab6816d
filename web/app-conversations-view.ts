/**
 * What `App.conversations` says is true now, as plain values. Types and constants only: screens and tests read these without
 * knowing how conversations are kept.
 */
import type { Phase } from './answering.ts'
import { DEFAULT_SAMPLING } from './app-view.ts'
import type { Answer, Conversation, ConversationSettings, Message, Preset } from './wire/conversation.ts'
import { OUTPUT_TOKENS_DEFAULT } from './wire/limits/engine.ts'
import type { Failure } from './wire/result.ts'

export type { Hit } from './store/conversation-store.ts'

export const DEFAULT_SETTINGS: ConversationSettings = {
  system: '',
  sampling: DEFAULT_SAMPLING,
  answerTokensMax: OUTPUT_TOKENS_DEFAULT,
  contextEnd: 'drop',
}

/** An answer that this tab is computing. `answer` is newer than what the branch holds. */
export interface Running {
  readonly answer: Answer
  readonly phase: Phase
}

export interface OpenConversation {
  /** Not kept before its first message. */
  readonly conversation: Conversation
  readonly isNew: boolean
  readonly branch: readonly Message[]
  /** Messages that stand in the place of another one, by parent (`''` for the first), oldest first. */
  readonly children: ReadonlyMap<string, readonly Message[]>
  readonly running: Running | null
}

/** Replaced as a whole on every change, `open` and its parts only where they changed. */
export interface ConversationsView {
  readonly state: 'opening' | 'ready'
  /** Why conversations do not outlive the page; null where they do. */
  readonly refusal: Failure | null
  /** The last write failed: what is shown is not kept. */
  readonly trouble: Failure | null
  /** Newest first. */
  readonly list: readonly Conversation[]
  /** Conversations that are being answered, by this tab. */
  readonly answering: ReadonlySet<string>
  readonly open: OpenConversation
  /** What was deleted last, while it can be brought back. */
  readonly deleted: readonly Conversation[]
  readonly presets: readonly Preset[]
}
