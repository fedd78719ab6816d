/** Receipts in the browser's own database: the contract, another tab and another visit, a record that this version cannot read. */
import { deleteDB, openDB } from 'idb'
import { expect, it } from 'vitest'
import { type KeptWord, OUTBOX_DATABASE, openOutboxStore } from '../../web/account/outbox-store.ts'
import { writeReceipt } from '../../web/wire/receipt-bytes.ts'
import { outboxStoreSuite } from '../contract/outbox-store.suite.ts'
import { acknowledgedOf, keptReceipt } from '../support/receipt-records.ts'

async function openEmpty() {
  const store = await openOutboxStore()
  for (const one of await store.receipts.all()) await store.receipts.delete(one)
  for (const one of await store.words.all()) await store.words.delete(one)
  return store
}

outboxStoreSuite('in the browser', openEmpty)

it('are there for another tab and at the next visit, and an odd record is none', async () => {
  const store = await openEmpty()
  const one = keptReceipt(1, { both: false, acknowledged: acknowledgedOf(4), draftOf: 'tab' })
  const word: KeptWord = {
    word: { kind: 'over', request: 'a'.repeat(32), parts: [0, 2] },
    tab: 'tab',
    draft: true,
    keptMs: 3,
  }
  await store.receipts.put(one)
  await store.words.put(word)
  const beside = await openOutboxStore()
  expect(await beside.receipts.all()).toEqual([one])
  expect(await beside.words.all()).toEqual([word])
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
  for (const [at, odd] of [
    { word: { kind: 'wallet' } },
    { word: { ...word.word, parts: 'all' } },
    { word: { kind: 'began', ticket: 'x' } },
    { tab: 5 },
    { draft: 'yes' },
    { keptMs: '3' },
  ].entries()) {
    await raw.put('words', { ...word, name: `odd ${at}`, ...odd })
  }
  raw.close()
  expect(await beside.receipts.all()).toEqual([one])
  expect(await beside.words.all()).toEqual([word])
  await beside.receipts.delete(one)
  await beside.words.delete(word)
  expect(await store.receipts.all()).toEqual([])
  expect(await store.words.all()).toEqual([])
})

it('of the version before are there still, and words can be kept beside them', async () => {
  await deleteDB(OUTBOX_DATABASE)
  const older = await openDB(OUTBOX_DATABASE, 1, {
    upgrade: (opened) =>
      void opened.createObjectStore('receipts', { keyPath: 'ticket' }).createIndex('keptMs', 'keptMs'),
  })
  const one = keptReceipt(1)
  const { signed, ...kept } = one
  await older.put('receipts', { ...kept, ticket: signed.receipt.ticket, receipt: writeReceipt(signed) })
  older.close()
  const store = await openOutboxStore()
  expect(await store.receipts.all()).toEqual([one])
  const word: KeptWord = { word: { kind: 'began', ticket: '1'.repeat(32) }, tab: 'tab', draft: false, keptMs: 3 }
  await store.words.put(word)
  expect(await (await openOutboxStore()).words.all()).toEqual([word])
  await openEmpty()
})

it('of a newer version are left alone: this page keeps its own in memory', async () => {
  await deleteDB(OUTBOX_DATABASE)
  const newer = await openDB(OUTBOX_DATABASE, 1_000)
  newer.close()
  const store = await openOutboxStore()
  await store.receipts.put(keptReceipt(1))
  expect(await store.receipts.all()).toHaveLength(1)
  await deleteDB(OUTBOX_DATABASE)
})
