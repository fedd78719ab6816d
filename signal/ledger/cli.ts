/**
 * `npm run fsck`, and `npm run ledger -- backup <file> | restore <file>`: proves the ledger right or names the first contradiction,
 * writes it out, reads it in. Ends with 0 or 1. Beside a running server only on PostgreSQL.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { rename } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { CREDIT_POLICY } from '../../web/rules/credit-policy.ts'
import { explain } from '../../web/wire/codes.ts'
import { MICRO_PER_CREDIT } from '../../web/wire/ledger-events.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { readConfig } from '../config.ts'
import { backup, restore } from './backup.ts'
import { type LedgerDatabase, openLedger } from './database.ts'
import { fsck } from './fsck.ts'

const USE = 'Use: npm run fsck, npm run ledger -- backup <file>, npm run ledger -- restore <file>.'

async function check(ledger: LedgerDatabase): Promise<Result<string>> {
  const beganMs = performance.now()
  const checked = await fsck(ledger, CREDIT_POLICY)
  if (!checked.ok) return checked
  const { events, postings, owners, receipts, books } = checked.value
  const credits = (micro: bigint) => `${Number(micro) / Number(MICRO_PER_CREDIT)} credits`
  const seconds = ((performance.now() - beganMs) / 1_000).toFixed(1)
  return ok(
    `The ledger is right: ${events} events, ${postings} postings, ${owners} owners, ${receipts} receipts, looked through in ${seconds} s.\n` +
      `Given out and not back: ${credits(-books.treasury)}; burned: ${credits(books.burn)}.`,
  )
}

async function write(ledger: LedgerDatabase, file: string): Promise<Result<string>> {
  // Whole under its name, or not at all.
  const part = `${file}.part`
  await pipeline(Readable.from(backup(ledger)), createWriteStream(part, { mode: 0o600 }))
  await rename(part, file)
  return ok(`Written to ${file}.`)
}

/** Opened when the first line is wanted: one that reads before anybody listens loses what it has read. */
async function* linesOf(file: string): AsyncGenerator<string, void, undefined> {
  yield* createInterface({ input: createReadStream(file) })
}

async function read(ledger: LedgerDatabase, file: string): Promise<Result<string>> {
  const restored = await restore(ledger, linesOf(file), CREDIT_POLICY)
  return restored.ok ? ok(`Restored ${restored.value} events from ${file}.`) : restored
}

async function run([word = '', file = '', ...more]: readonly string[]): Promise<Result<string>> {
  const named = word === 'backup' || word === 'restore'
  if (more.length > 0 || (word !== 'fsck' && !named) || named !== (file !== '')) return fail('request-invalid', USE)
  const config = readConfig()
  if (!config.ok) return config
  const opened = await openLedger(config.value.ledger)
  if (!opened.ok) return opened
  try {
    const ledger = opened.value
    return await (word === 'backup' ? write(ledger, file) : word === 'restore' ? read(ledger, file) : check(ledger))
  } finally {
    await opened.value.close()
  }
}

const said = await run(process.argv.slice(2))
if (said.ok) console.log(said.value)
else {
  console.error(`${explain(said.code, said.detail)} [${said.code}]`)
  process.exitCode = 1
}
