/**
 * A ledger as lines of text, and back: its journal, an event a line in the order in which they were posted; the paid tickets, their
 * receipts and what of them is over; the keys of partners and what they used; and last how many lines there are and a hash over them. Whoever reads them again by the rules
 * has the same ledger, in either database.
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
/** Tables that the journal does not say; in the order in which they refer to each other. */
const BESIDE = [
  'ticket',
  'request_over',
  'receipt',
  'partner',
  'partner_request',
  'partner_day',
  'sanction',
  'announcement',
] as const
/** What names a row of each, for one page after the other. */
const PLACES = {
  ticket: sql<string>`id`,
  request_over: sql<string>`request`,
  receipt: sql<string>`ticket || signed::text`,
  partner: sql<string>`id`,
  partner_request: sql<string>`request`,
  partner_day: sql<string>`partner || day::text`,
  sanction: sql<string>`id`,
  announcement: sql<string>`id`,
} as const

/** Of one moment, also while others write. Each line ends with a newline. */
export async function* backup({ kysely }: LedgerDatabase): AsyncGenerator<string, void, undefined> {
  const step = await kysely.startTransaction().setIsolationLevel('repeatable read').execute()
  try {
    const hash = createHash('sha256')
    let [events, rows] = [0, 0]
    const written = (said: unknown) => {
      const line = `${JSON.stringify(said)}\n`
      hash.update(line)
      return line
    }
    yield `${JSON.stringify({ format: FORMAT })}\n`
    for await (const { at_ms, body } of paged(
      (seq) => eventsAfter(step, seq),
      ({ seq }) => seq,
      0n,
    )) {
      yield written({ atMs: Number(at_ms), body })
      events += 1
    }
    for (const table of BESIDE) {
      for await (const { row } of paged(
        (last) => rowsAfter(step, table, last),
        (one) => one.place,
        '',
      )) {
        yield written({ table, row })
        rows += 1
      }
    }
    yield `${JSON.stringify({ events, rows, sha256: hash.digest('hex') })}\n`
  } finally {
    await step.rollback().execute()
  }
}

/** Page by page, each from after the last one of that before. */
async function* paged<Row, Place>(
  read: (after: Place) => Promise<readonly Row[]>,
  placeOf: (row: Row) => Place,
  first: Place,
): AsyncGenerator<Row, void, undefined> {
  for (let after = first; ; ) {
    const rows = await read(after)
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < LEDGER_PAGE_EVENTS) return
    after = placeOf(last)
  }
}

function eventsAfter(step: Transaction<LedgerTables>, seq: bigint) {
  return step
    .selectFrom('event')
    .select(['seq', 'at_ms', 'body'])
    .where('seq', '>', seq)
    .orderBy('seq')
    .limit(LEDGER_PAGE_EVENTS)
    .execute()
}

async function rowsAfter(step: Transaction<LedgerTables>, table: (typeof BESIDE)[number], place: string) {
  const name = sql.table(table)
  const { rows } = await sql<{ row: Readonly<Record<string, unknown>>; place: string }>`
    select row_to_json(one) as row, ${PLACES[table]} as place from ${name} as one
    where ${PLACES[table]} > ${place} order by 2 limit ${LEDGER_PAGE_EVENTS}
  `.execute(step)
  return rows
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
  let [number, events, rows, ended] = [0, 0, 0, false]
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
      const whole = said['events'] === events && (said['rows'] ?? 0) === rows
      if (!whole || said['sha256'] !== hash.digest('hex')) wrong('lines before it are missing or changed.')
    } else if ('table' in said) {
      const table = BESIDE.find((one) => one === said['table']) ?? wrong('it is of no table.')
      const put = sql`insert into ${sql.table(table)} select * from json_populate_record(null::${sql.table(table)}, ${JSON.stringify(said['row'])}::json)`
      await put.execute(step).catch((error: unknown) => wrong(`it fits nothing (${String(error)}).`))
      hash.update(`${line}\n`)
      rows += 1
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
