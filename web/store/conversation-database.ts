/**
 * The schema of the conversation database and how an older one becomes it: one step a version, in order, each adding to
 * what stands. A step that is out in the world is never changed.
 */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb'

export const CONVERSATION_DATABASE = 'weft-conversations'

export interface ConversationSchema extends DBSchema {
  /** Values are checked like any other input when they are read: an older version of the app wrote them. */
  conversations: { key: string; value: { readonly id: string } }
  messages: {
    key: string
    value: { readonly id: string; readonly conversationId: string }
    indexes: { conversation: string }
  }
  presets: { key: string; value: { readonly id: string } }
}

export type ConversationDatabase = IDBPDatabase<ConversationSchema>

type Step = (database: ConversationDatabase) => void

const STEPS: readonly Step[] = [
  (database) => {
    database.createObjectStore('conversations', { keyPath: 'id' })
    database.createObjectStore('messages', { keyPath: 'id' }).createIndex('conversation', 'conversationId')
  },
  (database) => {
    database.createObjectStore('presets', { keyPath: 'id' })
  },
]

/**
 * Throws a DOMException where the browser refuses, `VersionError` where a newer version of the app has been here.
 * `version` is for tests that need an older database; `onClosed`: the browser or another tab has closed it.
 */
export function openConversationDatabase(onClosed: () => void, version = STEPS.length): Promise<ConversationDatabase> {
  return openDB<ConversationSchema>(CONVERSATION_DATABASE, version, {
    upgrade(database, oldVersion, newVersion) {
      for (const step of STEPS.slice(oldVersion, newVersion ?? STEPS.length)) step(database)
    },
    // A page with a newer schema waits for this one: let it through. What we ask for afterwards is refused.
    blocking: (_current, _next, event) => {
      ;(event.target as IDBDatabase).close()
      onClosed()
    },
    terminated: onClosed,
  })
}
