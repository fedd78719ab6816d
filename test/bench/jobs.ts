/**
 * `npm run bench:jobs`: whole jobs between tabs, measured: real Chromium, real WebRTC between separate browser contexts, the
 * real server. First with an engine of a fixed speed, so that what a job adds is told apart from what computing takes; then
 * with the tiny model, really computed, beside one tab alone.
 */
import { cpus } from 'node:os'
import { type FlagSpec, readFlags, runCommand, UsageError, usage, wholeNumber } from './flags.ts'
import { measureFixed } from './job-phases.ts'
import { measureReal } from './job-real.ts'
import { type Engine, JobBench } from './job-rig.ts'
import { jobTable } from './job-table.ts'
import { provenance } from './report.ts'

const SPEC: FlagSpec = {
  askers: { type: 'string', words: 'tabs that ask, up to 16 (8)' },
  workers: { type: 'string', words: 'tabs that answer, 2 to 8 (3)' },
  rounds: { type: 'string', words: 'questions of each asker over links that are there (6)' },
  seconds: { type: 'string', words: 'for which everybody asks at once (20)' },
  deaths: { type: 'string', words: 'of workers in the middle of an answer, of each manner (3)' },
  json: { type: 'boolean', words: 'one JSON object on the last line and nothing else' },
}
const HELP = usage(
  'bench:jobs',
  'Whole jobs at other tabs: what they add, who gets how much, what a death costs.',
  SPEC,
)
const ARGS = process.argv.slice(2)

async function withTabs<T>(
  engine: Engine,
  measure: (bench: JobBench) => Promise<T>,
): Promise<T & { chromium: string }> {
  const bench = await JobBench.start(engine)
  try {
    return { ...(await measure(bench)), chromium: bench.browser.version() }
  } finally {
    await bench.close()
  }
}

async function main(): Promise<void> {
  const flags = readFlags(ARGS, SPEC)
  const wish = {
    askers: wholeNumber(flags, 'askers', 8, 16),
    workers: wholeNumber(flags, 'workers', 3, 8),
    rounds: wholeNumber(flags, 'rounds', 6, 100),
    seconds: wholeNumber(flags, 'seconds', 20, 600),
    deaths: wholeNumber(flags, 'deaths', 3, 20),
  }
  if (wish.workers < 2) throw new UsageError('--workers is 1; who dies is followed by another one')
  const { chromium, ...fixed } = await withTabs('fixed', (bench) => measureFixed(bench, wish))
  const { chromium: _, ...real } = await withTabs('real', (bench) => measureReal(bench, wish))
  const versions = { node: process.version, chromium }
  const command = `npm run bench:jobs -- ${ARGS.join(' ')}`.trim()
  const result = { ...wish, ...fixed, real, cores: cpus().length, versions, command, ...provenance() }
  process.stdout.write(flags['json'] === true ? `${JSON.stringify(result)}\n` : jobTable(result))
}

await runCommand(HELP, ARGS, main)
