/** The rules in memory and the embedded database, held to the same tables; and that the tables reach every code of the rules. */
import { readFileSync } from 'node:fs'
import { afterAll, expect, it } from 'vitest'
import { Journal } from '../../signal/ledger/journal.ts'
import { Books } from '../../web/rules/ledger.ts'
import { readLedgerTable } from '../support/ledger-table.ts'
import { LEDGER_TABLES, TABLE_POLICY } from '../support/ledger-tables.ts'
import { closeLedger, emptiedLedger } from '../support/memory-ledger.ts'
import { ledgerSuite } from './ledger.suite.ts'

afterAll(closeLedger)

ledgerSuite('as rules', async () => {
  const books = new Books(TABLE_POLICY)
  return {
    post: async (event) => books.post(event),
    balance: async (owner) => books.balance(owner),
    treasury: async () => books.treasury,
    burn: async () => books.burn,
  }
})

ledgerSuite('in the embedded database', async () => new Journal(await emptiedLedger(), TABLE_POLICY))

it('every code that the rules know is reached by a line of the tables', () => {
  const rules = readFileSync(new URL('../../web/rules/ledger.ts', import.meta.url), 'utf8')
  const known = [...rules.matchAll(/(?:refused|fail)\('([a-z-]+)'/g)].map(([, code]) => code)
  const reached = Object.values(LEDGER_TABLES).flatMap((table) =>
    readLedgerTable(table).flatMap((line) => (line.kind === 'event' ? [line.code] : [])),
  )
  expect(known.length).toBeGreaterThan(12)
  expect([...new Set(known)].filter((code) => !reached.includes(code ?? ''))).toEqual([])
})
