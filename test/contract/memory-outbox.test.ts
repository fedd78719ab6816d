/** The store of receipts for a browser that refuses to keep any. */
import { MemoryOutboxStore } from '../../web/account/outbox-store.ts'
import { outboxStoreSuite } from './outbox-store.suite.ts'

outboxStoreSuite('in memory', async () => new MemoryOutboxStore())
