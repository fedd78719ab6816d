/** What time alone brings about in the ledger: which holds have expired, gifts lapsed, earnings come out of escrow, disputes ended. */
import { sql } from 'kysely'
import type { LedgerEvent, MicroCredits } from '../../web/wire/ledger-events.ts'
import type { LedgerDatabase } from './database.ts'

/** A dispute that nobody has ended in time: the asker gets it back. */
export interface DuePolicy {
  readonly disputeMs: number
}

/** Of each kind `many` at most, the oldest first: events that may be posted now. */
export async function dueEvents(
  { kysely }: LedgerDatabase,
  { disputeMs }: DuePolicy,
  atMs: number,
  many: number,
): Promise<readonly LedgerEvent[]> {
  const now = BigInt(atMs)
  const holds = await kysely
    .selectFrom('hold')
    .select('request')
    .where('ended', '=', false)
    .where('until_ms', '<=', now)
    .orderBy('until_ms')
    .limit(many)
    .execute()
  const vests = await kysely
    .selectFrom('settlement')
    .select(['request', 'part'])
    .where('vested', '=', false)
    .where('micro', '>', 0n)
    .where('vest_ms', '<=', now)
    .orderBy('vest_ms')
    .limit(many)
    .execute()
  // A gift that is held now goes back when it comes out of the hold.
  const lapses = await sql<{ device: string; count: number }>`
    select device, (select count(*)::integer from event where event.id like 'lapse/' || device || '/%') as count
    from grant_given join balance using (owner)
    where left_micro > 0 and until_ms <= ${now} and user_micro > 0 order by until_ms limit ${many}
  `.execute(kysely)
  const disputes = await sql<{ request: string; part: number; micro: MicroCredits }>`
    select dispute.request, dispute.part, dispute.micro
    from dispute join event on event.id = 'dispute/' || dispute.request || '/' || dispute.part
    where not dispute.ended and event.at_ms <= ${now - BigInt(disputeMs)} order by event.seq limit ${many}
  `.execute(kysely)
  return [
    ...holds.map(({ request }) => ({ type: 'release', request, expired: true, atMs }) as const),
    ...vests.map(({ request, part }) => ({ type: 'vest', request, part, atMs }) as const),
    ...lapses.rows.map(({ device, count }) => ({ type: 'lapse', device, count, atMs }) as const),
    ...disputes.rows.map(({ request, part }) => {
      return { type: 'judge', request, part, workerMicro: 0n, burnMicro: 0n, atMs } as const
    }),
  ]
}
