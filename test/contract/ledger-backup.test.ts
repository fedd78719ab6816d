/** The restore drill: a ledger written out and read in again is the same one, also in the other database; a bad file is none. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { backup, restore } from '../../signal/ledger/backup.ts'
import { type LedgerDatabase, openLedger } from '../../signal/ledger/database.ts'
import { fsck } from '../../signal/ledger/fsck.ts'
import { Journal } from '../../signal/ledger/journal.ts'
import { CREDIT_POLICY, type IssuePolicy } from '../../web/rules/credit-policy.ts'
import { ok } from '../../web/wire/result.ts'
import { signedBy, Town } from '../support/credit-town.ts'
import { readLedgerTable } from '../support/ledger-table.ts'
import { LEDGER_TABLES, TABLE_POLICY } from '../support/ledger-tables.ts'
import { closeLedger, emptiedLedger } from '../support/memory-ledger.ts'
import { Postgres } from '../support/postgres.ts'

let lines: readonly string[] = []
let server: Postgres | null = null
let other: LedgerDatabase | null = null
afterAll(async () => {
  await closeLedger()
  await other?.close()
  await server?.close()
})

/** As a file brings them, without their ends. */
async function* given(texts: readonly string[]) {
  for (const text of texts) yield text.replace(/\n$/, '')
}

async function written(database: LedgerDatabase): Promise<readonly string[]> {
  const texts: string[] = []
  for await (const text of backup(database)) texts.push(text)
  return texts
}

const OWNERS = ['alice', 'bob', 'carol', 'dave']
const balancesOf = (database: LedgerDatabase) =>
  Promise.all(OWNERS.map((owner) => new Journal(database, TABLE_POLICY).balance(owner)))

beforeEach(async () => {
  const database = await emptiedLedger()
  const journal = new Journal(database, TABLE_POLICY)
  const table = LEDGER_TABLES['what the two sides do not agree about waits for a word, and is divided by it'] ?? ''
  for (const line of readLedgerTable(table)) if (line.kind === 'event') await journal.post(line.event)
  lines = await written(database)
})

describe('a backup', () => {
  it('that is restored on a PostgreSQL server is the same ledger, and right', async () => {
    const balances = await balancesOf(await emptiedOf(lines))
    server = await Postgres.start()
    const opened = await openLedger({ kind: 'server', url: await server.fresh() })
    if (!opened.ok) throw new Error(opened.code)
    other = opened.value
    expect(await restore(other, given(lines), TABLE_POLICY)).toEqual(ok(lines.length - 2))
    expect(await fsck(other, TABLE_POLICY)).toMatchObject({ ok: true, value: { events: lines.length - 2 } })
    expect(await balancesOf(other)).toEqual(balances)
    expect(balances.some(({ user }) => user > 0n)).toBe(true)
    expect(await written(other)).toEqual(lines)
  })

  it('has the receipts too, and a receipt that comes after a restore is settled', async () => {
    const database = await emptiedLedger()
    const town = new Town(database)
    const [asker, worker] = [await town.device(), await town.device()]
    await new Journal(database, CREDIT_POLICY).post({
      type: 'grant',
      device: asker.key.name,
      owner: asker.key.name,
      micro: 1_000_000n,
      forMs: 1_000_000_000,
      atMs: town.nowMs,
    })
    const [before] = await town.hire(asker, [worker])
    const [after] = await town.hire(asker, [worker])
    if (!before || !after) throw new Error('nobody was hired')
    const settled = await signedBy(worker, asker, town.receipt(before))
    expect(await town.settle(worker, settled)).toMatchObject({ ok: true })
    await town.wish(asker, { kind: 'over', request: after.request, parts: [] })
    const texts = await written(database)
    await town.credits.close()
    const again = new Town(await emptiedOf(texts, CREDIT_POLICY))
    expect(await again.settle(worker, settled)).toMatchObject({ ok: true, value: { again: true } })
    const late = await signedBy(worker, asker, again.receipt(after))
    expect(await again.settle(worker, late)).toMatchObject({ ok: true, value: { again: false } })
    expect(await again.wallet(asker)).toMatchObject({ held: [{ request: before.request }] })
    expect(await fsck(database, CREDIT_POLICY)).toMatchObject({ ok: true })
    await again.credits.close()
  })

  it('is restored into an empty ledger only', async () => {
    const database = await emptiedOf(lines)
    expect(await restore(database, given(lines), TABLE_POLICY)).toMatchObject({ ok: false, code: 'ledger-taken' })
  })

  it.each<[string, (texts: readonly string[]) => readonly string[], RegExp]>([
    ['was cut at its end', (texts) => texts.slice(0, -1), /ends after line/],
    [
      'was cut in the middle of a line',
      (texts) => [...texts.slice(0, 3), texts[3]?.slice(0, 20) ?? ''],
      /^Line 4 .*no record/,
    ],
    ['lacks a line', (texts) => texts.toSpliced(2, 1), /^Line 3 .*hold-unknown/],
    ['has a line twice', (texts) => texts.toSpliced(2, 0, texts[1] ?? ''), /^Line 3 .*again/],
    [
      'has a changed amount',
      (texts) => texts.map((text) => text.replace('\\"1000\\"', '\\"1001\\"')),
      /^Line \d+ .*missing or changed/,
    ],
    [
      'gives more than there is',
      (texts) => texts.map((text) => text.replace('\\"1000\\"', '\\"99999\\"')),
      /^Line 2 .*treasury-empty/,
    ],
    ['goes on after its end', (texts) => [...texts, texts[1] ?? ''], /comes after the end/],
    ['is something else', () => ['{"hello":1}'], /^Line 1 .*begin/],
    ['is empty', () => [], /ends after line 0/],
  ])('that %s is refused, and nothing of it stays', async (_title, change, says) => {
    const database = await emptiedLedger()
    const restored = await restore(database, given(change(lines)), TABLE_POLICY)
    expect(restored).toMatchObject({ ok: false, code: 'ledger-damaged', detail: expect.stringMatching(says) })
    expect(await fsck(database, TABLE_POLICY)).toMatchObject({ ok: true, value: { events: 0, postings: 0 } })
  })
})

async function emptiedOf(texts: readonly string[], policy: IssuePolicy = TABLE_POLICY): Promise<LedgerDatabase> {
  const database = await emptiedLedger()
  expect(await restore(database, given(texts), policy)).toMatchObject({ ok: true })
  return database
}
