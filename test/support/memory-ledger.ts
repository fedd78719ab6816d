/** The embedded database in memory, emptied for each who asks: a new one takes seconds to begin. One at a time. */
import { sql } from 'kysely'
import { type LedgerDatabase, openLedger } from '../../signal/ledger/database.ts'
import { migrate } from '../../signal/ledger/migrate.ts'

let embedded: LedgerDatabase | null = null

export async function emptiedLedger(): Promise<LedgerDatabase> {
  if (embedded) {
    await runSql(embedded, 'drop schema public cascade', 'create schema public')
    await migrate(embedded.kysely)
    return embedded
  }
  const opened = await openLedger({ kind: 'memory' })
  if (!opened.ok) throw new Error(opened.code)
  embedded = opened.value
  return embedded
}

export async function closeLedger(): Promise<void> {
  await embedded?.close()
  embedded = null
}

/** As whoever owns the database could. */
export async function runSql({ kysely }: LedgerDatabase, ...statements: readonly string[]): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(kysely)
}
