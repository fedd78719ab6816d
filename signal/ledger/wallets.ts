/** What one owner has and what has happened to it, as the ledger's database says. Reads only. */
import { sql } from 'kysely'
import type { Wallet, WalletEntry, WalletLine, WalletPage } from '../../web/wire/credit-events.ts'
import type { LedgerKind, LedgerOwner } from '../../web/wire/ledger-events.ts'
import { WALLET_PAGE_MAX } from '../../web/wire/limits/credits.ts'
import { parseAcknowledgement, parseReceipt } from '../../web/wire/receipt-bytes.ts'
import { assert } from '../../web/wire/result.ts'
import type { LedgerDatabase } from './database.ts'

export type OwnedCredits = Omit<Wallet, 'owner' | 'policy'>

/** `owners`: all that are one person's. `device`: whose gift is told. */
export async function readWallet(
  { kysely }: LedgerDatabase,
  owners: readonly LedgerOwner[],
  device: string,
): Promise<OwnedCredits> {
  const balances = await kysely.selectFrom('balance').selectAll().where('owner', 'in', owners).execute()
  const sum = (of: (balance: (typeof balances)[number]) => bigint) =>
    balances.reduce((total, one) => total + of(one), 0n)
  const given = await kysely.selectFrom('grant_given').selectAll().where('device', '=', device).executeTakeFirst()
  const held = await kysely
    .selectFrom('hold')
    .selectAll()
    .where('owner', 'in', owners)
    .where('ended', '=', false)
    .orderBy('until_ms', 'desc')
    .limit(WALLET_PAGE_MAX)
    .execute()
  const escrows = await kysely
    .selectFrom('settlement')
    .selectAll()
    .where('worker', 'in', owners)
    .where('vested', '=', false)
    .where('micro', '>', 0n)
    .orderBy('vest_ms', 'desc')
    .limit(WALLET_PAGE_MAX)
    .execute()
  const disputes = await kysely
    .selectFrom('dispute')
    .selectAll()
    .where((where) => where.or([where('owner', 'in', owners), where('worker', 'in', owners)]))
    .where('ended', '=', false)
    .limit(WALLET_PAGE_MAX)
    .execute()
  return {
    userMicro: sum((one) => one.user_micro),
    heldMicro: sum((one) => one.hold_micro),
    escrowMicro: sum((one) => one.escrow_micro),
    disputedMicro: sum((one) => one.dispute_micro),
    grant: given ? { leftMicro: given.left_micro, untilMs: Number(given.until_ms) } : null,
    held: held.map((row) => ({ request: row.request, micro: row.left_micro, untilMs: Number(row.until_ms) })),
    escrows: escrows.map(({ request, part, micro, vest_ms }) => ({ request, part, micro, vestMs: Number(vest_ms) })),
    disputes: disputes.map(({ request, part, micro, worker }) => {
      return { request, part, micro, side: owners.includes(worker) ? 'worker' : 'asker' }
    }),
  }
}

interface EntryRow {
  readonly seq: bigint
  readonly type: WalletEntry['type']
  readonly at_ms: bigint
  readonly body: string
  readonly lines: readonly { readonly kind: LedgerKind; readonly micro: string }[]
  readonly receipt: string | null
  readonly worker_signature: string | null
  readonly asker_signature: string | null
  readonly acknowledged: string | null
}

/** Newest first, of before this entry. */
export async function readHistory(
  { kysely }: LedgerDatabase,
  owners: readonly LedgerOwner[],
  before: number | null,
): Promise<WalletPage> {
  const { rows } = await sql<EntryRow>`
    with own as (
      select event as seq, json_agg(json_build_object('kind', kind, 'micro', micro::text)) as lines
      from posting where owner in (${sql.join(owners)}) and (${before}::bigint is null or event < ${before}::bigint)
      group by event order by event desc limit ${WALLET_PAGE_MAX + 1}
    )
    select event.seq, event.type, event.at_ms, event.body, own.lines,
      one.body as receipt, one.worker_signature, one.asker_signature, one.acknowledged
    from own join event on event.seq = own.seq
    left join ticket on event.type in ('settle', 'dispute', 'judge')
      and ticket.request = event.body::jsonb ->> 'request' and ticket.part = (event.body::jsonb ->> 'part')::integer
    left join lateral (select * from receipt where receipt.ticket = ticket.id order by signed desc limit 1) as one on true
    order by event.seq desc
  `.execute(kysely)
  return { entries: rows.slice(0, WALLET_PAGE_MAX).map(entryOf), more: rows.length > WALLET_PAGE_MAX }
}

function entryOf(row: EntryRow): WalletEntry {
  const { request = null, part = null } = JSON.parse(row.body) as { request?: string; part?: number }
  return {
    seq: Number(row.seq),
    atMs: Number(row.at_ms),
    type: row.type,
    request,
    part,
    lines: row.lines.map(({ kind, micro }): WalletLine => ({ kind, micro: BigInt(micro) })),
    receipt: receiptOf(row),
    acknowledged: acknowledgedOf(row),
  }
}

function receiptOf({ receipt, worker_signature: workerSignature, asker_signature: askerSignature }: EntryRow) {
  if (receipt === null) return null
  const read = parseReceipt({ ...(JSON.parse(receipt) as object), workerSignature, askerSignature })
  assert(read.ok, 'a receipt is read as it was kept')
  return read.value
}

function acknowledgedOf({ acknowledged }: EntryRow) {
  if (acknowledged === null) return null
  const read = parseAcknowledgement(JSON.parse(acknowledged))
  assert(read.ok, 'an acknowledgement is read as it was kept')
  return read.value
}
