/** The store of kept answers for a browser that refuses to keep any. */
import { MemoryResults } from '../../web/store/result-cache.ts'
import { resultCacheSuite } from './result-cache.suite.ts'

resultCacheSuite('in memory', async () => new MemoryResults())
