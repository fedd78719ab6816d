/**
 * Puts what changed into the store: at once, or soon for an answer that grows with every token. What could not be written
 * stays here and is tried again, by itself and with the next change: nothing shown is given up while the page is open.
 */
import type { ConversationStore } from './store/conversation-store.ts'
import type { Conversation, Message } from './wire/conversation.ts'
import { ANSWER_KEPT_EVERY_MS, KEEP_RETRY_MS } from './wire/limits/conversations.ts'
import type { Failure } from './wire/result.ts'

export class ConversationKeeper {
  readonly #store: ConversationStore
  readonly #onTrouble: (trouble: Failure | null) => void
  readonly #conversations = new Map<string, Conversation>()
  readonly #messages = new Map<string, Message>()
  #timer: ReturnType<typeof setTimeout> | null = null
  #writing: Promise<void> | null = null
  #closed = false

  /** `onTrouble`: the last write failed; null when one went well again. */
  constructor(store: ConversationStore, onTrouble: (trouble: Failure | null) => void) {
    this.#store = store
    this.#onTrouble = onTrouble
  }

  /** Resolves when it was tried. */
  keep(conversation: Conversation | null, messages: readonly Message[] = []): Promise<void> {
    if (conversation) this.#conversations.set(conversation.id, conversation)
    for (const message of messages) this.#messages.set(message.id, message)
    return this.flush()
  }

  /** For what changes many times a second. */
  keepSoon(message: Message): void {
    this.#messages.set(message.id, message)
    this.#soon(ANSWER_KEPT_EVERY_MS)
  }

  /** Messages that are not in the store yet, as new as they are known here. */
  unwritten(conversationId: string): readonly Message[] {
    return [...this.#messages.values()].filter((message) => message.conversationId === conversationId)
  }

  /** What is still to be written of these is not written any more. */
  forget(conversationId: string): void {
    this.#conversations.delete(conversationId)
    for (const { id, conversationId: of } of [...this.#messages.values()]) {
      if (of === conversationId) this.#messages.delete(id)
    }
  }

  async flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    // One write at a time, so that an older record never lands after a newer one.
    while (this.#writing !== null) await this.#writing
    if (this.#conversations.size + this.#messages.size === 0) return
    this.#writing = this.#write()
    await this.#writing
  }

  /**
   * For a page that may be gone in the next moment: begins before it returns, also while another write is under way. The
   * store keeps their order.
   */
  async flushNow(): Promise<void> {
    if (this.#conversations.size + this.#messages.size > 0) await this.#write()
  }

  /** Ends the tries of a page that is left. */
  close(): void {
    this.#closed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #soon(ms: number): void {
    if (!this.#closed) this.#timer ??= setTimeout(() => void this.flush(), ms)
  }

  async #write(): Promise<void> {
    const conversations = [...this.#conversations.values()]
    const messages = [...this.#messages.values()]
    const written = await this.#store.write({ conversations, messages })
    this.#writing = null
    this.#onTrouble(written.ok ? null : written)
    // Room may come without a word here: a model that is deleted, in this tab or another.
    if (!written.ok) return this.#soon(KEEP_RETRY_MS)
    // What changed meanwhile is another record.
    for (const one of conversations) if (this.#conversations.get(one.id) === one) this.#conversations.delete(one.id)
    for (const one of messages) if (this.#messages.get(one.id) === one) this.#messages.delete(one.id)
  }
}
