/** Receipts in the browser's own database: the contract, another tab and another visit, a record that this version cannot read. */
import { deleteDB, openDB } from 'idb'
import { expect, it } from 'vitest'
import { OUTBOX_DATABASE, openOutboxStore } from '../../web/account/outbox-store.ts'
import { outboxStoreSuite } from '../contract/outbox-store.suite.ts'
import { acknowledgedOf, keptReceipt } from '../support/receipt-records.ts'

async function openEmpty() {
  const store = await openOutboxStore()
  for (const one of await store.all()) await store.delete(one)
  return store
}

outboxStoreSuite('in the browser', openEmpty)

it('are there for another tab and at the next visit, and an odd record is none', async () => {
  const store = await openEmpty()
  const one = keptReceipt(1, { both: false, acknowledged: acknowledgedOf(4), draftOf: 'tab' })
  await store.put(one)
  const beside = await openOutboxStore()
  expect(await beside.all()).toEqual([one])
  const raw = await openDB(OUTBOX_DATABASE)
  const row = await raw.get('receipts', one.signed.receipt.ticket)
  for (const [at, odd] of [
    { receipt: '{' },
    { receipt: 7 },
    { acknowledged: {} },
    { draftOf: 5 },
    { keptMs: -1 },
  ].entries()) {
    await raw.put('receipts', { ...row, ticket: `odd ${at}`, ...odd })
  }
  raw.close()
  expect(await beside.all()).toEqual([one])
  await beside.delete(one)
  expect(await store.all()).toEqual([])
})

it('of a newer version are left alone: this page keeps its own in memory', async () => {
  await deleteDB(OUTBOX_DATABASE)
  const newer = await openDB(OUTBOX_DATABASE, 1_000)
  newer.close()
  const store = await openOutboxStore()
  await store.put(keptReceipt(1))
  expect(await store.all()).toHaveLength(1)
  await deleteDB(OUTBOX_DATABASE)
})
