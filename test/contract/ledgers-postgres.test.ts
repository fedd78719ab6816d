/** A PostgreSQL server, held to the tables of all ledgers; and what only several connections can do to each other. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type LedgerDatabase, openLedger } from '../../signal/ledger/database.ts'
import { Journal } from '../../signal/ledger/journal.ts'
import type { LedgerEvent } from '../../web/wire/ledger-events.ts'
import { TABLE_POLICY } from '../support/ledger-tables.ts'
import { Postgres } from '../support/postgres.ts'
import { creditsSuite } from './credits.suite.ts'
import { creditsOverSuite } from './credits-over.suite.ts'
import { ledgerSuite } from './ledger.suite.ts'
import { partnersSuite } from './partners.suite.ts'

let server: Postgres
const open: LedgerDatabase[] = []
beforeAll(async () => {
  server = await Postgres.start()
})
afterAll(async () => {
  for (const database of open) await database.close()
  await server.close()
})

async function database(): Promise<LedgerDatabase> {
  const opened = await openLedger({ kind: 'server', url: await server.fresh() })
  if (!opened.ok) throw new Error(opened.code)
  open.push(opened.value)
  return opened.value
}

const fresh = async () => new Journal(await database(), TABLE_POLICY)

ledgerSuite('on a PostgreSQL server', fresh)
creditsSuite('on a PostgreSQL server', database)
creditsOverSuite('on a PostgreSQL server', database)
partnersSuite('on a PostgreSQL server', database)

it('people who work for each other at once never wait in a circle, and nothing is paid twice', async () => {
  const journal = await fresh()
  const people = ['alice', 'bob', 'carol', 'dave']
  const [atMs, ok] = [0, { ok: true, value: { again: false } }]
  for (const owner of people)
    expect(await journal.post({ type: 'grant', device: owner, owner, micro: 2_000n, forMs: 500, atMs })).toEqual(ok)
  const requests = people.flatMap((owner, from) =>
    people.flatMap((worker, to) =>
      from === to ? [] : Array.from({ length: 20 }, (_, n) => ({ owner, worker, request: `${owner}-${worker}-${n}` })),
    ),
  )
  await Promise.all(
    requests.map(async ({ owner, worker, request }) => {
      const held: LedgerEvent = { type: 'hold', request, owner, micro: 20n, forMs: 50, atMs }
      expect(await journal.post(held)).toEqual(ok)
      const amounts = { micro: 15n, burnMicro: 1n, escrowMs: 0, final: true }
      const settled: LedgerEvent = { type: 'settle', request, part: 0, worker, ...amounts, atMs }
      const answers = await Promise.all([journal.post(settled), journal.post(settled), journal.post(settled)])
      expect(answers.map((one) => (one.ok ? one.value.again : one.code)).sort()).toEqual([false, true, true])
    }),
  )
  for (const owner of people)
    expect(await journal.balance(owner)).toEqual({ user: 2_000n - 60n * 15n, hold: 0n, escrow: 60n * 14n, dispute: 0n })
  expect([await journal.treasury(), await journal.burn()]).toEqual([-8_000n, 240n])
})
