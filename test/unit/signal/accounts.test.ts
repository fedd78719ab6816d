/** Accounts over real sockets: a device that shows its code is found by the one that signs it in, and what is told is checked. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { MemoryAccountShelf } from '../../../web/account/account-shelf.ts'
import { ACCOUNT_CRYPTO, type AccountView, MyAccount } from '../../../web/account/my-account.ts'
import { changeAccount, newAccount } from '../../../web/rules/account-set.ts'
import { ok } from '../../../web/wire/result.ts'
import { newKey, RoomServer, type RoomTab, randomBytes } from '../../support/room-tabs.ts'

let server: RoomServer
beforeEach(async () => {
  server = await RoomServer.start()
})
afterEach(() => server.close())

async function device(shelf = new MemoryAccountShelf(), key?: RoomTab['key']) {
  const tab = await server.tab(key)
  let view: AccountView | null = null
  const account = await MyAccount.open({
    key: tab.key,
    shelf,
    random: randomBytes,
    say: (wish) => tab.client.account(wish),
    onChange: (changed) => {
      view = changed
    },
  })
  const read = (): AccountView => {
    if (!view) throw new Error('an account has a view')
    return view
  }
  return { tab, account, shelf, key: tab.key, view: read }
}

async function pair() {
  const [old, fresh] = [await device(), await device()]
  fresh.account.showRequest()
  const link = `https://weft.example/#${fresh.view().request}`
  expect(await old.account.add(link)).toEqual(ok(null))
  await fresh.account.look()
  return { old, fresh }
}

it('a device is added by what it shows, and both know it, also after they come back', async () => {
  const { old, fresh } = await pair()
  const both = [old.key.name, fresh.key.name]
  expect([old.view().devices, fresh.view().devices, fresh.view().request]).toEqual([both, both, null])
  const back = await device(fresh.shelf, fresh.key)
  expect(back.view().devices).toEqual(both)
})

it('a device joins nobody who only knows its key', async () => {
  const [thief, fresh] = [await device(), await device()]
  fresh.account.showRequest()
  const change = { change: 'add', role: 'device', key: fresh.key.name } as const
  const taken = await changeAccount(newAccount(thief.key.name), change, thief.key, ACCOUNT_CRYPTO)
  if (!taken.ok) throw new Error(taken.code)
  const { account, statements } = taken.value
  expect(await thief.tab.client.account({ kind: 'tell', account, statements })).toEqual(ok([]))
  await fresh.account.look()
  expect(fresh.view().devices).toEqual([fresh.key.name])
})

it('a device that was taken out learns of it, and changes nothing any more', async () => {
  const { old, fresh } = await pair()
  expect(await old.account.remove(fresh.key.name)).toEqual(ok(null))
  await fresh.account.look()
  expect(fresh.view().devices).toEqual([old.key.name])
  expect(await fresh.account.remove(old.key.name)).toMatchObject({ code: 'account-invalid' })
})

it('words bring a new device into the account, and newer words end older ones', async () => {
  const lost = await device()
  const first = await lost.account.newWords()
  const second = await lost.account.newWords()
  if (!first.ok || !second.ok) throw new Error('words are made')
  expect(lost.view().recoverable).toBe(true)
  const fresh = await device()
  expect(await fresh.account.recover(first.value)).toMatchObject({ code: 'recovery-words-invalid' })
  expect(await fresh.account.recover('no words at all')).toMatchObject({ code: 'recovery-words-invalid' })
  expect(await fresh.account.recover(second.value)).toEqual(ok(null))
  expect(fresh.view().devices).toEqual([lost.key.name, fresh.key.name])
  await lost.account.look()
  expect(lost.view().devices).toEqual(fresh.view().devices)
})

it('of two changes at once one holds, and the other device learns of it', async () => {
  const { old, fresh } = await pair()
  const third = await newKey()
  const link = (code: string) => `#/enrol/${third.name}/${code.repeat(21)}A`
  const done = await Promise.all([old.account.add(link('a')), fresh.account.add(link('b'))])
  expect(done.filter((result) => result.ok)).toHaveLength(1)
  await Promise.all([old.account.look(), fresh.account.look()])
  expect(old.view().devices).toEqual(fresh.view().devices)
  expect(old.view().devices).toHaveLength(3)
})

it('the server takes a chain from its own devices only, and no other way than it knows', async () => {
  const { old, fresh } = await pair()
  const stranger = await device()
  const kept = await old.tab.client.account({ kind: 'ask', key: fresh.key.name })
  const [chain] = kept.ok ? kept.value : []
  if (!chain) throw new Error('the account is kept')
  expect(await stranger.tab.client.account({ kind: 'tell', ...chain })).toMatchObject({ code: 'account-invalid' })
  const change = { change: 'add', role: 'device', key: stranger.key.name } as const
  const other = await changeAccount(newAccount(old.key.name), change, old.key, ACCOUNT_CRYPTO)
  if (!other.ok) throw new Error(other.code)
  const told = { kind: 'tell' as const, account: other.value.account, statements: other.value.statements }
  expect(await old.tab.client.account(told)).toMatchObject({ code: 'account-invalid' })
  expect(await stranger.tab.client.account({ kind: 'ask', key: stranger.key.name })).toEqual(ok([]))
})
