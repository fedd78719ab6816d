/**
 * Where conversations are kept: the contract, kept by the browser's database and by memory where the browser refuses one.
 * A store knows neither engines nor screens, and decides nothing about what a conversation may be.
 */
import type { Conversation, Message, Preset } from '../wire/conversation.ts'
import type { Failure, Result } from '../wire/result.ts'

/** Written in one go: all of it or nothing. Records replace those of the same id. */
export interface Change {
  readonly conversations?: readonly Conversation[]
  readonly messages?: readonly Message[]
}

/** What another tab has changed; read it again to know how. */
export interface Changed {
  readonly conversationIds: readonly string[]
  readonly messageIds: readonly string[]
}

export interface Hit {
  readonly conversationId: string
  readonly message: Message
}

/**
 * Refusals of every call: `conversations-full`, `conversations-denied`, `conversations-newer` (another tab has a newer
 * version of the app). What was resolved with `ok` is still there after the tab, the browser or the machine went down,
 * as far as the browser keeps its promise; in memory, until the page is closed. Calls may overlap; writes keep their order.
 */
export interface ConversationStore {
  /** Null where conversations outlive the page; else why not. */
  readonly refusal: Failure | null
  /** All, those marked as deleted too, in no order. Records that cannot be read are left out, never thrown away. */
  conversations(): Promise<Result<readonly Conversation[]>>
  conversation(id: string): Promise<Result<Conversation | null>>
  /** Of one conversation, in no order. */
  messagesOf(conversationId: string): Promise<Result<readonly Message[]>>
  message(id: string): Promise<Result<Message | null>>
  write(change: Change): Promise<Result<null>>
  /** For good, with all messages. */
  erase(conversationIds: readonly string[]): Promise<Result<null>>
  /** Messages for which `matches` is true, at most `limit`, until aborted. */
  search(matches: (message: Message) => boolean, limit: number, signal: AbortSignal): Promise<Result<readonly Hit[]>>
  presets(): Promise<Result<readonly Preset[]>>
  keepPreset(preset: Preset): Promise<Result<null>>
  forgetPreset(id: string): Promise<Result<null>>
  /** Calls back after other tabs' writes, never after this store's own. Returns how to stop. */
  watch(listener: (changed: Changed) => void): () => void
  close(): void
}
