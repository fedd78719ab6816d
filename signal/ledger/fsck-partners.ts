/**
 * Proves that what is used of the budgets of partners is what the postings say: each request is counted once on its day, with what
 * was set aside for it and what of that came back. Reads only.
 */
import { sql, type Transaction } from 'kysely'
import type { LedgerTables } from './tables.ts'

interface WrongRow {
  readonly partner: string
  readonly day: number
}

/** The first contradiction. */
export async function partnersWrong(step: Transaction<LedgerTables>): Promise<string | null> {
  const { rows } = await sql<WrongRow>`
    with asked as (
      select partner, day, count(*) as requests, sum(held_micro) as held_micro, sum(back.micro) as back_micro,
        bool_and(held_micro = 0 or coalesce(held_micro = (
          select (body::jsonb ->> 'micro')::bigint from event where event.id = 'hold/' || partner_request.request
        ), false)) as held_so
      from partner_request cross join lateral (
        select coalesce(sum(posting.micro), 0) as micro from hold
          join event on event.id = any (array['release/' || hold.request]
            || array(select 'settle/' || hold.request || '/' || part from ticket where ticket.request = hold.request)
            || array(select 'judge/' || hold.request || '/' || part from ticket where ticket.request = hold.request))
          join posting on posting.event = event.seq and posting.kind = 'user' and posting.owner = hold.owner
        where hold.request = partner_request.request and partner_request.held_micro > 0
      ) as back
      group by partner, day
    )
    select partner, day from asked full join partner_day using (partner, day)
    where (asked.requests, asked.held_micro, asked.back_micro, held_so)
      is distinct from (partner_day.requests, partner_day.held_micro, partner_day.back_micro, true)
    order by partner, day limit 1
  `.execute(step)
  const [row] = rows
  return row ? `The partner ${row.partner} is said to have used something else of its day ${row.day}.` : null
}
