/**
 * Proves that a ledger is right: every event of the journal again, by the rules alone, and what is kept beside it must be what
 * they come to, receipts and their signatures too, and what partners used of their budgets. Reads only. Stops at the first contradiction.
 */
import { sql } from 'kysely'
import { CREDIT_POLICIES, type CreditPolicy, type IssuePolicy } from '../../web/rules/credit-policy.ts'
import { type Balance, Books, EMPTY_BALANCE } from '../../web/rules/ledger.ts'
import { ledgerIdOf, type Posting, readLedgerEvent } from '../../web/wire/ledger-events.ts'
import { assert, fail, ok, type Result } from '../../web/wire/result.ts'
import { LEDGER_PAGE_EVENTS } from '../config.ts'
import type { LedgerDatabase } from './database.ts'
import { partnersWrong } from './fsck-partners.ts'
import { receiptsWrong } from './fsck-receipts.ts'

export interface LedgerFacts {
  readonly events: number
  readonly postings: number
  readonly owners: number
  readonly receipts: number
  readonly books: Books
}

interface EventRow {
  readonly seq: bigint
  readonly id: string
  readonly type: string
  readonly at_ms: bigint
  readonly body: string
  readonly postings: readonly { readonly kind: string; readonly owner: string; readonly micro: string }[]
}

/** Of one moment, also while others write. Refusals: `ledger-damaged`, with the first contradiction. */
export async function fsck(
  { kysely }: LedgerDatabase,
  policy: IssuePolicy,
  policies: readonly CreditPolicy[] = CREDIT_POLICIES,
): Promise<Result<LedgerFacts>> {
  const snapshot = kysely.transaction().setIsolationLevel('repeatable read')
  return snapshot.execute(async (step): Promise<Result<LedgerFacts>> => {
    const books = new Books(policy)
    let [seq, events, postings] = [0n, 0, 0]
    for (;;) {
      const { rows } = await sql<EventRow>`
        select event.seq, event.id, event.type, event.at_ms, event.body, coalesce((
          select json_agg(json_build_object('kind', kind, 'owner', owner, 'micro', micro::text))
          from posting where posting.event = event.seq
        ), '[]') as postings
        from event where event.seq > ${seq} order by event.seq limit ${LEDGER_PAGE_EVENTS}
      `.execute(step)
      const last = rows.at(-1)
      if (!last) break
      for (const row of rows) {
        const wrong = postedWrong(books, row)
        if (wrong !== null) return damaged(`Event ${row.seq} (${row.id}): ${wrong}`)
        postings += row.postings.length
      }
      seq = last.seq
      events += rows.length
    }
    const kept = {
      postings: await step.selectFrom('posting').select(sql<bigint>`count(*)`.as('count')).executeTakeFirstOrThrow(),
      balances: await step.selectFrom('balance').selectAll().execute(),
      treasury: await step.selectFrom('treasury').select('micro').executeTakeFirstOrThrow(),
      holds: await step.selectFrom('hold').select(['request', 'left_micro']).where('ended', '=', false).execute(),
      grants: await step
        .selectFrom('grant_given')
        .select(['device', 'left_micro'])
        .where('left_micro', '>', 0n)
        .execute(),
    }
    if (kept.postings.count !== BigInt(postings)) return damaged('There are postings of no event.')
    if (kept.treasury.micro !== books.treasury) {
      return damaged(`The treasury stands at ${kept.treasury.micro}; its postings come to ${books.treasury}.`)
    }
    const balances = new Map(kept.balances.map((row) => [row.owner, textOf(balanceOf(row))]))
    const expected = new Map([...books.balances].map(([owner, balance]) => [owner, textOf(balance)]))
    const nothing = textOf(EMPTY_BALANCE)
    const wrong =
      difference('The balance of', balances, expected, nothing) ??
      difference(
        'The hold of',
        amounts(kept.holds.map((row) => [row.request, row.left_micro])),
        amounts(books.holds),
      ) ??
      difference('The grant of', amounts(kept.grants.map((row) => [row.device, row.left_micro])), amounts(books.grants))
    if (wrong !== null) return damaged(wrong)
    const receipts = await receiptsWrong(step, policies)
    if (typeof receipts === 'string') return damaged(receipts)
    const partners = await partnersWrong(step)
    if (partners !== null) return damaged(partners)
    return ok({ events, postings, owners: books.balances.size, receipts, books })
  })
}

/** What the rules say against this event after those before it; null where they say the same. */
function postedWrong(books: Books, row: EventRow): string | null {
  const read = readLedgerEvent(row.body, Number(row.at_ms))
  if (!read.ok) return read.detail
  const event = read.value
  if (ledgerIdOf(event) !== row.id || event.type !== row.type) return `it is ${ledgerIdOf(event)} by what it says.`
  const posted = books.post(event)
  if (!posted.ok) return `it may not be (${posted.code}).`
  if (posted.value.again) return 'it was posted before.'
  const expected = posted.value.postings.map(lineOf).sort()
  const kept = row.postings.map(({ kind, owner, micro }) => `${kind} ${owner} ${micro}`).sort()
  const same = expected.length === kept.length && expected.every((line, index) => line === kept[index])
  return same ? null : `its postings are [${kept.join(', ')}]; it comes to [${expected.join(', ')}].`
}

function damaged(detail: string): Result<never> {
  return fail('ledger-damaged', detail)
}

function lineOf({ kind, owner, micro }: Posting): string {
  return `${kind} ${owner} ${micro}`
}

type BalanceRow = Readonly<Record<'user_micro' | 'hold_micro' | 'escrow_micro' | 'dispute_micro', bigint>>

function balanceOf(row: BalanceRow): Balance {
  return { user: row.user_micro, hold: row.hold_micro, escrow: row.escrow_micro, dispute: row.dispute_micro }
}

function textOf({ user, hold, escrow, dispute }: Balance): string {
  return `user ${user}, hold ${hold}, escrow ${escrow}, dispute ${dispute}`
}

function amounts(pairs: Iterable<readonly [string, bigint]>): ReadonlyMap<string, string> {
  return new Map([...pairs].map(([name, micro]) => [name, String(micro)]))
}

/** The first name of which both do not say the same. `nothing`: what a missing one says. */
function difference(
  what: string,
  kept: ReadonlyMap<string, string>,
  expected: ReadonlyMap<string, string>,
  nothing = '0',
): string | null {
  for (const name of new Set([...kept.keys(), ...expected.keys()])) {
    assert(name !== '', 'only the system has no owner')
    const [has, comes] = [kept.get(name) ?? nothing, expected.get(name) ?? nothing]
    if (has !== comes) return `${what} ${name} is kept as ${has}; the journal comes to ${comes}.`
  }
  return null
}
