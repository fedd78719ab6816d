/** Rulings over the ledger's database: which of many are listed, and that what was begun is done before its end. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { LedgerDatabase } from '../../../signal/ledger/database.ts'
import { Rulings } from '../../../signal/operator/rulings.ts'
import { OPERATOR_ROWS_MAX } from '../../../web/wire/limits/operator.ts'
import { closeLedger, emptiedLedger, runSql } from '../../support/memory-ledger.ts'
import { quietWatch } from '../../support/quiet-watch.ts'
import { newKey } from '../../support/room-tabs.ts'

let database: LedgerDatabase
let nowMs: number
beforeEach(async () => {
  database = await emptiedLedger()
  nowMs = 1_000
})
afterAll(closeLedger)

function rulings(open: () => Promise<LedgerDatabase> = async () => database, changed = () => {}): Rulings {
  return new Rulings({ open, nowMs: () => nowMs, watch: quietWatch(), changed, ruled: () => {} })
}

/** Later than any that holds: lifted, or over by their time. */
async function manyAreOver(many: number): Promise<void> {
  const key = `ed25519:${'B'.repeat(43)}`
  await runSql(
    database,
    `insert into sanction select lpad(n::text, 22, '0'), '${key}', '', 2000 + n, case when n % 2 = 0 then 2500 end,
      case when n % 2 = 1 then 2400 end from generate_series(1, ${many}) as n`,
    `insert into announcement select lpad(n::text, 22, '0'), 'note', 'Over.', 2000 + n, 9000000, 2400 from generate_series(1, ${many}) as n`,
  )
  nowMs = 3_000
}

describe('of many rulings', () => {
  it('those that hold are listed first, and any can be found', async () => {
    const own = rulings()
    const subject = (await newKey()).name
    const held = await own.sanction({ subject, reason: 'It floods rooms.', untilMs: null })
    const said = await own.announce({ level: 'note', text: 'It holds.', untilMs: 9_000_000 })
    await manyAreOver(OPERATOR_ROWS_MAX + 5)
    const list = async (search = '', from = 0) => {
      const page = await own.sanctions({ search, from })
      if (!page.ok) throw new Error(page.code)
      return page.value
    }
    const first = await list()
    expect([first.rows.length, first.total, first.rows[0]]).toEqual([
      OPERATOR_ROWS_MAX,
      OPERATOR_ROWS_MAX + 6,
      held.ok && held.value,
    ])
    const last = await list('', OPERATOR_ROWS_MAX)
    expect(last.rows.length).toBe(6)
    expect(new Set([...first.rows, ...last.rows].map(({ id }) => id)).size).toBe(OPERATOR_ROWS_MAX + 6)
    expect(await list(subject.slice(12, 30))).toMatchObject({ rows: [{ subject }], total: 1 })
    // A sign that a pattern would read as any other.
    expect(await list('%')).toEqual({ rows: [], total: 0 })
    const kept = await own.kept()
    expect(kept.ok && [kept.value.length, kept.value[0]]).toEqual([OPERATOR_ROWS_MAX, said.ok && said.value])
  })
})

it('what was begun is kept and in force before they are closed', async () => {
  let letGo = () => {}
  const gate = new Promise<void>((resolve) => (letGo = resolve))
  const seen: string[] = []
  const open = async () => {
    await gate
    return database
  }
  const own = rulings(open, () => seen.push('in force'))
  const subject = (await newKey()).name
  const made = own.sanction({ subject, reason: '', untilMs: null })
  const closed = own.close().then(() => seen.push('closed'))
  letGo()
  await closed
  expect(seen).toEqual(['in force', 'closed'])
  expect(own.sanctionOf([subject])).not.toBeNull()
  expect(await made).toMatchObject({ ok: true })
})
