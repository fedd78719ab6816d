/** Both stores of accounts, and what only a file can suffer: lines that were cut or damaged. */
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FileAccountStore } from '../../signal/accounts/file-store.ts'
import { MemoryAccountStore } from '../../signal/accounts/store.ts'
import { EVENT_BYTES_MAX } from '../../web/wire/limits/signalling.ts'
import { ok } from '../../web/wire/result.ts'
import { chainOf, shorter } from '../support/account-chains.ts'
import { accountStoreSuite } from './account-store.suite.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-accounts-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

accountStoreSuite('in memory', async () => {
  const store = new MemoryAccountStore()
  return { again: () => store }
})
accountStoreSuite('in a file', async () => ({ again: () => new FileAccountStore(folder) }))

const path = () => join(folder, 'accounts.jsonl')
const lines = async () => (await readFile(path(), 'utf8')).split('\n').slice(0, -1)

async function opened() {
  const store = new FileAccountStore(folder)
  const chains = await store.open()
  await store.close()
  return chains
}

async function keep(...chains: Awaited<ReturnType<typeof chainOf>>[]): Promise<void> {
  const store = new FileAccountStore(folder)
  await store.open()
  for (const chain of chains) expect(await store.keep(chain)).toEqual(ok(null))
  await store.close()
}

describe('a file of accounts', () => {
  it('gets a line for each change, and none is written again', async () => {
    const chain = await chainOf(3)
    await keep(shorter(chain, 1))
    const [first] = await lines()
    await keep(shorter(chain, 1), chain)
    const after = await lines()
    expect(after).toHaveLength(2)
    expect(after[0]).toBe(first)
    expect(after.map((line) => JSON.parse(line).statements.length)).toEqual([1, 2])
  })

  it('that was cut in the middle of a line has all the lines before it, and goes on behind them', async () => {
    const [a, b] = [await chainOf(1), await chainOf(2)]
    await keep(a, shorter(b, 1))
    const whole = await readFile(path(), 'utf8')
    await keep(b)
    const text = await readFile(path(), 'utf8')
    for (const cut of [whole.length + 1, text.length - 100, text.length - 1]) {
      await writeFile(path(), text.slice(0, cut))
      expect(await opened()).toEqual([a, shorter(b, 1)])
      expect(await readdir(folder)).toEqual(['accounts.jsonl'])
      await keep(b)
      expect(await opened()).toEqual([a, b])
    }
  })

  it('with lines that say nothing is written anew without them', async () => {
    const [a, b, c] = [await chainOf(2), await chainOf(1), await chainOf(1)]
    await keep(a)
    const late = { account: b.account, statements: [{ ...b.statements[0], number: 2 }] }
    const junk = ['', 'null', '[]', '{', JSON.stringify(late), '{"account":"x","forgotten":true}', 'x'.repeat(200_000)]
    await appendFile(path(), `${junk.join('\n')}\n`)
    await appendFile(path(), `${JSON.stringify({ ...b, pad: 'x'.repeat(EVENT_BYTES_MAX) })}\n`)
    await appendFile(path(), `${JSON.stringify(c)}\n`)
    expect(await opened()).toEqual([a, c])
    expect(await lines()).toHaveLength(2)
    expect(await opened()).toEqual([a, c])
  })

  it('that was closed takes no more and says so, and has what it had', async () => {
    const store = new FileAccountStore(folder)
    await store.open()
    const [a, b] = [await chainOf(1), await chainOf(1)]
    await store.keep(a)
    await store.close()
    expect(await store.keep(b)).toMatchObject({ ok: false, code: 'not-kept' })
    await keep(b)
    expect(await opened()).toEqual([a, b])
  })
})

it('a folder that is not there yet is made', async () => {
  const deep = join(folder, 'deep', 'data')
  const store = new FileAccountStore(deep)
  expect(await store.open()).toEqual([])
  expect(await store.keep(await chainOf(1))).toEqual(ok(null))
  await store.close()
  expect(await readdir(deep)).toEqual(['accounts.jsonl'])
})
