/**
 * A ledger as lines of text, and back: its journal, an event a line in the order in which they were posted, and last how many there
 * are and a hash over them. Events say all there is: whoever reads them again by the rules has the same ledger, in either database.
 */
import { createHash } from 'node:crypto'
import { sql, type Transaction } from 'kysely'
import type { IssuePolicy } from '../../web/rules/credit-policy.ts'
import { readLedgerEvent } from '../../web/wire/ledger-events.ts'
import { FailureError, fail, ok, type Result } from '../../web/wire/result.ts'
import { LEDGER_PAGE_EVENTS } from '../config.ts'
import type { LedgerDatabase } from './database.ts'
import { callPost } from './journal.ts'
import type { LedgerTables } from './tables.ts'

const FORMAT = 'weft-ledger/1'

/** Of one moment, also while others write. Each line ends with a newline. */
export async function* backup({ kysely }: LedgerDatabase): AsyncGenerator<string, void, undefined> {
  const newest = await kysely
    .selectFrom('event')
    .select(sql<bigint | null>`max(seq)`.as('seq'))
    .executeTakeFirstOrThrow()
  const hash = createHash('sha256')
  let [seq, events] = [0n, 0]
  yield `${JSON.stringify({ format: FORMAT })}\n`
  for (;;) {
    const rows = await kysely
      .selectFrom('event')
      .select(['seq', 'at_ms', 'body'])
      .where('seq', '>', seq)
      .where('seq', '<=', newest.seq ?? 0n)
      .orderBy('seq')
      .limit(LEDGER_PAGE_EVENTS)
      .execute()
    for (const row of rows) {
      const line = `${JSON.stringify({ atMs: Number(row.at_ms), body: row.body })}\n`
      hash.update(line)
      yield line
      seq = row.seq
      events += 1
    }
    if (rows.length < LEDGER_PAGE_EVENTS) break
  }
  yield `${JSON.stringify({ events, sha256: hash.digest('hex') })}\n`
}

/**
 * Into an empty ledger, all or nothing. Returns how many events. Refusals: `ledger-taken` where something was posted already,
 * `ledger-damaged` with the first line that is wrong.
 */
export async function restore(
  { kysely }: LedgerDatabase,
  lines: AsyncIterable<string>,
  policy: IssuePolicy,
): Promise<Result<number>> {
  try {
    return await kysely.transaction().execute(async (step) => {
      const first = await step.selectFrom('event').select('seq').limit(1).executeTakeFirst()
      if (first) throw new FailureError(fail('ledger-taken', ''))
      return ok(await readInto(step, lines, policy))
    })
  } catch (error) {
    if (error instanceof FailureError) return error.failure
    throw error
  }
}

async function readInto(
  step: Transaction<LedgerTables>,
  lines: AsyncIterable<string>,
  policy: IssuePolicy,
): Promise<number> {
  const hash = createHash('sha256')
  let [number, events, ended] = [0, 0, false]
  for await (const line of lines) {
    number += 1
    const wrong = (why: string): never => {
      throw new FailureError(fail('ledger-damaged', `Line ${number} of the backup: ${why}`))
    }
    const said = recordOf(line) ?? wrong('it is no record.')
    if (number === 1) {
      if (said['format'] !== FORMAT) wrong(`it does not begin with ${FORMAT}.`)
    } else if (ended) wrong('it comes after the end.')
    else if ('events' in said) {
      ended = true
      if (said['events'] !== events || said['sha256'] !== hash.digest('hex'))
        wrong('lines before it are missing or changed.')
    } else {
      const { atMs, body } = said
      const event = typeof body === 'string' ? readLedgerEvent(body, Number(atMs)) : wrong('it has no event.')
      if (!event.ok) throw new FailureError(fail('ledger-damaged', `Line ${number} of the backup: ${event.detail}`))
      const code = await callPost(step, event.value, policy)
      if (code !== 'ok') wrong(`it may not be (${code}).`)
      hash.update(`${line}\n`)
      events += 1
    }
  }
  if (!ended) throw new FailureError(fail('ledger-damaged', `The backup ends after line ${number}.`))
  return events
}

function recordOf(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line)
    return value !== null && typeof value === 'object' ? (value as Readonly<Record<string, unknown>>) : null
  } catch {
    return null
  }
}
