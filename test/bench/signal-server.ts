/**
 * The server of `bench:signal`, in a process of its own: the real one with a ledger in memory, no app and no limit by address,
 * since all of the crowd has one. Says its memory after a collection when it is asked to.
 */
import { RATES } from '../../signal/config.ts'
import { startServer } from '../../signal/server.ts'
import { serverConfig } from '../support/server-config.ts'
import type { ServerTells } from './signal-words.ts'

const dataDir = process.argv[2] ?? ''
const unlimited = { perSecond: 1e9, burst: 1e9 }
const config = serverConfig(dataDir, { rates: { ...RATES, connect: unlimited } })
const tell = (word: ServerTells) => void process.send?.(word)

const server = await startServer(config)
process.on('message', () => {
  // Twice: what the first makes free may hold what the second does.
  for (let round = 0; round < 2; round += 1) globalThis.gc?.()
  const { heapUsed, rss } = process.memoryUsage()
  tell({ says: 'memory', heapUsed, rss })
})
process.on('disconnect', () => void server.close())
tell({ says: 'url', url: server.url.replace('localhost', '127.0.0.1') })
