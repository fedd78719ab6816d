/** Conversations in memory, for a browser that refuses to keep any. They are gone with the page, and say so. */
import type { Conversation, Message, Preset } from '../wire/conversation.ts'
import { type Failure, ok, type Result } from '../wire/result.ts'
import type { Change, Changed, ConversationStore, Hit } from './conversation-store.ts'

export class MemoryConversations implements ConversationStore {
  readonly refusal: Failure | null
  readonly #conversations = new Map<string, Conversation>()
  readonly #messages = new Map<string, Message>()
  readonly #presets = new Map<string, Preset>()

  constructor(refusal: Failure | null) {
    this.refusal = refusal
  }

  async conversations(): Promise<Result<readonly Conversation[]>> {
    return ok([...this.#conversations.values()])
  }

  async conversation(id: string): Promise<Result<Conversation | null>> {
    return ok(this.#conversations.get(id) ?? null)
  }

  async messagesOf(conversationId: string): Promise<Result<readonly Message[]>> {
    return ok([...this.#messages.values()].filter((message) => message.conversationId === conversationId))
  }

  async message(id: string): Promise<Result<Message | null>> {
    return ok(this.#messages.get(id) ?? null)
  }

  async write({ conversations = [], messages = [] }: Change): Promise<Result<null>> {
    for (const conversation of conversations) this.#conversations.set(conversation.id, conversation)
    for (const message of messages) this.#messages.set(message.id, message)
    return ok(null)
  }

  async erase(conversationIds: readonly string[]): Promise<Result<null>> {
    for (const id of conversationIds) this.#conversations.delete(id)
    for (const { id, conversationId } of [...this.#messages.values()]) {
      if (conversationIds.includes(conversationId)) this.#messages.delete(id)
    }
    return ok(null)
  }

  async search(
    matches: (message: Message) => boolean,
    limit: number,
    signal: AbortSignal,
  ): Promise<Result<readonly Hit[]>> {
    const hits: Hit[] = []
    for (const message of this.#messages.values()) {
      if (signal.aborted || hits.length >= limit) break
      if (matches(message)) hits.push({ conversationId: message.conversationId, message })
    }
    return ok(hits)
  }

  async presets(): Promise<Result<readonly Preset[]>> {
    return ok([...this.#presets.values()])
  }

  async keepPreset(preset: Preset): Promise<Result<null>> {
    this.#presets.set(preset.id, preset)
    return ok(null)
  }

  async forgetPreset(id: string): Promise<Result<null>> {
    this.#presets.delete(id)
    return ok(null)
  }

  /** No other tab sees this memory. */
  watch(_listener: (changed: Changed) => void): () => void {
    return () => {}
  }

  close(): void {}
}
