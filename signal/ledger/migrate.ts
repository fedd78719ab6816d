/**
 * Brings the ledger's tables to the newest version, forward only: each file of `migrations/` once, in the order of their
 * numbers, in one transaction. A file that was changed after it ran, or one that is not here, is refused.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Kysely, sql } from 'kysely'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import type { LedgerTables } from './tables.ts'

const FOLDER = join(import.meta.dirname, 'migrations')
/** Any number: two servers that start at once on one database do not migrate it both. */
const ADVISORY_LOCK = 717_171n

interface Migration {
  readonly name: string
  readonly script: string
  readonly sha256: string
}

/** Refusals: `ledger-newer`. */
export async function migrate(kysely: Kysely<LedgerTables>): Promise<Result<null>> {
  const known = await migrations()
  return kysely.transaction().execute(async (step) => {
    await sql`select pg_advisory_xact_lock(${ADVISORY_LOCK})`.execute(step)
    await sql`create table if not exists migration (name text primary key, sha256 text not null, at timestamptz not null default now())`.execute(
      step,
    )
    const ran = await step.selectFrom('migration').select(['name', 'sha256']).orderBy('name').execute()
    for (const { name, sha256 } of ran) {
      const file = known.find((one) => one.name === name)
      if (file?.sha256 !== sha256)
        return fail('ledger-newer', `It has had the step ${name}, which is another one here.`)
    }
    for (const { name, script, sha256 } of known.slice(ran.length)) {
      // Without parameters, so that one call may hold many statements.
      for (const statement of statementsOf(script)) await sql.raw(statement).execute(step)
      await step.insertInto('migration').values({ name, sha256 }).execute()
    }
    return ok(null)
  })
}

async function migrations(): Promise<readonly Migration[]> {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).sort()
  return Promise.all(
    names.map(async (name) => {
      const script = await readFile(join(FOLDER, name), 'utf8')
      return { name, script, sha256: createHash('sha256').update(script).digest('hex') }
    }),
  )
}

/** A statement ends with a semicolon at the end of a line that is not inside a function's body. */
function statementsOf(script: string): readonly string[] {
  const statements: string[] = []
  let open: string[] = []
  let inBody = false
  for (const line of script.split('\n')) {
    open.push(line)
    if ((line.match(/\$\$/g)?.length ?? 0) % 2 === 1) inBody = !inBody
    if (inBody || !line.trimEnd().endsWith(';')) continue
    statements.push(open.join('\n'))
    open = []
  }
  return open.join('').trim() === '' ? statements : [...statements, open.join('\n')]
}
