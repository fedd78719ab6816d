/**
 * The operator's rulings as the database keeps them: sanctions and announcements. Reads and writes rows; what is in force and
 * who is told is decided elsewhere.
 */
import { type Kysely, sql } from 'kysely'
import type { Page } from '../../web/wire/operator-views.ts'
import type { KeptAnnouncement, RulingId, Sanction } from '../../web/wire/rulings.ts'
import type { LedgerTables } from './tables.ts'

type Database = Kysely<LedgerTables>

/** Those that hold at this moment, the longest known first. */
export async function sanctionsInForce(database: Database, nowMs: number): Promise<readonly Sanction[]> {
  const rows = await database
    .selectFrom('sanction')
    .selectAll()
    .where('lifted_ms', 'is', null)
    .where((one) => one.or([one('until_ms', 'is', null), one('until_ms', '>', BigInt(nowMs))]))
    .orderBy('made_ms')
    .execute()
  return rows.map(sanctionOf)
}

/** Those that hold at this moment, the longest known first. */
export async function announcementsInForce(database: Database, nowMs: number): Promise<readonly KeptAnnouncement[]> {
  const rows = await database
    .selectFrom('announcement')
    .selectAll()
    .where('ended_ms', 'is', null)
    .where('until_ms', '>', BigInt(nowMs))
    .orderBy('made_ms')
    .execute()
  return rows.map(announcementOf)
}

/** Also those that are over, after all that hold; of each the newest first. `search`: of whose subject it is a part. */
export async function sanctionsFound(
  database: Database,
  nowMs: number,
  { search, from }: { readonly search: string; readonly from: number },
  many: number,
): Promise<Page<Sanction>> {
  const found = database.selectFrom('sanction').where(sql<boolean>`strpos(subject, ${search}) > 0`)
  const { total } = await found.select(sql<bigint>`count(*)`.as('total')).executeTakeFirstOrThrow()
  const holds = sql<boolean>`lifted_ms is null and (until_ms is null or until_ms > ${BigInt(nowMs)})`
  const ordered = found.selectAll().orderBy(holds, 'desc').orderBy('made_ms', 'desc').orderBy('id')
  const rows = await ordered.offset(from).limit(many).execute()
  return { rows: rows.map(sanctionOf), total: Number(total) }
}

/** Also those that are over, after all that hold; of each the newest first. */
export async function newestAnnouncements(
  database: Database,
  nowMs: number,
  many: number,
): Promise<readonly KeptAnnouncement[]> {
  const holds = sql<boolean>`ended_ms is null and until_ms > ${BigInt(nowMs)}`
  const all = database.selectFrom('announcement').selectAll()
  const rows = await all.orderBy(holds, 'desc').orderBy('made_ms', 'desc').limit(many).execute()
  return rows.map(announcementOf)
}

export async function keepSanction(database: Database, sanction: Sanction): Promise<void> {
  const { id, subject, reason, madeMs, untilMs } = sanction
  const until = untilMs === null ? null : BigInt(untilMs)
  const row = { id, subject, reason, made_ms: BigInt(madeMs), until_ms: until, lifted_ms: null }
  await database.insertInto('sanction').values(row).execute()
}

export async function keepAnnouncement(database: Database, announcement: KeptAnnouncement): Promise<void> {
  const { id, level, text, madeMs, untilMs } = announcement
  const row = { id, level, text, made_ms: BigInt(madeMs), until_ms: BigInt(untilMs), ended_ms: null }
  await database.insertInto('announcement').values(row).execute()
}

/** False where there is none that could be lifted. */
export async function liftSanction(database: Database, id: RulingId, nowMs: number): Promise<boolean> {
  const lifted = database.updateTable('sanction').set({ lifted_ms: BigInt(nowMs) })
  const { numUpdatedRows } = await lifted.where('id', '=', id).where('lifted_ms', 'is', null).executeTakeFirst()
  return numUpdatedRows > 0n
}

/** False where there is none that could be ended. */
export async function endAnnouncement(database: Database, id: RulingId, nowMs: number): Promise<boolean> {
  const ended = database.updateTable('announcement').set({ ended_ms: BigInt(nowMs) })
  const { numUpdatedRows } = await ended.where('id', '=', id).where('ended_ms', 'is', null).executeTakeFirst()
  return numUpdatedRows > 0n
}

interface SanctionRow {
  readonly id: string
  readonly subject: string
  readonly reason: string
  readonly made_ms: bigint
  readonly until_ms: bigint | null
  readonly lifted_ms: bigint | null
}

function sanctionOf({ id, subject, reason, made_ms, until_ms, lifted_ms }: SanctionRow): Sanction {
  const [madeMs, untilMs, liftedMs] = [Number(made_ms), numberOf(until_ms), numberOf(lifted_ms)]
  return { id, subject, reason, madeMs, untilMs, liftedMs }
}

interface AnnouncementRow {
  readonly id: string
  readonly level: string
  readonly text: string
  readonly made_ms: bigint
  readonly until_ms: bigint
  readonly ended_ms: bigint | null
}

function announcementOf({ id, level, text, made_ms, until_ms, ended_ms }: AnnouncementRow): KeptAnnouncement {
  const known = level === 'warning' ? 'warning' : 'note'
  return { id, level: known, text, madeMs: Number(made_ms), untilMs: Number(until_ms), endedMs: numberOf(ended_ms) }
}

function numberOf(value: bigint | null): number | null {
  return value === null ? null : Number(value)
}
