/**
 * The server's composition root: `npm start`, and `npm run dev` with `--dev`. Reads the settings, starts the server, says
 * where it is and what it fetches, and ends cleanly on SIGINT and SIGTERM.
 */
import { explain } from '../web/wire/codes.ts'
import { FailureError } from '../web/wire/result.ts'
import { readConfig } from './config.ts'
import { LineThinner, plain, progressText } from './models/cli-view.ts'
import { errorCode } from './models/disk.ts'
import type { OnMirrorEvent } from './models/mirror.ts'
import { type ServerParts, startServer } from './server.ts'

const thinner = new LineThinner()

const tell: OnMirrorEvent = (event) => {
  switch (event.kind) {
    case 'source':
      return console.log(`Adding ${plain(event.name)} from ${plain(event.source)}`)
    case 'progress':
      if (thinner.shows(event)) console.log(`  ${progressText(event)}`)
      return
    case 'source-failed':
      return console.log(`  ${explain(event.failure.code, plain(event.failure.detail))} [${event.failure.code}]`)
    case 'warning':
      return console.log(`  ${explain(event.failure.code, plain(event.failure.detail))}`)
    case 'busy':
      return console.log(`${plain(event.name)} is being added by another command; waiting for it.`)
    case 'added':
      return console.log(`Added ${plain(event.name)}.`)
    default:
      event satisfies never
  }
}

function refuse(sentence: string): never {
  console.error(sentence)
  process.exit(1)
}

async function main(): Promise<void> {
  const config = readConfig()
  if (!config.ok) refuse(explain(config.code, config.detail))
  const dev = process.argv.includes('--dev')
  const parts: ServerParts = dev
    ? { onMirrorEvent: tell, app: (await import('./dev.ts')).devApp }
    : { onMirrorEvent: tell }
  const server = await startServer(config.value, parts).catch((error: unknown) => {
    if (error instanceof FailureError) return refuse(explain(error.failure.code, error.failure.detail))
    if (errorCode(error) !== 'EADDRINUSE') throw error
    return refuse(`Port ${config.value.port} is in use. Set PORT to another one.`)
  })
  console.log(`Weft is at ${server.url}${dev ? ' (dev)' : ''}`)
  let closing = false
  const end = () => {
    // A second signal means now.
    if (closing) process.exit(1)
    closing = true
    server.close().catch((error: unknown) => {
      console.error(error)
      process.exitCode = 1
    })
  }
  process.on('SIGINT', end)
  process.on('SIGTERM', end)
}

await main()
