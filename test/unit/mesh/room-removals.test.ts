/**
 * Who was taken out of a room, as members tell each other over their own links, without any server: they part with it, refuse
 * its tickets and its statement, and believe no list but the owner's.
 */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { TicketMint } from '../../../signal/sockets/tickets.ts'
import { MyRooms } from '../../../web/account/my-rooms.ts'
import { signRemovals } from '../../../web/account/removals.ts'
import { ownerHashOf, signMembership } from '../../../web/account/room.ts'
import { MemoryRoomShelf } from '../../../web/account/room-shelf.ts'
import type { RoomView } from '../../../web/account/room-view.ts'
import { TicketCheck } from '../../../web/account/ticket-check.ts'
import { type Link, PipeLink } from '../../../web/mesh/link.ts'
import { ChannelPipe } from '../../../web/mesh/pipe.ts'
import { Exchange } from '../../../web/schedule/exchange.ts'
import { RoomGate } from '../../../web/schedule/room-gate.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { fail, ok } from '../../../web/wire/result.ts'
import { type LyingPeer, newPeer } from '../../support/lying-server.ts'
import { MemoryChannel } from '../../support/memory-channel.ts'
import { ROOM_CRYPTO, randomBytes, until } from '../../support/room-tabs.ts'

const NOW = 1_700_000_000_000
const room = toBase64Url(randomBytes(16))
const LINE = { later: (_: number, run: () => void) => queueMicrotask(run), delayMs: 1, bytesPerMs: 5_000 }

interface Tab extends LyingPeer {
  readonly rooms: MyRooms
  readonly gate: RoomGate
  readonly exchange: Exchange
  state(): RoomView['state'] | undefined
  number(): number
}

let owner: Tab
let asker: Tab
let worker: Tab
let ends: { readonly at: string; readonly peer: string; readonly code: string }[]
let links: Link[]
beforeEach(async () => {
  ends = []
  links = []
  const peer = await newPeer()
  owner = await tab(peer, peer)
  asker = await tab(await newPeer(), peer)
  worker = await tab(await newPeer(), peer)
})
afterEach(() => {
  for (const link of links) link.close(fail('link-closed', ''))
})

/** A member, of a server that answers nobody. */
async function tab(peer: LyingPeer, by: LyingPeer): Promise<Tab> {
  const shelf = new MemoryRoomShelf()
  const untilMs = NOW + 30 * 24 * 3_600_000
  const membership = await signMembership(by.key, { room, key: peer.key.name, untilMs, listNumber: 0 })
  const ownerHash = await ownerHashOf(by.key.name, ROOM_CRYPTO)
  const invite = peer === by ? { secret: toBase64Url(randomBytes(16)), alone: true } : null
  await shelf.put({ id: room, name: '', ownerHash, membership, knock: null, invite, removals: null, letIn: [] })
  let views: readonly RoomView[] = []
  let gate: RoomGate | null = null
  const rooms = await MyRooms.open({
    key: peer.key,
    shelf,
    crypto: ROOM_CRYPTO,
    random: randomBytes,
    nowMs: () => NOW,
    say: async () => fail('signal-away', ''),
    onChange: (changed) => {
      views = changed
    },
    onRemovals: (id) => void gate?.renew(id),
  })
  gate = new RoomGate({
    own: (id) => rooms.own(id),
    removals: (id) => rooms.removals(id),
    check: (id, key, shown) => rooms.check(id, key, shown),
    learn: (id, removals) => rooms.learn(id, removals),
  })
  const number = () => rooms.removals(room)?.number ?? 0
  return { ...peer, rooms, gate, exchange: new Exchange(null, gate), state: () => views[0]?.state, number }
}

