/**
 * Conversations in the browser's database, with word of every write to the other tabs. Reads check what they find; a
 * record of an unknown shape is left where it is and not shown.
 */

import type { Conversation, Message, Preset } from '../wire/conversation.ts'
import { parseConversation, parseMessage, parsePreset } from '../wire/conversation-file.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import { type ConversationDatabase, openConversationDatabase } from './conversation-database.ts'
import type { Change, Changed, ConversationStore, Hit } from './conversation-store.ts'
import { MemoryConversations } from './memory-conversations.ts'

const CHANNEL = 'weft-conversations'

export interface KeptParts {
  /** Null where the browser has none: other tabs are then not told. */
  readonly channel: BroadcastChannel | null
}

export class KeptConversations implements ConversationStore {
  readonly refusal = null
  readonly #parts: KeptParts
  #database: ConversationDatabase
  #closed = false
  readonly #listeners = new Set<(changed: Changed) => void>()

  private constructor(database: ConversationDatabase, parts: KeptParts) {
    this.#database = database
    this.#parts = parts
    parts.channel?.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      const changed = parseChanged(data)
      if (changed) for (const listener of [...this.#listeners]) listener(changed)
    })
  }

  /** Throws as `openConversationDatabase` does. */
  static async open(parts: KeptParts): Promise<KeptConversations> {
    let store: KeptConversations | null = null
    const database = await openConversationDatabase(() => {
      if (store) store.#closed = true
    })
    store = new KeptConversations(database, parts)
    return store
  }

  conversations(): Promise<Result<readonly Conversation[]>> {
    return this.#try(async (database) => readable(await database.getAll('conversations'), parseConversation))
  }

  conversation(id: string): Promise<Result<Conversation | null>> {
    return this.#try(
      async (database) => readable([await database.get('conversations', id)], parseConversation)[0] ?? null,
    )
  }

  messagesOf(conversationId: string): Promise<Result<readonly Message[]>> {
    return this.#try(async (database) =>
      readable(await database.getAllFromIndex('messages', 'conversation', conversationId), parseMessage),
    )
  }

  message(id: string): Promise<Result<Message | null>> {
    return this.#try(async (database) => readable([await database.get('messages', id)], parseMessage)[0] ?? null)
  }

  write({ conversations = [], messages = [] }: Change): Promise<Result<null>> {
    return this.#try(async (database) => {
      const change = database.transaction(['conversations', 'messages'], 'readwrite')
      const puts = [
        ...conversations.map((value) => change.objectStore('conversations').put(value)),
        ...messages.map((value) => change.objectStore('messages').put(value)),
      ]
      // Without this a page that is closed right now would take back what it has asked for.
      change.commit()
      await ended(change, puts)
      this.#tell({
        conversationIds: [
          ...new Set([...conversations.map(({ id }) => id), ...messages.map((one) => one.conversationId)]),
        ],
        messageIds: messages.map(({ id }) => id),
      })
      return null
    })
  }

  erase(conversationIds: readonly string[]): Promise<Result<null>> {
    return this.#try(async (database) => {
      const change = database.transaction(['conversations', 'messages'], 'readwrite')
      const messages = change.objectStore('messages')
      for (const id of conversationIds) {
        await change.objectStore('conversations').delete(id)
        for (const key of await messages.index('conversation').getAllKeys(id)) await messages.delete(key)
      }
      await change.done
      this.#tell({ conversationIds, messageIds: [] })
      return null
    })
  }

  search(matches: (message: Message) => boolean, limit: number, signal: AbortSignal): Promise<Result<readonly Hit[]>> {
    return this.#try(async (database) => {
      const hits: Hit[] = []
      // One at a time: all conversations at once may be more than the memory of a phone.
      let cursor = await database.transaction('messages').store.openCursor()
      while (cursor && hits.length < limit && !signal.aborted) {
        const message = parseMessage(cursor.value)
        if (message.ok && matches(message.value)) {
          hits.push({ conversationId: message.value.conversationId, message: message.value })
        }
        cursor = await cursor.continue()
      }
      return hits
    })
  }

  presets(): Promise<Result<readonly Preset[]>> {
    return this.#try(async (database) => readable(await database.getAll('presets'), parsePreset))
  }

  keepPreset(preset: Preset): Promise<Result<null>> {
    return this.#try(async (database) => {
      const change = database.transaction('presets', 'readwrite')
      await ended(change, [change.store.put(preset)])
      return null
    })
  }

  forgetPreset(id: string): Promise<Result<null>> {
    return this.#try(async (database) => {
      await database.delete('presets', id)
      return null
    })
  }

  watch(listener: (changed: Changed) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    this.#closed = true
    this.#listeners.clear()
    this.#parts.channel?.close()
    this.#database.close()
  }

  #tell(changed: Changed): void {
    if (!this.#closed) this.#parts.channel?.postMessage(changed)
  }

  async #try<T>(work: (database: ConversationDatabase) => Promise<T>): Promise<Result<T>> {
    if (this.#closed) return fail('conversations-newer', '')
    try {
      return ok(await work(this.#database))
    } catch (error) {
      if (!(error instanceof DOMException)) throw error
      if (isWantOfRoom(error)) return fail('conversations-full', '')
      if (error.name === 'InvalidStateError') return fail('conversations-newer', '')
      return fail('conversations-denied', error.message)
    }
  }
}

/** What this browser allows: its database, or memory with the reason. Never throws. */
export async function openConversations(): Promise<ConversationStore> {
  try {
    const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel(CHANNEL) : null
    return await KeptConversations.open({ channel })
  } catch (error) {
    const newer = error instanceof DOMException && error.name === 'VersionError'
    const detail = error instanceof Error ? error.message : String(error)
    return new MemoryConversations(newer ? fail('conversations-newer', '') : fail('conversations-denied', detail))
  }
}

/**
 * The end of a change as the browser tells it: rejects with the reason of the abort. Where there is no room, Chromium may
 * leave a request without any answer, and an error that a request does tell comes before the change knows its own: what is
 * waited for is the change alone.
 */
function ended(
  change: Pick<IDBTransaction, 'error' | 'oncomplete' | 'onabort'> & { readonly done: Promise<void> },
  requests: readonly Promise<unknown>[],
): Promise<void> {
  for (const request of [...requests, change.done]) request.catch(() => {})
  return new Promise((resolve, reject) => {
    change.oncomplete = () => resolve()
    change.onabort = () => reject(change.error ?? new DOMException('The browser gave no reason.', 'AbortError'))
  })
}

function isWantOfRoom(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'QuotaExceededError'
}

function readable<T>(values: readonly unknown[], parse: (value: unknown) => Result<T>): readonly T[] {
  return values.flatMap((value) => {
    const parsed = parse(value)
    return parsed.ok ? [parsed.value] : []
  })
}

/** Null for what is none: any script of this origin may speak on the channel. */
function parseChanged(value: unknown): Changed | null {
  if (value === null || typeof value !== 'object') return null
  const { conversationIds, messageIds } = value as Record<string, unknown>
  const words = (list: unknown): list is string[] =>
    Array.isArray(list) && list.every((item) => typeof item === 'string')
  return words(conversationIds) && words(messageIds) ? { conversationIds, messageIds } : null
}
