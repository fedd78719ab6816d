/**
 * Ends a server when its process is told to: SIGTERM, as service managers say it, drains it first; SIGINT, as a person at a
 * terminal does, ends it at once; the second of either means now. The process then ends by itself, with 0 where all went well.
 */
import { faultOf, type Log } from './log/log.ts'
import type { RunningServer } from './server.ts'

export function endOnSignals(server: Pick<RunningServer, 'drain' | 'close'>, log: Log): void {
  let ending = false
  const end = (drains: boolean) => {
    if (ending) process.exit(1)
    ending = true
    ended(server, log, drains).catch(() => {
      process.exitCode = 1
    })
  }
  process.on('SIGINT', () => end(false))
  process.on('SIGTERM', () => end(true))
}

async function ended(server: Pick<RunningServer, 'drain' | 'close'>, log: Log, drains: boolean): Promise<void> {
  try {
    await (drains ? server.drain() : server.close())
    log.write('server-stopped', {})
  } catch (error) {
    log.write('server-failed', { during: 'close', ...faultOf(error) })
    process.exitCode = 1
  }
  await log.close()
}
