/**
 * Opens the ledger's database: PostgreSQL where an address is given, else the embedded one in the data folder or, for tests, in
 * memory. One dialect for all. Brings the tables to the newest version. Knows no rule of the ledger.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { DATABASE_CONNECTIONS_MAX } from '../config.ts'
import { type Lock, takeLock } from '../models/lock.ts'
import { migrate } from './migrate.ts'
import { PGlitePool } from './pglite-pool.ts'
import type { LedgerPlace } from './place.ts'
import type { LedgerTables } from './tables.ts'

export interface LedgerDatabase {
  readonly kysely: Kysely<LedgerTables>
  /** After all that was begun. Idempotent. */
  close(): Promise<void>
}

const FOLDER = 'ledger'
/** PostgreSQL's type of 64-bit integers. */
const INT8 = 20

/** Refusals: `ledger-busy` where another process has the folder, `ledger-newer` where its tables are of a newer version. */
export async function openLedger(place: LedgerPlace): Promise<Result<LedgerDatabase>> {
  let lock: Lock | null = null
  if (place.kind === 'folder') {
    await mkdir(place.dataDir, { recursive: true })
    // Two processes on one folder destroy it, and the database itself does not notice.
    lock = await takeLock(join(place.dataDir, `${FOLDER}.lock`))
    if (!lock) return fail('ledger-busy', `${join(place.dataDir, FOLDER)} is open in another process.`)
  }
  const kysely = new Kysely<LedgerTables>({ dialect: new PostgresDialect({ pool: await poolOf(place) }) })
  const close = async () => {
    await kysely.destroy()
    await lock?.release()
  }
  const migrated = await migrate(kysely).catch(async (error: unknown) => {
    await close()
    throw error
  })
  if (migrated.ok) return ok({ kysely, close })
  await close()
  return migrated
}

async function poolOf(place: LedgerPlace) {
  if (place.kind === 'server') {
    const types = {
      getTypeParser: ((id: number, format?: 'text' | 'binary') =>
        id === INT8 ? BigInt : pg.types.getTypeParser(id, format as 'text')) as typeof pg.types.getTypeParser,
    }
    const pool = new pg.Pool({ connectionString: place.url, max: DATABASE_CONNECTIONS_MAX, types })
    // A connection that is lost while nobody uses it is replaced by the next one who asks.
    pool.on('error', () => {})
    return pool
  }
  const dataDir = place.kind === 'folder' ? join(place.dataDir, FOLDER) : 'memory://'
  return new PGlitePool(await PGlite.create({ dataDir, parsers: { [INT8]: (value: string) => BigInt(value) } }))
}
