/**
 * Partner keys in the ledger's database, and what of a day's budget is used. What a request costs is set aside in one call, which
 * also looks at the budget. It lets nobody in and decides no price.
 */
import { sql } from 'kysely'
import { type IssuePolicy, treasuryFloorMicro } from '../../web/rules/credit-policy.ts'
import {
  type HoldEvent,
  type LedgerOwner,
  ledgerBodyOf,
  ledgerIdOf,
  type MicroCredits,
} from '../../web/wire/ledger-events.ts'
import { LEDGER_MICRO_MAX } from '../../web/wire/limits/credits.ts'
import { PARTNERS_MAX } from '../../web/wire/limits/partners.ts'
import {
  type PartnerDay,
  type PartnerKey,
  type PartnerRecord,
  type PartnerWish,
  parsePartner,
  writePartner,
} from '../../web/wire/partner-keys.ts'
import { keyOfPeer } from '../../web/wire/peers.ts'
import { assert, fail, ok, type Result } from '../../web/wire/result.ts'
import { parseTicketClaims } from '../../web/wire/tickets.ts'
import type { LedgerDatabase } from './database.ts'
import { codeOf, keptTickets, type TicketToKeep } from './receipts.ts'

const DAY_MS = 86_400_000

/** A key, and what is left for its visitors today; nothing where nobody pays. */
export interface KeptPartner {
  readonly record: PartnerRecord
  readonly leftMicro: MicroCredits
}

interface PartnerRow {
  readonly id: string
  readonly made_ms: bigint
  readonly revoked_ms: bigint | null
  readonly payer: string | null
  readonly daily_micro: bigint
  readonly body: string
}

export class PartnerShelf {
  readonly #database: LedgerDatabase
  readonly #policy: IssuePolicy

  constructor(database: LedgerDatabase, policy: IssuePolicy) {
    this.#database = database
    this.#policy = policy
  }

  /** The newest first. */
  async list(): Promise<readonly PartnerRecord[]> {
    const { kysely } = this.#database
    const rows = await kysely.selectFrom('partner').selectAll().orderBy('made_ms', 'desc').orderBy('id').execute()
    return rows.map(recordOf)
  }

  async ids(): Promise<readonly PartnerKey[]> {
    const rows = await this.#database.kysely.selectFrom('partner').select('id').execute()
    return rows.map(({ id }) => id)
  }

