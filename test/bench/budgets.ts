/**
 * `npm run budgets`: what the app costs, as one object. Fails only where the shell has more JavaScript than
 * `SHELL_GZIP_BYTES_MAX`: bytes are the same everywhere, times are those of this machine and are reported.
 */
import { SHELL_GZIP_BYTES_MAX } from '../../web/wire/limits.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { serveModels } from '../support/app-page.ts'
import { launchChromium } from '../support/chromium.ts'
import { measureInteractive, measureShell, measureStreaming, THROTTLE } from './app-budgets.ts'
import { type FlagSpec, readFlags, runCommand, usage, wholeNumber } from './flags.ts'
import { median, provenance, round, table } from './report.ts'

const SPEC: FlagSpec = {
  json: { type: 'boolean', words: 'one JSON object on the last line' },
  rounds: { type: 'string', words: 'first visits and answers to take the median of (3)' },
}
const HELP = usage(
  'budgets',
  'Bytes and times of the built app in Chromium, with a tiny model and software WebGPU.',
  SPEC,
)
const ARGS = process.argv.slice(2)

async function times<T>(count: number, measure: () => Promise<T>): Promise<T[]> {
  const all: T[] = []
  for (let index = 0; index < count; index += 1) all.push(await measure())
  return all
}

async function main(): Promise<void> {
  const flags = readFlags(ARGS, SPEC)
  const rounds = wholeNumber(flags, 'rounds', 3, 20)
  const model = tinyModel({ architecture: 'llama', types: 'Q4_1', seed: 5, contextLength: 1024 })
  const server = await serveModels({ tiny: model })
  const browser = await launchChromium()
  try {
    const { scripts, ...bytes } = await measureShell(browser, server.url)
    const interactive = await times(rounds, () => measureInteractive(browser, server.url))
    const answers = await times(rounds, () => measureStreaming(browser, `${server.url}/?engine=stage`))
    const result = {
      ...bytes,
      shellGzipBytesMax: SHELL_GZIP_BYTES_MAX,
      interactiveMs: round(median(interactive)),
      longestTaskMs: round(Math.max(...answers.map(({ longestTaskMs }) => longestTaskMs))),
      tasksOver50Ms: answers.reduce((all, { tasksOver50Ms }) => all + tasksOver50Ms, 0),
      rounds,
      throttle: THROTTLE,
      browserVersion: browser.version(),
      ...provenance(),
    }
    process.stdout.write(table(scripts.map(({ path, gzipBytes }) => [path, String(gzipBytes)])))
    process.stdout.write(`${JSON.stringify(result, null, flags['json'] === true ? 0 : 2)}\n`)
    if (bytes.shellGzipBytes > SHELL_GZIP_BYTES_MAX)
      throw new Error(`The shell has ${bytes.shellGzipBytes} bytes of JavaScript; it may have ${SHELL_GZIP_BYTES_MAX}.`)
  } finally {
    await browser.close()
    await server.close()
  }
}

await runCommand(HELP, ARGS, main)
