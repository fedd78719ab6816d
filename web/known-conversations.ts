/**
 * All conversations of a person as this tab knows them, those that are deleted and can be brought back included. Holds and
 * orders them, and erases for good when their time is over; what is shown of one and how it is kept is of others.
 */
import type { Conversation } from './wire/conversation.ts'
import { DELETED_KEPT_MS } from './wire/limits/conversations.ts'

export interface KnownConversationsParts {
  readonly nowMs: () => number
  readonly closed: AbortSignal
  /** Keeps a change of one and shows it. */
  readonly put: (conversation: Conversation) => Promise<void>
  /** Erases what is kept of one that this list holds no more, and shows that. */
  readonly erase: (id: string) => Promise<void>
}

export class KnownConversations {
  readonly #parts: KnownConversationsParts
  readonly #all = new Map<string, Conversation>()
  #list: readonly Conversation[] | null = null
  #deletedIds: readonly string[] = []

  constructor(parts: KnownConversationsParts) {
    this.#parts = parts
  }

  get(id: string): Conversation | undefined {
    return this.#all.get(id)
  }

  /** Here and not deleted. */
  isShown(id: string): boolean {
    return this.#all.get(id)?.deletedMs === null
  }

  /** The same array until one of them changes: an answer that grows must cost no list. */
  get shown(): readonly Conversation[] {
    this.#list ??= [...this.#all.values()]
      .filter(({ deletedMs }) => deletedMs === null)
      .sort((a, b) => b.changedMs - a.changedMs)
    return this.#list
  }

  /** What was deleted last, while it can be brought back. */
  get deleted(): readonly Conversation[] {
    return this.#deletedIds.flatMap((id) => this.#all.get(id) ?? []).filter(({ deletedMs }) => deletedMs !== null)
  }

  hold(conversation: Conversation): void {
    this.#all.set(conversation.id, conversation)
    this.#list = null
  }

  drop(id: string): void {
    this.#all.delete(id)
    this.#list = null
  }

  /** `leave` is called with the ids of those that go, before they do. */
  async remove(ids: readonly string[], leave: (ids: readonly string[]) => void): Promise<void> {
    const removed = ids.flatMap((id) => this.#all.get(id) ?? []).filter(({ deletedMs }) => deletedMs === null)
    if (removed.length === 0) return
    this.#deletedIds = removed.map(({ id }) => id)
    const deletedMs = this.#parts.nowMs()
    leave(this.#deletedIds)
    for (const { id } of removed) this.#eraseIn(DELETED_KEPT_MS, id, deletedMs)
    await Promise.all(removed.map((conversation) => this.#parts.put({ ...conversation, deletedMs })))
  }

  async restore(ids: readonly string[]): Promise<void> {
    const restored = ids.flatMap((id) => this.#all.get(id) ?? []).filter(({ deletedMs }) => deletedMs !== null)
    this.#deletedIds = this.#deletedIds.filter((id) => !ids.includes(id))
    await Promise.all(restored.map((conversation) => this.#parts.put({ ...conversation, deletedMs: null })))
  }

  /** Those that were deleted before this page opened are erased when their time is over, not anew. */
  eraseLeftOver(): void {
    for (const { id, deletedMs } of this.#all.values()) {
      if (deletedMs === null) continue
      this.#eraseIn(Math.max(0, deletedMs + DELETED_KEPT_MS - this.#parts.nowMs()), id, deletedMs)
    }
  }

  #eraseIn(delayMs: number, id: string, deletedMs: number): void {
    setTimeout(() => void this.#erase(id, deletedMs), delayMs)
  }

  /** Another tab may have brought it back, and deleted it again. */
  async #erase(id: string, deletedMs: number): Promise<void> {
    if (this.#parts.closed.aborted || this.#all.get(id)?.deletedMs !== deletedMs) return
    this.drop(id)
    this.#deletedIds = this.#deletedIds.filter((other) => other !== id)
    await this.#parts.erase(id)
  }
}
