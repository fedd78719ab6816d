/**
 * A member is taken out of a room, over real sockets: by whom it is refused from then on, that it does not come back by the old
 * link or a server that forgot, and that a server which shows another list than the owner's newest is found out.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { signRemovals } from '../../../web/account/removals.ts'
import { fail, ok } from '../../../web/wire/result.ts'
import type { RoomId } from '../../../web/wire/rooms.ts'
import { isIn, newKey, RoomServer, type RoomTab, until } from '../../support/room-tabs.ts'

const REQUEST = { request: '0'.repeat(32), modelId: 'a'.repeat(64), layers: 4, positions: 64, avoid: [], ends: null }

let server: RoomServer
let owner: RoomTab
let friend: RoomTab
let other: RoomTab
let id: RoomId
let invite: string
beforeEach(async () => {
  server = await RoomServer.start()
  owner = await server.tab()
  friend = await server.tab()
  other = await server.tab()
  const made = await owner.rooms.make('Studio', true)
  if (!made.ok) throw new Error(made.code)
  id = made.value
  invite = inviteOf(owner)
  for (const tab of [friend, other]) await tab.rooms.join(invite)
  for (const tab of [owner, friend, other]) await isIn(tab, id, 3)
})
afterEach(() => server.close())

const inviteOf = (tab: RoomTab) => tab.view(id)?.invite?.hash ?? ''
const keysIn = (tab: RoomTab) => tab.view(id)?.people.map(({ key }) => key) ?? []
const numberOf = (tab: RoomTab) => tab.rooms.removals(id)?.number ?? 0
function listOf(tab: RoomTab) {
  const removals = tab.rooms.removals(id)
  if (!removals) throw new Error('It knows no list.')
  return removals
}

describe('a member that the owner takes out', () => {
  it('is told so, is in the room for nobody, and gets no plan', async () => {
    const statement = friend.rooms.own(id)
    expect(await owner.rooms.remove(id, friend.key.name)).toEqual(ok(null))
    await until(() => friend.view(id)?.state === 'removed')
    for (const tab of [owner, other]) await isIn(tab, id, 2)
    expect(keysIn(other)).not.toContain(friend.key.name)
    expect(friend.rooms.own(id)).toBeNull()
    expect(await other.rooms.check(id, friend.key.name, statement)).toEqual(
      fail('peer-not-member', 'The owner has taken it out of the room.'),
    )
    expect(await friend.client.plan({ ...REQUEST, room: id })).toMatchObject({ code: 'room-unknown' })
    if (!statement) throw new Error('It had no statement.')
    const enter = { kind: 'enter' as const, membership: statement, removals: null }
    expect(await friend.client.room(enter)).toMatchObject({ code: 'peer-not-member' })
    expect(await friend.client.room({ kind: 'removals', removals: listOf(other) })).toMatchObject({
      code: 'room-unknown',
    })
  })

  it('comes back by a new link and a word of the owner, not by the old link, and can be taken out again', async () => {
    await owner.rooms.remove(id, friend.key.name)
    await until(() => friend.view(id)?.state === 'removed')
    expect(await friend.rooms.join(invite)).toEqual(ok(id))
    // The next who comes is answered after it.
    const late = await server.tab()
    await late.rooms.join(inviteOf(owner))
    await isIn(late, id, 3)
    expect([friend.view(id)?.state, owner.view(id)?.knocking]).toEqual(['asking', []])
    await friend.rooms.leave(id)
    await friend.rooms.join(inviteOf(owner))
    await until(() => owner.view(id)?.knocking.length === 1)
    await owner.rooms.answer(id, friend.client.peer, true)
    for (const tab of [owner, other, friend]) await isIn(tab, id, 4)
    await owner.rooms.remove(id, friend.key.name)
    await until(() => friend.view(id)?.state === 'removed')
    await isIn(other, id, 3)
    expect(listOf(other)).toMatchObject({ number: 2, removed: [{ key: friend.key.name, number: 2 }] })
  })

  it('may be away: it is remembered by who let it in, and finds the room closed', async () => {
    await friend.client.leave()
    await isIn(owner, id, 2)
    expect(owner.view(id)?.away).toEqual([friend.key.name])
    await owner.rooms.remove(id, friend.key.name)
    expect(owner.view(id)?.away).toEqual([])
    const back = await server.tab(friend.key, friend.shelf)
    await until(() => back.view(id)?.state === 'removed')
    await isIn(owner, id, 2)
  })

  it('stays out where the server has forgotten all, once a member is there who has heard of it', async () => {
    for (const tab of [owner, friend]) await tab.client.leave()
    // It has not heard that it was taken out: nobody could tell it.
    await owner.rooms.remove(id, friend.key.name)
    const again = await RoomServer.start()
    try {
      const back = await again.tab(friend.key, friend.shelf)
      await isIn(back, id, 1)
      const home = await again.tab(owner.key, owner.shelf)
      await until(() => back.view(id)?.state === 'removed')
      await isIn(home, id, 1)
    } finally {
      await again.close()
    }
  })

  it('is not the owner, and nobody else takes anybody out', async () => {
    expect(await owner.rooms.remove(id, owner.key.name)).toMatchObject({ code: 'room-unknown' })
    expect(await other.rooms.remove(id, friend.key.name)).toMatchObject({ code: 'room-unknown' })
  })

  it('is out where others are taken out in the same moment: each list holds the ones before', async () => {
    const keys = [friend.key.name, other.key.name, (await newKey()).name]
    await Promise.all(keys.map((key) => owner.rooms.remove(id, key)))
    expect(listOf(owner)).toMatchObject({ number: 3 })
    expect(listOf(owner).removed.map(({ key }) => key)).toEqual(expect.arrayContaining(keys))
    await until(() => friend.view(id)?.state === 'removed' && other.view(id)?.state === 'removed')
  })

  it('is out for all where two tabs of the owner take out one each at the same time', async () => {
    const second = await server.tab(owner.key, owner.shelf)
    await isIn(second, id, 3)
    await Promise.all([owner.rooms.remove(id, friend.key.name), second.rooms.remove(id, other.key.name)])
    await until(() => friend.view(id)?.state === 'removed' && other.view(id)?.state === 'removed')
    await until(() => numberOf(owner) === numberOf(second) && numberOf(owner) > 1)
    expect(new Set(listOf(owner).removed.map(({ key }) => key))).toEqual(new Set([friend.key.name, other.key.name]))
  })
})

describe('a lying server', () => {
  /** Two lists, known to all: the first takes out `friend`. */
  async function twoLists() {
    await owner.rooms.remove(id, friend.key.name)
    await until(() => numberOf(other) === 1)
    const older = listOf(other)
    await owner.rooms.remove(id, (await newKey()).name)
    await until(() => numberOf(other) === 2)
    return older
  }

  it('that shows an older list is noticed, and the number does not fall', async () => {
    const older = await twoLists()
    expect(other.view(id)?.noticed).toBeNull()
    await other.rooms.hear({ kind: 'removals', room: id, removals: older })
    expect(other.view(id)?.noticed).toMatchObject({ code: 'room-list-wrong' })
    expect(numberOf(other)).toBe(2)
    // Also after the tab was opened anew: what is kept does not fall either.
    const back = await server.tab(other.key, other.shelf)
    expect(numberOf(back)).toBe(2)
  })

  it('that shows a list of its own is noticed, whoever it names', async () => {
    const older = await twoLists()
    const thief = await newKey()
    const number = 9
    const lies = [
      await signRemovals(thief, { room: id, number, removed: [] }),
      { ...older, number },
      { ...(await signRemovals(thief, { room: id, number, removed: [] })), owner: owner.key.name },
      await signRemovals(owner.key, { room: 'B'.repeat(22), number, removed: [] }),
    ]
    for (const removals of lies) {
      await friend.rooms.hear({ kind: 'removals', room: id, removals })
      await other.rooms.hear({ kind: 'removals', room: id, removals })
      expect(other.view(id)?.noticed).toMatchObject({ code: 'room-list-wrong' })
      expect([numberOf(other), friend.view(id)?.state]).toEqual([2, 'removed'])
      expect(await owner.client.room({ kind: 'removals', removals })).toMatchObject({
        code: removals.room === id ? 'room-list-wrong' : 'room-unknown',
      })
    }
  })

  it('that keeps a list to itself gets nobody past who was let in after it: the statement names the list', async () => {
    const statement = friend.rooms.own(id)
    await owner.rooms.remove(id, friend.key.name)
    const late = await server.tab()
    const hear = late.hear
    late.hear = (word) => {
      if (word.kind === 'answer') hear({ ...word, removals: null })
      else if (word.kind !== 'removals') hear(word)
    }
    await late.rooms.join(inviteOf(owner))
    await isIn(late, id, 1)
    expect(late.view(id)?.people.map(({ isOwner }) => isOwner)).toEqual([true])
    expect(await late.rooms.check(id, friend.key.name, statement)).toMatchObject({
      code: 'peer-not-member',
      detail: 'List 1 of removed devices has not come here yet.',
    })
    // With the list, from wherever it comes, the others are believed again, and who was taken out is not.
    expect(await late.rooms.learn(id, listOf(owner))).toEqual(ok(null))
    expect(await late.rooms.check(id, other.key.name, other.rooms.own(id))).toEqual(ok(null))
    expect(await late.rooms.check(id, friend.key.name, statement)).toMatchObject({ code: 'peer-not-member' })
  })
})