  async find(id: PartnerKey, atMs: number): Promise<KeptPartner | null> {
    const { rows } = await sql<PartnerRow & { left_micro: bigint }>`
      select partner.*, case when payer is null then 0 else greatest(0, least(
        daily_micro - coalesce(held_micro - back_micro, 0), coalesce(user_micro, 0))) end::bigint as left_micro
      from partner
        left join partner_day on partner_day.partner = partner.id and partner_day.day = ${dayOf(atMs)}
        left join balance on balance.owner = payer
      where id = ${id}
    `.execute(this.#database.kysely)
    const [row] = rows
    return row ? { record: recordOf(row), leftMicro: row.left_micro } : null
  }

  /** Refusals: `request-invalid` where there are `PARTNERS_MAX`. */
  async make(record: PartnerRecord): Promise<Result<null>> {
    const { id, madeMs, revokedMs, payer, dailyMicro } = record
    const { rows } = await sql`
      insert into partner (id, made_ms, revoked_ms, payer, daily_micro, body)
      select ${id}, ${madeMs}::bigint, ${revokedMs}::bigint, ${payer}, ${dailyMicro}::bigint, ${bodyOf(record)}
      where (select count(*) from partner) < ${PARTNERS_MAX} returning id
    `.execute(this.#database.kysely)
    return rows.length === 1 ? ok(null) : fail('request-invalid', `There are ${PARTNERS_MAX} keys already.`)
  }

  /** Refusals: `partner-unknown`, `partner-revoked`. */
  async change(id: PartnerKey, wish: PartnerWish): Promise<Result<PartnerRecord>> {
    const row = await this.#database.kysely
      .updateTable('partner')
      .set({ payer: wish.payer, daily_micro: wish.dailyMicro, body: bodyOf(wish) })
      .where('id', '=', id)
      .where('revoked_ms', 'is', null)
      .returningAll()
      .executeTakeFirst()
    if (row) return ok(recordOf(row))
    return fail((await this.#has(id)) ? 'partner-revoked' : 'partner-unknown', '')
  }

  /** For good; a second time it stays as it is. Refusals: `partner-unknown`. */
  async revoke(id: PartnerKey, atMs: number): Promise<Result<PartnerRecord>> {
    const { kysely } = this.#database
    const revoked_ms = sql<bigint>`coalesce(revoked_ms, ${atMs}::bigint)`
    const row = await kysely
      .updateTable('partner')
      .set({ revoked_ms })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirst()
    return row ? ok(recordOf(row)) : fail('partner-unknown', '')
  }

  /**
   * As `ReceiptShelf.agree`, out of what is left of the day. Refusals: its own; `partner-unknown`, `partner-revoked`,
   * `partner-budget`, also where the payer has not enough or another one pays by now.
   */
  async agree(id: PartnerKey, hold: HoldEvent, tickets: readonly TicketToKeep[]): Promise<Result<number>> {
    const floor = treasuryFloorMicro(this.#policy, hold.atMs)
    const { rows } = await sql<{ code: string; first_part: number | null }>`
      select * from partner_agree(${id}, ${dayOf(hold.atMs)}, ${ledgerIdOf(hold)}, ${ledgerBodyOf(hold)},
        ${hold.atMs}::bigint, ${floor}::bigint, ${LEDGER_MICRO_MAX}::bigint, ${keptTickets(tickets)}::jsonb)
    `.execute(this.#database.kysely)
    const [row] = rows
    return row?.first_part == null ? fail(codeOf(row?.code), '') : ok(row.first_part)
  }

  /** A request that nothing is paid for; once. */
  async count(id: PartnerKey, request: string, atMs: number): Promise<void> {
    await sql`select partner_count(${request}, ${id}, ${dayOf(atMs)})`.execute(this.#database.kysely)
  }

  /** Whose hold is for this request of a visitor with this device key; null where none is. */
  async payerOf(request: string, device: string): Promise<LedgerOwner | null> {
    const { rows } = await sql<{ claims: string; part: number; asker_owner: string }>`
      select claims, part, asker_owner from ticket join partner_request using (request)
      where request = ${request} and held_micro > 0 order by part limit 1
    `.execute(this.#database.kysely)
    const [row] = rows
    if (!row) return null
    const claims = parseTicketClaims({ ...(JSON.parse(row.claims) as object), part: row.part })
    assert(claims.ok, 'a ticket is read as it was kept')
    return keyOfPeer(claims.value.asker) === device ? row.asker_owner : null
  }

  /** The last `many` days that had any, the newest first. */
  async days(id: PartnerKey, many: number, atMs: number): Promise<readonly PartnerDay[]> {
    // Of a route each stage has a receipt over the same tokens: the first one's counts.
    const { rows } = await sql<{ day: number; requests: bigint; tokens: bigint; micro: bigint }>`
      select day, requests, held_micro - back_micro as micro, coalesce((
        select sum((said.body ->> 'promptTokens')::numeric - (said.body ->> 'reusedTokens')::numeric + (said.body ->> 'outputTokens')::numeric)
        from partner_request join ticket on ticket.request = partner_request.request
          join lateral (
            select body::jsonb -> 'receipt' as body from receipt where receipt.ticket = ticket.id order by signed desc limit 1
          ) as said on (said.body ->> 'kind' <> 'stage' or (said.body -> 'span' ->> 'first')::integer = 0)
        where partner_request.partner = partner_day.partner and partner_request.day = partner_day.day
      ), 0)::bigint as tokens
      from partner_day where partner = ${id} and day > ${dayOf(atMs) - many} order by day desc
    `.execute(this.#database.kysely)
    return rows.map(({ day, requests, tokens, micro }) => {
      const name = new Date(day * DAY_MS).toISOString().slice(0, 10)
      return { day: name, requests: Number(requests), tokens: Number(tokens), micro }
    })
  }

  async #has(id: PartnerKey): Promise<boolean> {
    const { kysely } = this.#database
    return (await kysely.selectFrom('partner').select('id').where('id', '=', id).executeTakeFirst()) !== undefined
  }
}

function dayOf(atMs: number): number {
  return Math.floor(atMs / DAY_MS)
}

function bodyOf({ site, origins, models, scope, system, suggested }: PartnerWish): string {
  return JSON.stringify({ site, origins, models, scope, system, suggested })
}

function recordOf({ id, made_ms, revoked_ms, payer, daily_micro, body }: PartnerRow): PartnerRecord {
  const about = JSON.parse(body) as Omit<PartnerWish, 'payer' | 'dailyMicro'>
  const revokedMs = revoked_ms === null ? null : Number(revoked_ms)
  const read = parsePartner(
    writePartner({ ...about, id, payer, dailyMicro: daily_micro, madeMs: Number(made_ms), revokedMs }),
  )
  assert(read.ok, 'a partner key is read as it was kept')
  return read.value
}
