/**
 * Paid tickets and their receipts in the ledger's database, and what of them is due. Each change is one call, which also posts
 * what it comes to. Verifies nothing and decides no price.
 */
import { sql } from 'kysely'
import { type IssuePolicy, treasuryFloorMicro } from '../../web/rules/credit-policy.ts'
import { CODES, type Code } from '../../web/wire/codes.ts'
import type { PublicKeyText } from '../../web/wire/device-keys.ts'
import {
  type HoldEvent,
  type LedgerEvent,
  type LedgerOwner,
  ledgerBodyOf,
  ledgerIdOf,
  type MicroCredits,
} from '../../web/wire/ledger-events.ts'
import { LEDGER_MICRO_MAX } from '../../web/wire/limits/credits.ts'
import { keyOfPeer } from '../../web/wire/peers.ts'
import {
  type Receipt,
  type SignedAcknowledgement,
  type SignedReceipt,
  writeReceipt,
} from '../../web/wire/receipt-bytes.ts'
import { assert, fail, ok, type Result } from '../../web/wire/result.ts'
import { parseTicketClaims, type TicketClaims, ticketPayload } from '../../web/wire/tickets.ts'
import type { LedgerDatabase } from './database.ts'

/** What `credit_settle` ends a transaction with, so that nothing of it stays. */
const REFUSED = 'WEFT1'

export interface TicketToKeep {
  readonly claims: Omit<TicketClaims, 'part'>
  readonly workerOwner: LedgerOwner
}

export interface KeptTicket {
  readonly claims: TicketClaims
  readonly askerOwner: LedgerOwner
  readonly workerOwner: LedgerOwner
  /** It has a receipt with its worker's signature alone. */
  readonly alone: boolean
}

export class ReceiptShelf {
  readonly #database: LedgerDatabase
  readonly #policy: IssuePolicy

  constructor(database: LedgerDatabase, policy: IssuePolicy) {
    this.#database = database
    this.#policy = policy
  }

