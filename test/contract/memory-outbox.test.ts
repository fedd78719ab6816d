/** The store of receipts for a browser that refuses to keep any. */
import { memoryOutboxStore } from '../../web/account/outbox-store.ts'
import { outboxStoreSuite } from './outbox-store.suite.ts'

outboxStoreSuite('in memory', async () => memoryOutboxStore())
