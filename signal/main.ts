/**
 * The server's composition root: `npm start`, and `npm run dev` with `--dev`. Reads the settings, starts the server, says
 * where it is and what it fetches, and ends cleanly when it is told to.
 */
import { explain } from '../web/wire/codes.ts'
import { FailureError, type Result } from '../web/wire/result.ts'
import { readConfig, readLogSettings } from './config.ts'
import { endOnSignals } from './end-on-signals.ts'
import { openLog } from './log/log.ts'
import { mirrorLog, mirrorSentences } from './log/mirror-news.ts'
import { errorCode } from './models/disk.ts'
import { type ServerParts, startServer } from './server.ts'

const say = (sentence: string) => void process.stdout.write(`${sentence}\n`)

/** Who starts a server reads why it did not, whatever its log is like. */
function refuse(sentence: string): never {
  process.stderr.write(`${sentence}\n`)
  process.exit(1)
}

function orRefuse<T>(read: Result<T>): T {
  return read.ok ? read.value : refuse(explain(read.code, read.detail))
}

async function main(): Promise<void> {
  const { form, level } = orRefuse(readLogSettings(process.stdout.isTTY === true))
  const config = orRefuse(readConfig())
  const isPlain = form === 'plain'
  const log = openLog(level, isPlain ? 2 : 1)
  const dev = process.argv.includes('--dev')
  const onMirrorEvent = isPlain ? mirrorSentences(say) : mirrorLog(log)
  const parts: ServerParts = { log, onMirrorEvent, ...(dev ? { app: (await import('./dev.ts')).devApp } : {}) }
  const server = await startServer(config, parts).catch((error: unknown) => {
    if (error instanceof FailureError) return refuse(explain(error.failure.code, error.failure.detail))
    if (errorCode(error) !== 'EADDRINUSE') throw error
    return refuse(`Port ${config.port} is in use. Set PORT to another one.`)
  })
  if (isPlain) say(`Weft is at ${server.url}${dev ? ' (dev)' : ''}`)
  log.write('server-started', { port: Number(new URL(server.url).port), dev })
  endOnSignals(server, log)
}

await main()
