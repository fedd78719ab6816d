/**
 * The server of `bench:signal`, in a process of its own: the real one with a ledger in memory, no app and no limit by address,
 * since all of the crowd has one. Says its memory after a collection when it is asked to, and what its loop waited for since then.
 */
import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { RATES } from '../../signal/config.ts'
import { startServer } from '../../signal/server.ts'
import { serverConfig } from '../support/server-config.ts'
import type { ServerAsked, ServerTells } from './signal-words.ts'

const dataDir = process.argv[2] ?? ''
const redisUrl = process.argv[3] || null
const unlimited = { perSecond: 1e9, burst: 1e9 }
const config = serverConfig(dataDir, { redisUrl, rates: { ...RATES, connect: unlimited } })
const tell = (word: ServerTells) => void process.send?.(word)

const server = await startServer(config)
const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
const gcMs = { minor: 0, major: 0, max: 0 }
new PerformanceObserver((list) => {
  for (const entry of list.getEntries() as readonly (PerformanceEntry & { readonly detail?: { kind?: number } })[]) {
    const isMinor = entry.detail?.kind === constants.NODE_PERFORMANCE_GC_MINOR
    gcMs[isMinor ? 'minor' : 'major'] += entry.duration
    gcMs.max = Math.max(gcMs.max, entry.duration)
  }
}).observe({ entryTypes: ['gc'] })

function memory(): void {
  // Twice: what the first makes free may hold what the second does.
  for (let round = 0; round < 2; round += 1) globalThis.gc?.()
  const { heapUsed, rss } = process.memoryUsage()
  tell({ says: 'memory', heapUsed, rss })
}

process.on('message', (asked: ServerAsked) => {
  if (asked === 'memory') memory()
  else if (asked === 'watch') {
    delay.reset()
    Object.assign(gcMs, { minor: 0, major: 0, max: 0 })
  } else {
    const loopMs = { p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 }
    tell({ says: 'waited', loopMs, gcMs })
  }
})
process.on('disconnect', () => void server.close())
tell({ says: 'url', url: server.url.replace('localhost', '127.0.0.1') })
