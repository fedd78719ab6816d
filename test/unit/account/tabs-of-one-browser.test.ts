/** What one tab does with rooms and its account, and the other tabs of the same browser see without being opened anew. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { MemoryAccountShelf } from '../../../web/account/account-shelf.ts'
import { type AccountShelf, type AccountView, MyAccount } from '../../../web/account/my-account.ts'
import { MemoryRoomShelf, roomOver } from '../../../web/account/room-shelf.ts'
import { shelfNews } from '../../../web/account/shelf-news.ts'
import { ok } from '../../../web/wire/result.ts'
import { isIn, newKey, RoomServer, type RoomTab, randomBytes, until } from '../../support/room-tabs.ts'

let server: RoomServer
beforeEach(async () => {
  server = await RoomServer.start()
})
afterEach(() => server.close())

it('a room that one tab makes, joins or leaves is one of all its tabs', async () => {
  const [owner, guest] = [await server.tab(), await server.tab()]
  const [beside, guestBeside] = [await server.tab(owner.key, owner.shelf), await server.tab(guest.key, guest.shelf)]
  const made = await owner.rooms.make('Studio', false)
  if (!made.ok) throw new Error(made.code)
  const id = made.value
  await isIn(beside, id, 1)
  expect(beside.view(id)).toMatchObject({ name: 'Studio', mine: true })
  await beside.rooms.renewInvite(id, false)
  const inviteOf = (tab: RoomTab) => tab.view(id)?.invite?.hash ?? ''
  await until(() => inviteOf(owner) === inviteOf(beside))
  await guest.rooms.join(inviteOf(owner))
  // Both tabs knock; the owner's word to one of them is for the browser.
  await until(() => owner.view(id)?.knocking.length === 2)
  await owner.rooms.answer(id, guest.client.peer, true)
  for (const tab of [guest, guestBeside, owner, beside]) await isIn(tab, id, 2)
  expect(owner.view(id)?.people.map(({ peers }) => peers.length)).toEqual([2, 2])
  await guestBeside.rooms.leave(id)
  await until(() => guest.view(id) === undefined)
  await isIn(owner, id, 1)
})

it('a list of removed devices is never put back by a tab that has not heard of it', async () => {
  const owner = await server.tab()
  const made = await owner.rooms.make('Studio', false)
  if (!made.ok) throw new Error(made.code)
  const [before] = await owner.shelf.all()
  await owner.rooms.remove(made.value, (await newKey()).name)
  const [after] = await owner.shelf.all()
  if (!before || !after) throw new Error('Nothing was kept.')
  expect([before.removals, after.removals?.number]).toEqual([null, 1])
  expect(roomOver(after, before)).toEqual({ ...before, removals: after.removals })
  const shelf = new MemoryRoomShelf()
  await shelf.put(after)
  await shelf.put(before)
  expect(await shelf.all()).toEqual([{ ...before, removals: after.removals }])
})

it('what one tab changes another one does not undo, which heard half of it from the server first', async () => {
  const [owner, guest] = [await server.tab(), await server.tab()]
  const beside = await server.tab(owner.key, owner.shelf)
  const made = await owner.rooms.make('Studio', true)
  if (!made.ok) throw new Error(made.code)
  const id = made.value
  await isIn(beside, id, 1)
  const [before] = await owner.shelf.all()
  // The list comes to it from the server, and the news of the shelf, with the new invite, only afterwards.
  beside.shelf.isDeaf = true
  await owner.rooms.remove(id, guest.key.name)
  const removals = (await owner.shelf.all())[0]?.removals
  if (!removals) throw new Error('No list was kept.')
  await beside.rooms.learn(id, removals)
  const [after] = await owner.shelf.all()
  expect(after?.invite?.secret).not.toBe(before?.invite?.secret)
  expect(`#/join/${owner.view(id)?.invite?.hash}`).toContain(after?.invite?.secret)
})

it('a room that one tab leaves does not come back by what another one hears of it', async () => {
  const owner = await server.tab()
  const beside = await server.tab(owner.key, owner.shelf)
  const made = await owner.rooms.make('Studio', true)
  if (!made.ok) throw new Error(made.code)
  await isIn(beside, made.value, 1)
  beside.shelf.isDeaf = true
  await owner.rooms.leave(made.value)
  await beside.rooms.renewInvite(made.value, false)
  expect(await owner.shelf.all()).toEqual([])
})

it('a device that one tab adds, and the account that this browser joins, are known in its other tabs', async () => {
  /** One chain, as a database keeps it: tabs hear of each other's changes only. */
  function browser() {
    const kept = new MemoryAccountShelf()
    const tabs: (() => void)[][] = []
    return (): AccountShelf => {
      const own: (() => void)[] = []
      tabs.push(own)
      return {
        get: () => kept.get(),
        async put(chain) {
          await kept.put(chain)
          for (const listeners of tabs) if (listeners !== own) for (const listener of listeners) listener()
        },
        hear(listener) {
          own.push(listener)
          return () => own.splice(own.indexOf(listener), 1)
        },
      }
    }
  }
  async function tab(shelf: AccountShelf, key?: RoomTab['key']) {
    const { client, key: own } = await server.tab(key)
    const seen: { view: AccountView | null } = { view: null }
    const account = await MyAccount.open({
      key: own,
      shelf,
      random: randomBytes,
      say: (wish) => client.account(wish),
      onChange: (view) => {
        seen.view = view
      },
    })
    return { account, key: own, seen }
  }
  const [oldBrowser, freshBrowser] = [browser(), browser()]
  const [old, fresh] = [await tab(oldBrowser()), await tab(freshBrowser())]
  const [oldBeside, freshBeside] = [await tab(oldBrowser(), old.key), await tab(freshBrowser(), fresh.key)]
  fresh.account.showRequest()
  freshBeside.account.showRequest()
  expect(await old.account.add(`#${fresh.seen.view?.request}`)).toEqual(ok(null))
  await fresh.account.look()
  const both = [old.key.name, fresh.key.name]
  await until(() => oldBeside.seen.view?.devices.length === 2 && freshBeside.seen.view?.devices.length === 2)
  for (const { seen } of [old, oldBeside, fresh, freshBeside]) expect(seen.view?.devices).toEqual(both)
  // A code that another tab still showed is worth nothing: this browser has joined.
  expect(freshBeside.seen.view?.request).toBeNull()
})

it('the news of a shelf reach all other tabs and not the one that tells them', async () => {
  const name = `test/${newRun()}`
  const [one, two] = [shelfNews(name), shelfNews(name)]
  const heard = { one: 0, two: 0 }
  one.hear(() => {
    heard.one += 1
  })
  const rest = two.hear(() => {
    heard.two += 1
  })
  one.tell()
  await until(() => heard.two === 1)
  two.tell()
  await until(() => heard.one === 1)
  rest()
  one.tell()
  two.tell()
  await until(() => heard.one === 2)
  expect(heard).toEqual({ one: 2, two: 1 })
})

const newRun = () => Array.from(randomBytes(8)).join('')
