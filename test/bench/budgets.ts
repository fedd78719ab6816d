/**
 * `npm run budgets`: what the app costs, as one object. Fails only where the shell has more JavaScript than
 * `SHELL_GZIP_BYTES_MAX`, the script of partners' pages more than `EMBED_GZIP_BYTES_MAX` or the SDK more than `SDK_GZIP_BYTES_MAX`:
 * bytes are the same everywhere, times are those of this machine and are reported.
 */
import { SDK_GZIP_BYTES_MAX, SHELL_GZIP_BYTES_MAX } from '../../web/wire/limits/page.ts'
import { EMBED_GZIP_BYTES_MAX } from '../../web/wire/limits/partners.ts'
import { LONG_ANSWER } from '../fixtures/long-answer.ts'
import { launchChromium } from '../support/chromium.ts'
import { serveFakePage } from '../support/fake-page-server.ts'
import { buildApp, startTestServer } from '../support/server.ts'
import { measureInteractive, measureSdk, measureShell, measureStreaming, THROTTLE } from './app-budgets.ts'
import { type FlagSpec, readFlags, runCommand, usage, wholeNumber } from './flags.ts'
import { median, provenance, round, table } from './report.ts'

const SPEC: FlagSpec = {
  json: { type: 'boolean', words: 'one JSON object on the last line' },
  trace: { type: 'string', words: 'file for the trace of the answer' },
  rounds: { type: 'string', words: 'first visits to take the median of (3)' },
}
const HELP = usage(
  'budgets',
  'Bytes and times of the built app in Chromium, before an engine is loaded and while an answer is drawn.',
  SPEC,
)
/** Of the answer that is drawn: its kinds of blocks come so often. */
const ANSWER_PARTS = 3
const ARGS = process.argv.slice(2)

async function times<T>(count: number, measure: () => Promise<T>): Promise<T[]> {
  const all: T[] = []
  for (let index = 0; index < count; index += 1) all.push(await measure())
  return all
}

async function main(): Promise<void> {
  const flags = readFlags(ARGS, SPEC)
  const rounds = wholeNumber(flags, 'rounds', 3, 20)
  const traceFile = typeof flags['trace'] === 'string' ? flags['trace'] : null
  const appDir = await buildApp()
  const server = await startTestServer({ appDir })
  const fake = await serveFakePage()
  const browser = await launchChromium()
  try {
    const sdkGzipBytes = await measureSdk(appDir)
    const { scripts, ...bytes } = await measureShell(browser, server.url)
    const interactive = await times(rounds, () => measureInteractive(browser, server.url))
    const streaming = await measureStreaming(browser, fake.url, LONG_ANSWER.repeat(ANSWER_PARTS), traceFile)
    const result = {
      ...bytes,
      shellGzipBytesMax: SHELL_GZIP_BYTES_MAX,
      embedGzipBytesMax: EMBED_GZIP_BYTES_MAX,
      sdkGzipBytes,
      sdkGzipBytesMax: SDK_GZIP_BYTES_MAX,
      interactiveMs: round(median(interactive)),
      longestTaskMs: round(streaming.longestTaskMs),
      longestTaskCpuMs: round(streaming.longestTaskCpuMs),
      tasksOver50Ms: streaming.tasksOver50Ms,
      busyShare: round(streaming.busyShare),
      answerCharacters: streaming.answerCharacters,
      rounds,
      throttle: THROTTLE,
      browserVersion: browser.version(),
      ...provenance(),
    }
    process.stdout.write(table(scripts.map(({ path, gzipBytes }) => [path, String(gzipBytes)])))
    process.stdout.write(`${JSON.stringify(result, null, flags['json'] === true ? 0 : 2)}\n`)
    if (bytes.shellGzipBytes > SHELL_GZIP_BYTES_MAX)
      throw new Error(`The shell has ${bytes.shellGzipBytes} bytes of JavaScript; it may have ${SHELL_GZIP_BYTES_MAX}.`)
    if (bytes.embedGzipBytes > EMBED_GZIP_BYTES_MAX)
      throw new Error(`embed.js has ${bytes.embedGzipBytes} bytes; it may have ${EMBED_GZIP_BYTES_MAX}.`)
    if (sdkGzipBytes > SDK_GZIP_BYTES_MAX)
      throw new Error(`The SDK has ${sdkGzipBytes} bytes; it may have ${SDK_GZIP_BYTES_MAX}.`)
  } finally {
    await browser.close()
    await fake.close()
    await server.close()
  }
}

await runCommand(HELP, ARGS, main)
