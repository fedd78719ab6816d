/** What every ledger promises: the rules in memory and the database's function come to the same, line by line. */
import { describe, expect, it } from 'vitest'
import type { Balance } from '../../web/rules/ledger.ts'
import type { LedgerEvent, MicroCredits } from '../../web/wire/ledger-events.ts'
import type { Result } from '../../web/wire/result.ts'
import { readLedgerTable } from '../support/ledger-table.ts'
import { LEDGER_TABLES } from '../support/ledger-tables.ts'

export interface LedgerUnderTest {
  post(event: LedgerEvent): Promise<Result<{ readonly again: boolean }>>
  balance(owner: string): Promise<Balance>
  treasury(): Promise<MicroCredits>
  burn(): Promise<MicroCredits>
}

/** `fresh`: an empty one, whose treasury follows `TABLE_POLICY`. */
export function ledgerSuite(name: string, fresh: () => Promise<LedgerUnderTest>): void {
  describe(`the ledger ${name}`, () => {
    it.each(Object.entries(LEDGER_TABLES))('%s', async (_title, table) => {
      const ledger = await fresh()
      for (const line of readLedgerTable(table)) {
        if (line.kind === 'event') {
          const posted = await ledger.post(line.event)
          const code = posted.ok ? (posted.value.again ? 'again' : 'ok') : posted.code
          expect(`${line.text} -> ${code}`).toBe(`${line.text} -> ${line.code}`)
        } else if (line.kind === 'owner') {
          const { user, hold, escrow, dispute } = await ledger.balance(line.owner)
          expect(`${line.owner}: user ${user} hold ${hold} escrow ${escrow} dispute ${dispute}`).toBe(
            `${line.owner}: ${line.says}`,
          )
        } else {
          expect(`treasury ${await ledger.treasury()} burn ${await ledger.burn()}`).toBe(line.says)
        }
      }
    })
  })
}
