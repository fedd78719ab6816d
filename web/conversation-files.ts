/**
 * Conversations as files, as `App.conversations.files`: written as JSON and read again, and one as Markdown. Keeps nothing
 * itself; no DOM, no wording.
 */
import { branchTo, branchToMarkdown } from './rules/conversation.ts'
import { copyOf } from './rules/conversation-copy.ts'
import type { Conversation, Message } from './wire/conversation.ts'
import { parseConversationFile, type WholeConversation, writeConversationFile } from './wire/conversation-file.ts'
import { type Failure, fail, ok, type Result } from './wire/result.ts'

export interface ConversationFilesParts {
  /** Resolves when all that is kept is known. */
  readonly ready: () => Promise<void>
  /** Those that are not deleted, newest first. */
  readonly listed: () => readonly Conversation[]
  readonly conversation: (id: string) => Conversation | undefined
  /** What is kept of one, and what is shown of it but could not be kept. Writes what waits to be written. */
  readonly messagesOf: (id: string) => Promise<Result<readonly Message[]>>
  readonly add: (whole: WholeConversation) => Promise<void>
  readonly nowMs: () => number
  readonly newId: () => string
}

export class ConversationFiles {
  readonly #parts: ConversationFilesParts

  constructor(parts: ConversationFilesParts) {
    this.#parts = parts
  }

  /** The text of an export file: these conversations, else all. Where the store fails, what this page still knows. */
  async write(ids?: readonly string[]): Promise<Result<string>> {
    const { ready, listed, messagesOf, nowMs } = this.#parts
    await ready()
    const whole: WholeConversation[] = []
    let unread: Failure | null = null
    for (const conversation of listed()) {
      if (ids && !ids.includes(conversation.id)) continue
      const messages = await messagesOf(conversation.id)
      if (messages.ok) whole.push({ conversation, messages: messages.value })
      else unread = messages
    }
    if (unread && whole.length === 0) return unread
    return ok(writeConversationFile(whole, nowMs()))
  }

  /** Adds what a file holds and says how many. One that is here already comes in beside it, as a copy. */
  async read(text: string): Promise<Result<number>> {
    const { ready, conversation, add, newId } = this.#parts
    await ready()
    const parsed = parseConversationFile(text)
    if (!parsed.ok) return parsed
    for (const whole of parsed.value) {
      await add(copyOf(whole, conversation(whole.conversation.id) !== undefined, newId))
    }
    return ok(parsed.value.length)
  }

  /** The branch of a conversation that is shown, or would be. Refusals: `conversation-unknown`, and those of the store. */
  async markdown(id: string): Promise<Result<string>> {
    const { ready, conversation, messagesOf } = this.#parts
    await ready()
    const known = conversation(id)
    if (!known) return fail('conversation-unknown', '')
    const messages = await messagesOf(id)
    if (!messages.ok) return messages
    const tree = new Map(messages.value.map((message) => [message.id, message]))
    return ok(branchToMarkdown(known, branchTo(tree, known.leafId)))
  }
}
