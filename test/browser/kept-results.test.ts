/** Kept answers in the browser's own database: the contract, another visit, a record that this version cannot read. */
import { deleteDB, openDB } from 'idb'
import { expect, it } from 'vitest'
import { openResults, RESULT_DATABASE } from '../../web/store/kept-results.ts'
import { resultCacheSuite } from '../contract/result-cache.suite.ts'

async function openEmpty() {
  const cache = await openResults()
  await cache.clear()
  return cache
}

resultCacheSuite('in the browser', openEmpty)

it('are there at the next visit, and an odd record is none', async () => {
  const answerer = { engine: 'cpu', adapter: 'CPU', modelId: 'm', model: 'Tiny' } as const
  await (await openEmpty()).keep({ key: 'k', text: 'Fine.', answerer, createdMs: 5 }, 6)
  const again = await openResults()
  expect(await again.find('k', 7)).toEqual({ key: 'k', text: 'Fine.', answerer, createdMs: 5 })
  const raw = await openDB(RESULT_DATABASE)
  await raw.put('results', { key: 'k', text: 7 })
  raw.close()
  expect(await again.find('k', 8)).toBeNull()
})

it('of a newer version are left alone: this page keeps its own in memory', async () => {
  await deleteDB(RESULT_DATABASE)
  const newer = await openDB(RESULT_DATABASE, 1_000)
  newer.close()
  const cache = await openResults()
  expect(await cache.size()).toEqual({ count: 0, bytes: 0 })
  await deleteDB(RESULT_DATABASE)
})
