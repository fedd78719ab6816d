/** Accounts over a real server with a data folder, which is stopped and started again: what devices told it is there. */
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { MemoryAccountShelf } from '../../../web/account/account-shelf.ts'
import type { DeviceKey } from '../../../web/account/device-key.ts'
import { type AccountView, MyAccount } from '../../../web/account/my-account.ts'
import { SignalClient } from '../../../web/mesh/signal-client.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { ok } from '../../../web/wire/result.ts'
import { chainOf } from '../../support/account-chains.ts'
import { newKey, randomBytes, until } from '../../support/room-tabs.ts'
import { startTestServer, type TestServer } from '../../support/server.ts'

let dataDir: string
let server: TestServer
let clients: SignalClient[]
beforeEach(async () => {
  clients = []
  dataDir = await mkdtemp(join(tmpdir(), 'weft-restart-'))
  server = await start()
})
afterEach(async () => {
  for (const client of clients) client.close()
  await server.close()
  await rm(dataDir, { recursive: true, force: true })
})

const start = () =>
  startTestServer({ dataDir }, { app: async () => ({ handler: async () => {}, close: async () => {} }) })

async function restart(): Promise<void> {
  for (const client of clients.splice(0)) client.close()
  await server.close()
  server = await start()
}

async function device(key?: DeviceKey) {
  const own = key ?? (await newKey())
  let isHere = false
  const client = new SignalClient({
    url: server.url,
    key: own,
    run: toBase64Url(randomBytes(16)),
    nowMs: Date.now,
    onState: ({ state }) => {
      isHere = state === 'here'
    },
    onRelayed: () => {},
  })
  clients.push(client)
  const seen: { view: AccountView | null } = { view: null }
  const account = await MyAccount.open({
    key: own,
    shelf: new MemoryAccountShelf(),
    random: randomBytes,
    say: (wish) => client.account(wish),
    onChange: (view) => {
      seen.view = view
    },
  })
  await until(() => isHere)
  return { key: own, client, account, seen }
}

it('words bring an account back whose devices are all lost, after the server was started again', async () => {
  const [old, second] = [await device(), await device()]
  second.account.showRequest()
  expect(await old.account.add(`#${second.seen.view?.request}`)).toEqual(ok(null))
  const words = await old.account.newWords()
  if (!words.ok) throw new Error(words.code)
  await restart()
  const fresh = await device()
  expect(await fresh.account.recover(words.value)).toEqual(ok(null))
  const devices = [old.key.name, second.key.name, fresh.key.name]
  expect(fresh.seen.view).toMatchObject({ devices, recoverable: true })
  // What was told after the restart is there after another one, and a device that lost what it kept finds it.
  await restart()
  const back = await device(old.key)
  await back.account.look()
  expect(back.seen.view?.devices).toEqual(devices)
})

it('an account in the file whose signatures do not hold is not told of, and others are', async () => {
  const old = await device()
  expect((await old.account.newWords()).ok).toBe(true)
  await server.close()
  const path = join(dataDir, 'accounts.jsonl')
  const { account, statements } = await chainOf(1)
  const forged = statements.map((statement) => ({ ...statement, signature: 'A'.repeat(86) }))
  await appendFile(path, `${JSON.stringify({ account, statements: forged })}\n`)
  server = await start()
  const asker = await device()
  expect(await asker.client.account({ kind: 'ask', key: account })).toEqual(ok([]))
  expect(await asker.client.account({ kind: 'ask', key: old.key.name })).toMatchObject({
    value: [{ account: old.key.name }],
  })
  await restart()
  expect(await readFile(path, 'utf8')).not.toContain(account)
})