  /** All tickets of one plan; the value is the part of the first. Refusals: those of the hold; `posting-taken` where another owner has the request, `hold-short` where less was set aside for it. */
  async agree(hold: HoldEvent, tickets: readonly TicketToKeep[]): Promise<Result<number>> {
    const { rows } = await sql<{ code: string; first_part: number | null }>`
      select * from credit_agree(${ledgerIdOf(hold)}, ${ledgerBodyOf(hold)}, ${hold.atMs}::bigint, ${this.#floor(hold.atMs)}::bigint,
        ${LEDGER_MICRO_MAX}::bigint, ${keptTickets(tickets)}::jsonb)
    `.execute(this.#database.kysely)
    const row = rows[0]
    return row?.first_part == null ? fail(codeOf(row?.code), '') : ok(row.first_part)
  }

  async ticket(id: string): Promise<KeptTicket | null> {
    const row = await this.#database.kysely
      .selectFrom('ticket')
      .select(['claims', 'part', 'asker_owner', 'worker_owner'])
      .select(sql<boolean>`exists (select from receipt where receipt.ticket = ticket.id and not signed)`.as('alone'))
      .where('id', '=', id)
      .executeTakeFirst()
    if (!row) return null
    const read = parseTicketClaims({ ...(JSON.parse(row.claims) as object), part: row.part })
    assert(read.ok, 'a ticket is read as it was kept')
    return { claims: read.value, askerOwner: row.asker_owner, workerOwner: row.worker_owner, alone: row.alone }
  }

  /** Its worker has let it in. */
  async began(id: string, worker: PublicKeyText): Promise<void> {
    const ticket = await this.ticket(id)
    if (ticket === null || keyOfPeer(ticket.claims.worker) !== worker) return
    await sql`select credit_began(${id})`.execute(this.#database.kysely)
  }

  /** `again`: this very receipt was taken before; `over`: its request was over by then. Refusals: those of the events; `posting-taken` where the ticket has another receipt. */
  async settle(
    { receipt, workerSignature, askerSignature }: SignedReceipt,
    acknowledged: SignedAcknowledgement | null,
    events: readonly LedgerEvent[],
    atMs: number,
  ): Promise<Result<{ readonly again: boolean; readonly over: boolean }>> {
    const posted = events.map((event) => ({ id: ledgerIdOf(event), body: ledgerBodyOf(event) }))
    try {
      const { rows } = await sql<{ code: string; over: boolean }>`
        select credit_settle(${receipt.ticket}, ${bodyOf(receipt)}, ${workerSignature}, ${askerSignature},
          ${acknowledged ? JSON.stringify(acknowledged) : null}, ${atMs}::bigint, ${this.#floor(atMs)}::bigint,
          ${LEDGER_MICRO_MAX}::bigint, ${JSON.stringify(posted)}::jsonb) as code,
          exists (select from request_over where request = ${receipt.request}) as over
      `.execute(this.#database.kysely)
      const { code, over = false } = rows[0] ?? {}
      return code === 'ok' || code === 'again' ? ok({ again: code === 'again', over }) : fail(codeOf(code), '')
    } catch (error) {
      if (error !== null && typeof error === 'object' && 'code' in error && error.code === REFUSED)
        return fail(codeOf('message' in error ? error.message : null), '')
      throw error
    }
  }

  /** What is set aside for this request still. */
  async left(request: string): Promise<MicroCredits> {
    const { kysely } = this.#database
    const row = await kysely.selectFrom('hold').select('left_micro').where('request', '=', request).executeTakeFirst()
    return row?.left_micro ?? 0n
  }

  /** What of this part nobody has judged yet. */
  async disputed(request: string, part: number): Promise<MicroCredits> {
    const row = await this.#database.kysely
      .selectFrom('dispute')
      .select('micro')
      .where('request', '=', request)
      .where('part', '=', part)
      .where('ended', '=', false)
      .executeTakeFirst()
    return row?.micro ?? 0n
  }

  /** Its asker wants no more of it, and has used these parts: each is owed its receipt. Where the request is another owner's, or has ended, nothing changes. */
  async over(request: string, parts: readonly number[], owners: readonly LedgerOwner[], atMs: number): Promise<void> {
    const [whose, used] = [JSON.stringify(owners), JSON.stringify(parts)]
    await sql`select credit_over(${request}, ${whose}::jsonb, ${used}::jsonb, ${atMs}::bigint)`.execute(
      this.#database.kysely,
    )
  }

  /**
   * Requests that are over and owe nothing: every part that began has its receipt, and the others had until `beforeMs` since
   * the asker's word for their workers to say that they began.
   */
  async releasable(beforeMs: number, many: number): Promise<readonly string[]> {
    const { rows } = await sql<{ request: string }>`
      select request from request_over join hold using (request)
      where not hold.ended and credit_owes_nothing(request, request_over.at_ms, ${beforeMs}::bigint)
      order by request_over.at_ms limit ${many}
    `.execute(this.#database.kysely)
    return rows.map((row) => row.request)
  }

  /** The rest of its hold, if it owes nothing. Whether it went back now. */
  async release(request: string, beforeMs: number, atMs: number): Promise<boolean> {
    const event = { type: 'release', request, expired: false, atMs } as const
    const { rows } = await sql<{ code: string }>`
      select credit_release(${request}, ${beforeMs}::bigint, ${ledgerIdOf(event)}, ${atMs}::bigint,
        ${ledgerBodyOf(event)}, ${this.#floor(atMs)}::bigint, ${LEDGER_MICRO_MAX}::bigint) as code
    `.execute(this.#database.kysely)
    return rows[0]?.code === 'ok'
  }

  #floor(atMs: number): MicroCredits {
    return treasuryFloorMicro(this.#policy, atMs)
  }
}

/** Of a receipt alone, whoever has signed it. */
function bodyOf(receipt: Receipt): string {
  return writeReceipt({ receipt, workerSignature: '', askerSignature: null })
}

/** As the database takes them. */
export function keptTickets(tickets: readonly TicketToKeep[]): string {
  const kept = tickets.map(({ claims, workerOwner }) => {
    return { id: claims.id, owner: workerOwner, claims: JSON.stringify(ticketPayload(claims)) }
  })
  return JSON.stringify(kept)
}

/** Of what the database refused. */
export function codeOf(code: unknown): Code {
  assert(
    typeof code === 'string' && Object.hasOwn(CODES, code),
    `the ledger refuses by known codes, and ${String(code)} is none`,
  )
  return code as Code
}
