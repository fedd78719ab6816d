/**
 * Posts events to the ledger and reads balances. What an event comes to is decided in the database, in one call, under the
 * locks of what it changes; the same rules stand in `web/rules/ledger.ts`.
 */
import { type Kysely, sql } from 'kysely'
import { type IssuePolicy, treasuryFloorMicro } from '../../web/rules/credit-policy.ts'
import { type Balance, EMPTY_BALANCE } from '../../web/rules/ledger.ts'
import { CODES, type Code } from '../../web/wire/codes.ts'
import {
  type LedgerEvent,
  type LedgerOwner,
  ledgerBodyOf,
  ledgerIdOf,
  type MicroCredits,
} from '../../web/wire/ledger-events.ts'
import { LEDGER_MICRO_MAX } from '../../web/wire/limits/credits.ts'
import { assert, fail, ok, type Result } from '../../web/wire/result.ts'
import type { LedgerDatabase } from './database.ts'
import type { LedgerTables } from './tables.ts'

const UNIQUE_VIOLATION = '23505'

export class Journal {
  readonly #database: LedgerDatabase
  readonly #policy: IssuePolicy
  readonly #posted: (type: LedgerEvent['type']) => void

  /** `posted`: told of each event that was not there before. */
  constructor(database: LedgerDatabase, policy: IssuePolicy, posted: (type: LedgerEvent['type']) => void = () => {}) {
    this.#database = database
    this.#policy = policy
    this.#posted = posted
  }

  /** When this resolves well, a crash of the process does not lose it. `again`: it had happened before. Refusals: those of `Books.post`. */
  async post(event: LedgerEvent): Promise<Result<{ readonly again: boolean }>> {
    const call = () => callPost(this.#database.kysely, event, this.#policy)
    const code = await call().catch((error: unknown) => {
      // Somebody else's event of the same id was posted meanwhile: now it is known.
      if (codeOf(error) === UNIQUE_VIOLATION) return call()
      throw error
    })
    if (code === 'ok') this.#posted(event.type)
    if (code === 'ok' || code === 'again') return ok({ again: code === 'again' })
    assert(Object.hasOwn(CODES, code), `the ledger refuses by known codes, and ${code} is none`)
    return fail(code as Code, '')
  }

  async balance(owner: LedgerOwner): Promise<Balance> {
    const row = await this.#database.kysely
      .selectFrom('balance')
      .selectAll()
      .where('owner', '=', owner)
      .executeTakeFirst()
    if (!row) return EMPTY_BALANCE
    return { user: row.user_micro, hold: row.hold_micro, escrow: row.escrow_micro, dispute: row.dispute_micro }
  }

  async treasury(): Promise<MicroCredits> {
    const row = await this.#database.kysely.selectFrom('treasury').select('micro').executeTakeFirstOrThrow()
    return row.micro
  }

  async burn(): Promise<MicroCredits> {
    const sum = sql<MicroCredits>`coalesce(sum(micro), 0)::bigint`.as('micro')
    const { kysely } = this.#database
    const row = await kysely.selectFrom('posting').select(sum).where('kind', '=', 'burn').executeTakeFirstOrThrow()
    return row.micro
  }
}

/** 'ok', 'again' or why it may not be: one call, in the transaction of who calls. */
export async function callPost(kysely: Kysely<LedgerTables>, event: LedgerEvent, policy: IssuePolicy): Promise<string> {
  const [id, body] = [ledgerIdOf(event), ledgerBodyOf(event)]
  const floor = treasuryFloorMicro(policy, event.atMs)
  const { rows } = await sql<{ code: string }>`
    select ledger_post(${id}, ${event.atMs}::bigint, ${body}, ${floor}::bigint, ${LEDGER_MICRO_MAX}::bigint) as code
  `.execute(kysely)
  return rows[0]?.code ?? 'ledger-damaged'
}

function codeOf(error: unknown): unknown {
  return error !== null && typeof error === 'object' && 'code' in error ? error.code : null
}