/** Two tabs with a link between them, over which they have shown who they are. */
async function meet(a: Tab, b: Tab) {
  const [controlA, controlB] = MemoryChannel.pair({ ...LINE, silent: () => false })
  const [tensorsA, tensorsB] = MemoryChannel.pair({ ...LINE, silent: () => false })
  const toB = new PipeLink(b.peer, new ChannelPipe(controlA), new ChannelPipe(tensorsA))
  const toA = new PipeLink(a.peer, new ChannelPipe(controlB), new ChannelPipe(tensorsB))
  a.exchange.add(toB)
  b.exchange.add(toA)
  void toB.closed.then(({ code }) => ends.push({ at: a.peer, peer: b.peer, code }))
  links.push(toB, toA)
  return { toA, toB, met: [await a.gate.meet(toB, room), await b.gate.meet(toA, room)] }
}

it('a list goes from member to member, and each parts with who was taken out', async () => {
  expect((await meet(owner, worker)).met).toEqual([ok(null), ok(null)])
  const { toA, toB, met } = await meet(asker, worker)
  expect(met).toEqual([ok(null), ok(null)])
  const third = await tab(await newPeer(), owner)
  await meet(worker, third)
  expect(await owner.rooms.remove(room, asker.key.name)).toEqual(ok(null))
  await until(() => worker.number() === 1 && third.number() === 1)
  expect(await toB.closed).toMatchObject({ ok: false })
  expect(ends.map(({ at, peer }) => [at, peer])).toEqual([[asker.peer, worker.peer]])
  expect(await worker.gate.isMember(toA, room)).toMatchObject({ code: 'peer-not-member' })
})

it('who was taken out is told by the next member it meets, and is no member of anything', async () => {
  await owner.rooms.remove(room, asker.key.name)
  await meet(owner, worker)
  const { met } = await meet(asker, worker)
  expect(met).toMatchObject([{ code: 'room-unknown' }, { code: 'peer-not-member' }])
  expect(asker.state()).toBe('removed')
  expect(asker.rooms.own(room)).toBeNull()
})

it('tickets of who was taken out are refused, whatever the server signs', async () => {
  const mint = await TicketMint.create(() => NOW)
  const { toA } = await meet(asker, worker)
  const check = new TicketCheck({
    self: worker.peer,
    keys: () => mint.keys,
    nowMs: () => NOW,
    letsIn: () => worker.gate.isMember(toA, room),
  })
  const use = (digit: string) => {
    const span = { first: 0, last: 4 }
    const whole = { layers: 4, activeParameters: 0 }
    return {
      request: digit.repeat(32),
      asker: asker.peer,
      modelId: 'a'.repeat(64),
      whole,
      span,
      job: null,
      positions: 8,
    }
  }
  const ticket = (digit: string) =>
    mint.sign({
      ...use(digit),
      id: digit.repeat(32),
      part: 0,
      outputTokens: 8,
      pay: { kind: 'room' },
      worker: worker.peer,
      room,
    })
  expect(await check.admit(await ticket('1'), use('1'))).toMatchObject({ ok: true })
  await owner.rooms.remove(room, asker.key.name)
  const list = owner.rooms.removals(room)
  if (!list) throw new Error('There is no list.')
  expect(await worker.rooms.learn(room, list)).toEqual(ok(null))
  expect(await check.admit(await ticket('2'), use('2'))).toMatchObject({ code: 'peer-not-member' })
})

it('an older list over a link changes nothing, and one that is not the owner’s ends the link', async () => {
  await owner.rooms.remove(room, (await newPeer()).key.name)
  const older = owner.rooms.removals(room)
  await owner.rooms.remove(room, (await newPeer()).key.name)
  await meet(owner, worker)
  expect(worker.number()).toBe(2)
  const { toB, toA } = await meet(asker, worker)
  expect(asker.number()).toBe(2)
  await toB.say({ says: 'member', room, membership: asker.rooms.own(room), removals: older })
  const foreign = await signRemovals(asker.key, { room, number: 9, removed: [] })
  await toB.say({ says: 'member', room, membership: asker.rooms.own(room), removals: foreign })
  expect(await toA.closed).toMatchObject({ code: 'room-list-wrong' })
  expect(worker.number()).toBe(2)
  expect(await worker.rooms.check(room, asker.key.name, asker.rooms.own(room))).toEqual(ok(null))
})
