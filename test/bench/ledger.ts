/**
 * `npm run bench:ledger`: how many receipts a second the server settles, both signatures checked, beside what the database alone
 * does by one stored function, on the embedded database in a folder and on a PostgreSQL server; and how long a ledger of a
 * million postings takes to start. Works on ledgers of its own, which are gone afterwards.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LedgerDatabase, openLedger } from '../../signal/ledger/database.ts'
import type { LedgerPlace } from '../../signal/ledger/place.ts'
import { Postgres } from '../support/postgres.ts'
import { type FlagSpec, readFlags, runCommand, UsageError, usage, wholeNumber } from './flags.ts'
import { fillLedger, LedgerLoad, type LedgerSpeed, startMsOf } from './ledger-load.ts'

const KINDS = ['pglite', 'postgres'] as const
const SPEC: FlagSpec = {
  on: { type: 'string', words: 'one of them alone', of: KINDS },
  receipts: { type: 'string', words: 'settled in all, and as many transfers by the database alone (2000)' },
  concurrency: { type: 'string', words: 'receipts under way at a time (16)' },
  rounds: { type: 'string', words: 'of each by turns (4)' },
  postings: { type: 'string', words: 'of the ledger that is started (1000000)' },
  json: { type: 'boolean', words: 'one JSON object' },
}
const HELP = usage('bench:ledger', 'Settling receipts, beside the database alone.', SPEC)
const ARGS = process.argv.slice(2)

interface Figures extends LedgerSpeed {
  readonly startMsWithMillionPostings: number
}

async function main(): Promise<void> {
  const flags = readFlags(ARGS, SPEC)
  const receipts = wholeNumber(flags, 'receipts', 2_000, 100_000)
  const concurrency = wholeNumber(flags, 'concurrency', 16, 256)
  const rounds = wholeNumber(flags, 'rounds', 4, 100)
  const postings = wholeNumber(flags, 'postings', 1_000_000, 10_000_000)
  if (receipts < rounds) throw new UsageError('There is nothing to settle.')
  const shape = { receipts, concurrency, rounds }
  const result: Record<string, unknown> = { date: new Date().toISOString(), ...machine(), ...shape, postings }
  const only = flags['on']
  if (only !== 'postgres') {
    result['pglite'] = await inFolder((place) => measure(place, place, { ...shape, postings }))
  }
  if (only !== 'pglite') {
    const server = await Postgres.start()
    const place = async (): Promise<LedgerPlace> => ({ kind: 'server', url: await server.fresh() })
    result['postgres'] = await measure(await place(), await place(), { ...shape, postings }).finally(() =>
      server.close(),
    )
  }
  process.stdout.write(flags['json'] === true ? `${JSON.stringify(result)}\n` : tell(result))
}

async function measure(
  place: LedgerPlace,
  large: LedgerPlace,
  shape: {
    readonly receipts: number
    readonly concurrency: number
    readonly rounds: number
    readonly postings: number
  },
): Promise<Figures> {
  const database = await opened(place)
  const load = new LedgerLoad(database)
  const speed = await load
    .measure(shape)
    .finally(() => load.close())
    .finally(() => database.close())
  const filled = await opened(large)
  await fillLedger(filled, shape.postings).finally(() => filled.close())
  return { ...speed, startMsWithMillionPostings: await startMsOf(large) }
}

async function inFolder<T>(work: (place: LedgerPlace) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'weft-bench-ledger-'))
  return work({ kind: 'folder', dataDir }).finally(() => rm(dataDir, { recursive: true, force: true }))
}

async function opened(place: LedgerPlace): Promise<LedgerDatabase> {
  const ledger = await openLedger(place)
  if (!ledger.ok) throw new Error(`${ledger.code} ${ledger.detail}`)
  return ledger.value
}

function machine() {
  return { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version }
}

function tell(result: Readonly<Record<string, unknown>>): string {
  const lines = KINDS.flatMap((kind) => {
    const figures = result[kind] as Figures | undefined
    return figures ? Object.entries(figures).map(([name, value]) => `${kind} ${name}: ${value}`) : []
  })
  return `${lines.join('\n')}\n`
}

await runCommand(HELP, ARGS, main)
