/** Rooms over real sockets: who gets in and how, who hears of whom, and that plans, tickets and counts keep to them. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Rooms } from '../../../signal/sockets/rooms.ts'
import { signMembership } from '../../../web/account/room.ts'
import { TicketCheck } from '../../../web/account/ticket-check.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { MEMBERSHIP_MS, ROOM_TELL_MS, ROOMS_JOINED_MAX } from '../../../web/wire/limits/rooms.ts'
import { LEASE_MS } from '../../../web/wire/limits/signalling.ts'
import { type PeerId, peerIdOf } from '../../../web/wire/peers.ts'
import { ok } from '../../../web/wire/result.ts'
import type { RoomId } from '../../../web/wire/rooms.ts'
import { isIn, newKey, RoomServer, type RoomTab, randomBytes, until } from '../../support/room-tabs.ts'

const MODEL = 'a'.repeat(64)
const REQUEST = { request: '0'.repeat(32), modelId: MODEL, layers: 4, positions: 64, avoid: [], ends: null }

let server: RoomServer
beforeEach(async () => {
  server = await RoomServer.start()
})
afterEach(() => server.close())

async function makeRoom(owner: RoomTab, alone: boolean): Promise<{ readonly id: RoomId; readonly invite: string }> {
  const made = await owner.rooms.make('Studio', alone)
  if (!made.ok) throw new Error(made.code)
  await isIn(owner, made.value, 1)
  return { id: made.value, invite: owner.view(made.value)?.invite?.hash ?? '' }
}

async function serve(tab: RoomTab, first: number, last: number, room: RoomId | null): Promise<void> {
  const held = { modelId: MODEL, span: { first, last }, msPerLayer: 1, freePositions: 4_096, queued: 0 }
  tab.client.say({ numericClass: 'a/b', visible: true, held: [held], offers: [], room })
  await until(() => (server.hub.roster.peer(tab.client.peer)?.presence?.held.length ?? 0) > 0)
}

describe('an invite', () => {
  it('that lets in by itself makes members of who has it, and each hears of the others', async () => {
    const [owner, guest] = [await server.tab(), await server.tab()]
    const { id, invite } = await makeRoom(owner, true)
    expect(await guest.rooms.join(`https://weft.example/#${invite}`)).toEqual(ok(id))
    await isIn(guest, id, 2)
    await isIn(owner, id, 2)
    expect(guest.view(id)).toMatchObject({ name: 'Studio', mine: false, invite: null })
    expect(guest.view(id)?.people.find(({ isSelf }) => isSelf)).toMatchObject({ key: guest.key.name, isOwner: false })
    expect(guest.view(id)?.people.find(({ isOwner }) => isOwner)).toMatchObject({ key: owner.key.name })
    await guest.rooms.leave(id)
    await isIn(owner, id, 1)
    expect(guest.view(id)).toBeUndefined()
  })

  it('that asks first leaves the word to the owner, who may come later', async () => {
    const owner = await server.tab()
    const { id, invite } = await makeRoom(owner, false)
    await owner.client.leave()
    const [yes, no] = [await server.tab(), await server.tab()]
    for (const tab of [yes, no]) expect(await tab.rooms.join(invite)).toEqual(ok(id))
    expect(yes.view(id)?.state).toBe('asking')
    const back = await server.tab(owner.key, owner.shelf)
    await until(() => back.view(id)?.knocking.length === 2)
    await back.rooms.answer(id, yes.client.peer, true)
    await back.rooms.answer(id, no.client.peer, false)
    await isIn(yes, id, 2)
    await until(() => no.view(id)?.state === 'declined')
    expect(back.view(id)?.knocking).toEqual([])
  })

  it('of an older link, or with another secret, disturbs nobody', async () => {
    const [owner, late, guest] = [await server.tab(), await server.tab(), await server.tab()]
    const { id, invite } = await makeRoom(owner, true)
    await owner.rooms.renewInvite(id, true)
    await late.rooms.join(invite)
    await guest.rooms.join(owner.view(id)?.invite?.hash ?? '')
    await isIn(guest, id, 2)
    expect(late.view(id)?.state).toBe('asking')
    expect(owner.view(id)).toMatchObject({ knocking: [] })
  })

  it('with another owner than the one who answers lets nobody in: the statement is not believed', async () => {
    const [squatter, guest] = [await server.tab(), await server.tab()]
    const owner = await server.tab()
    const { id, invite } = await makeRoom(owner, true)
    await owner.client.leave()
    await guest.rooms.join(invite)
    // Another peer claims the room's id with its own key and lets everybody in.
    const about = { room: id, untilMs: server.nowMs + MEMBERSHIP_MS, listNumber: 0 }
    const own = await signMembership(squatter.key, { ...about, key: squatter.key.name })
    expect(await squatter.client.room({ kind: 'enter', membership: own, removals: null })).toEqual(ok(null))
    const membership = await signMembership(squatter.key, { ...about, key: guest.key.name })
    const answer = { kind: 'answer' as const, room: id, to: guest.client.peer, membership, removals: null }
    expect(await squatter.client.room(answer)).toEqual(ok(null))
    // What it is told next comes after that.
    await server.tab(owner.key, owner.shelf)
    await isIn(guest, id, 2)
    expect(guest.view(id)?.people.map(({ key }) => key)).not.toContain(squatter.key.name)
    expect(guest.rooms.own(id)?.owner).toBe(owner.key.name)
  })
})

describe('the server', () => {
  it('lets nobody into a room without a statement for their own key that is signed and not over', async () => {
    const [owner, stranger] = [await server.tab(), await server.tab()]
    const { id } = await makeRoom(owner, false)
    const about = { room: id, listNumber: 0 }
    const good = await signMembership(owner.key, { ...about, untilMs: server.nowMs + 1_000, key: owner.key.name })
    const own = { ...good, key: stranger.key.name }
    const over = await signMembership(owner.key, { ...about, untilMs: server.nowMs, key: stranger.key.name })
    for (const membership of [good, own, over])
      expect(await stranger.client.room({ kind: 'enter', membership, removals: null })).toMatchObject({
        code: 'peer-not-member',
      })
    const answer = { kind: 'answer' as const, room: id, to: owner.client.peer, membership: null, removals: null }
    expect(await stranger.client.room(answer)).toMatchObject({ code: 'room-unknown' })
    expect(await stranger.client.plan({ ...REQUEST, room: id })).toMatchObject({ code: 'room-unknown' })
  })

  it('gives a tab so many rooms, and forgets where it was when it is gone', async () => {
    const [owner, member] = [await server.tab(), await server.tab()]
    const { id, invite } = await makeRoom(owner, true)
    await member.rooms.join(invite)
    await isIn(owner, id, 2)
    for (let more = 1; more < ROOMS_JOINED_MAX; more += 1) await makeRoom(owner, true)
    expect(await owner.rooms.make('One more', true)).toMatchObject({ code: 'room-full' })
    const room = toBase64Url(randomBytes(16))
    const proof = toBase64Url(randomBytes(32))
    expect(await owner.client.room({ kind: 'knock', room, proof })).toMatchObject({ code: 'room-full' })
    member.client.close()
    await until(() => server.hub.roster.peer(member.client.peer)?.connected === false)
    server.nowMs += LEASE_MS
    owner.client.say({ numericClass: '', visible: true, held: [], offers: [], room: null })
    await until(() => (server.hub.roster.peer(owner.client.peer)?.untilMs ?? 0) > server.nowMs)
    server.hub.sweep()
    await isIn(owner, id, 1)
  })
})

it('a tab that slept longer than its lease is still in its room, until its socket is gone', async () => {
  const [owner, member] = [await server.tab(), await server.tab()]
  const { id, invite } = await makeRoom(owner, true)
  await member.rooms.join(invite)
  await isIn(owner, id, 2)
  server.nowMs += LEASE_MS
  expect(server.hub.sweep()).toHaveLength(2)
  await serve(member, 0, 4, id)
  expect(await owner.client.plan({ ...REQUEST, room: id })).toMatchObject({ ok: true })
  server.nowMs += LEASE_MS
  server.hub.sweep()
  member.client.close()
  await isIn(owner, id, 1)
})

describe('a plan', () => {
  it('of a room has its members alone, and one for anyone none who serve a room alone', async () => {
    const [owner, member, stranger] = [await server.tab(), await server.tab(), await server.tab()]
    const { id, invite } = await makeRoom(owner, true)
    await member.rooms.join(invite)
    await isIn(owner, id, 2)
    await serve(stranger, 0, 4, null)
    await serve(member, 0, 4, id)
    const inside = await owner.client.plan({ ...REQUEST, room: id })
    expect(inside).toMatchObject({ value: { stages: [{ peer: member.client.peer, standby: null }] } })
    const outside = await owner.client.plan({ ...REQUEST, room: null })
    expect(outside).toMatchObject({ value: { stages: [{ peer: stranger.client.peer, standby: null }] } })
    // Who serves anyone serves the room too, where they are in it; strangers do not.
    await serve(member, 0, 2, id)
    expect(await owner.client.plan({ ...REQUEST, room: id })).toMatchObject({ code: 'filter-empty' })
    const wish = { modelId: MODEL, layers: 4, layersMax: 2, adapter: 'a' }
    expect(await owner.client.assign({ ...wish, room: id })).toMatchObject({ value: { span: { first: 2, last: 4 } } })
  })

  it('binds its tickets to the room', async () => {
    const [owner, member] = [await server.tab(), await server.tab()]
    const { id, invite } = await makeRoom(owner, true)
    await member.rooms.join(invite)
    await isIn(owner, id, 2)
    await serve(member, 0, 4, null)
    const asked: (RoomId | null)[] = []
    const check = new TicketCheck({
      self: member.client.peer,
      keys: () => member.client.ticketKeys,
      nowMs: () => server.nowMs,
      letsIn: async (_, room) => {
        asked.push(room)
        return ok(null)
      },
    })
    for (const room of [id, null]) {
      const plan = await owner.client.plan({ ...REQUEST, room })
      const ticket = plan.ok ? (plan.value.stages[0]?.ticket ?? '') : ''
      const use = {
        ...REQUEST,
        job: null,
        asker: owner.client.peer,
        span: { first: 0, last: 4 },
        whole: { layers: 4, activeParameters: 0 },
      }
      expect(await check.admit(ticket, use)).toMatchObject({ ok: true })
    }
    expect(asked).toEqual([id, null])
  })

  it('may have tabs of one browser as its stages: one key, and a run of each', async () => {
    const key = await newKey()
    const [left, right, asker] = [await server.tab(key), await server.tab(key), await server.tab(key)]
    await serve(left, 0, 2, null)
    await serve(right, 2, 4, null)
    const plan = await asker.client.plan({ ...REQUEST, room: null })
    expect(plan).toMatchObject({ value: { stages: [{ peer: left.client.peer }, { peer: right.client.peer }] } })
  })
})

it('a census counts who serves a room alone for that room only', async () => {
  const [owner, member, stranger] = [await server.tab(), await server.tab(), await server.tab()]
  const { id, invite } = await makeRoom(owner, true)
  await member.rooms.join(invite)
  await isIn(owner, id, 2)
  await serve(member, 0, 4, id)
  stranger.client.look(true)
  owner.client.look(id)
  await until(() => stranger.censuses.length > 0 && owner.censuses.length > 0)
  expect(stranger.censuses[0]).toEqual({ room: null, peers: 3, models: [] })
  expect(owner.censuses[0]).toMatchObject({
    room: id,
    peers: 2,
    models: [{ modelId: MODEL, ranges: [{ holders: 1 }] }],
  })
  // Of a room that it is not in, a tab hears nothing.
  stranger.client.look(id)
  await until(() => stranger.censuses.length > 1)
  expect(stranger.censuses[1]).toEqual({ room: id, peers: 0, models: [] })
})

it('once they are closed they tell nobody who parts', async () => {
  const told: PeerId[] = []
  const rooms = new Rooms({ nowMs: () => 0, isHere: () => true, tell: (peer) => void told.push(peer) })
  const keys = [await newKey(), await newKey()]
  const [first = '', second = ''] = keys.map(({ name }) => peerIdOf(name, toBase64Url(randomBytes(16))))
  const [owner] = keys
  if (!owner) throw new Error('there are two')
  const about = { room: 'r'.repeat(22), untilMs: MEMBERSHIP_MS, listNumber: 0 }
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    for (const [index, peer] of [first, second].entries()) {
      const membership = await signMembership(owner, { ...about, key: keys[index]?.name ?? '' })
      expect(await rooms.wish(peer, { kind: 'enter', membership, removals: null })).toEqual(ok(null))
    }
    vi.advanceTimersByTime(ROOM_TELL_MS)
    expect(told).toEqual([first, second])
    rooms.gone(second)
    vi.advanceTimersByTime(ROOM_TELL_MS)
    expect(told).toEqual([first, second, first])
    rooms.close()
    rooms.gone(first)
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})
