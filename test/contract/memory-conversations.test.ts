/** The store for a browser that refuses to keep anything. */
import { MemoryConversations } from '../../web/store/memory-conversations.ts'
import { conversationStoreSuite } from './conversation-store.suite.ts'

conversationStoreSuite('in memory', async () => new MemoryConversations(null))
