/** Several processes of one server, over a way in memory: who is at which, what each knows, and what is lost on the way. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MemoryAccountStore } from '../../../signal/accounts/store.ts'
import type { ClusterWay } from '../../../signal/cluster/cluster.ts'
import { CLUSTER_AWAY_MS } from '../../../signal/config.ts'
import { ACCOUNT_CRYPTO } from '../../../web/account/my-account.ts'
import { TicketCheck } from '../../../web/account/ticket-check.ts'
import { changeAccount, newAccount } from '../../../web/rules/account-set.ts'
import { RESUME_MS } from '../../../web/wire/limits/signalling.ts'
import type { PairOffer, PairWord } from '../../../web/wire/pairings.ts'
import { parsePlanWish } from '../../../web/wire/plan-events.ts'
import { ok } from '../../../web/wire/result.ts'
import { gardenCredits } from '../../support/garden-key.ts'
import { MemoryWay } from '../../support/memory-way.ts'
import { NO_CREDITS } from '../../support/no-credits.ts'
import { isIn, RoomServer, type RoomTab, until } from '../../support/room-tabs.ts'
import { TcpFront } from '../../support/tcp-front.ts'

const MODEL = 'a'.repeat(64)
const REQUEST = { request: '0'.repeat(32), modelId: MODEL, layers: 4, positions: 64, avoid: [], ends: null }
/** As its workers have the model: nothing is known of its size. */
const WHOLE = { layers: 4, activeParameters: 0 }
const SEALED = { call: 'c'.repeat(22), kind: 'offer' as const, text: 'v=0', signature: 'A'.repeat(86) }

let way: MemoryWay
const servers = new Map<RoomServer, ClusterWay>()

beforeEach(() => {
  way = new MemoryWay()
})
afterEach(async () => {
  for (const server of servers.keys()) await server.close()
  servers.clear()
})

async function process(credits = NO_CREDITS): Promise<RoomServer> {
  const end = way.end()
  const server = await RoomServer.start(new MemoryAccountStore(), end, credits)
  servers.set(server, end)
  return server
}

function serve(tab: RoomTab, first: number, last: number): void {
  const held = { modelId: MODEL, span: { first, last }, msPerLayer: 1, freePositions: 4_096, queued: 0 }
  tab.client.say({ numericClass: 'a/b', visible: true, held: [held], offers: [], room: null })
}

const holds = (server: RoomServer, tab: RoomTab) =>
  (server.hub.roster.peer(tab.client.peer)?.presence?.held.length ?? 0) > 0

describe('two processes', () => {
  it('plan over the tabs of both, and a worker of one believes a ticket of the other', async () => {
    const [here, there] = [await process(), await process()]
    const [asker, first, last] = [await here.tab(), await here.tab(), await there.tab()]
    serve(first, 0, 2)
    serve(last, 2, 4)
    await until(() => holds(here, first) && holds(here, last) && holds(there, first))
    const wish = parsePlanWish({ ...REQUEST, room: null, pays: null })
    if (!wish.ok) throw new Error(wish.detail)
    const plan = await asker.client.plan(wish.value)
    if (!plan.ok) throw new Error(plan.code)
    expect(plan.value.stages.map(({ peer }) => peer)).toEqual([first.client.peer, last.client.peer])
    await until(() => last.client.ticketKeys.length === 2)
    const check = new TicketCheck({
      self: last.client.peer,
      keys: () => last.client.ticketKeys,
      nowMs: () => there.nowMs,
      letsIn: async () => ok(null),
    })
    const { request, modelId, positions } = REQUEST
    const use = { request, modelId, positions, asker: asker.client.peer, job: null, whole: WHOLE }
    const { ticket = '', span = { first: 0, last: 0 } } = plan.value.stages[1] ?? {}
    expect((await check.admit(ticket, { ...use, span })).ok).toBe(true)
  })

  it('carry sealed words to a tab of the other, and say that nobody is there once it has left', async () => {
    const [here, there] = [await process(), await process()]
    const [from, to] = [await here.tab(), await there.tab()]
    await until(() => here.hub.roster.peer(to.client.peer) !== null)
    expect((await from.client.relay(to.client.peer, SEALED)).ok).toBe(true)
    await until(() => to.relayed.length === 1)
    expect(to.relayed).toEqual([{ from: from.client.peer, sealed: SEALED }])
    await to.client.leave()
    await until(() => here.hub.roster.peer(to.client.peer) === null)
    expect(await from.client.relay(to.client.peer, SEALED)).toMatchObject({ ok: false, code: 'peer-unknown' })
  })

  it('have one room: who knocks at one is let in by the owner at the other, and taken out again', async () => {
    const [here, there] = [await process(), await process()]
    const [owner, guest] = [await here.tab(), await there.tab()]
    const made = await owner.rooms.make('Studio', false)
    if (!made.ok) throw new Error(made.code)
    const id = made.value
    await guest.rooms.join(owner.view(id)?.invite?.hash ?? '')
    await until(() => owner.view(id)?.knocking.length === 1)
    await owner.rooms.answer(id, guest.client.peer, true)
    await isIn(owner, id, 2)
    await isIn(guest, id, 2)
    await owner.rooms.remove(id, guest.key.name)
    await isIn(owner, id, 1)
    await until(() => guest.view(id)?.state !== 'in')
    expect(there.hub.roster.peer(guest.client.peer)).not.toBeNull()
  })
})

describe('a pairing', () => {
  const GIVES = { giving: 'serving', model: 'Tiny', tokens: 7 } as const

  it('of a frame at one process with a window at another: its words go both ways, and its end is told', async () => {
    const { key, credits } = gardenCredits()
    const [here, there] = [await process(credits), await process(credits)]
    const [frame, window] = [await here.tab(undefined, undefined, undefined, key), await there.tab()]
    const [atFrame, atWindow]: PairWord[][] = [[], []]
    frame.client.onPair = (word) => atFrame?.push(word)
    window.client.onPair = (word) => atWindow?.push(word)
    const offer = await frame.client.pair({ kind: 'offer' })
    const { code } = (offer.ok ? offer.value : {}) as PairOffer
    // The other process hears of it a moment later.
    await expect
      .poll(() => window.client.pair({ kind: 'take', code }), { timeout: 10_000 })
      .toEqual(ok({ site: 'Garden' }))
    await until(() => atFrame?.length === 1 && atWindow?.length === 1)
    expect((await window.client.pair({ kind: 'say', window: GIVES })).ok).toBe(true)
    expect((await frame.client.pair({ kind: 'stop' })).ok).toBe(true)
    await until(() => atFrame?.length === 2 && atWindow?.length === 2)
    expect(atFrame).toEqual([{ kind: 'paired' }, { kind: 'state', window: GIVES }])
    expect(atWindow).toEqual([{ kind: 'paired' }, { kind: 'stop' }])
    // A third one that comes now knows of it.
    const third = await process(credits)
    await frame.client.leave()
    await until(() => atWindow?.at(-1)?.kind === 'ended')
    await until(() => third.hub.roster.peer(frame.client.peer) === null)
  })
})

describe('what the operator rules at one process', () => {
  it('is looked at by the others at once, and by none twice for one word', async () => {
    const [here, there, third] = [await process(), await process(), await process()]
    here.hub.tellRuled()
    await until(() => there.looks === 1 && third.looks === 1)
    here.hub.tellRuled()
    here.hub.tellRuled()
    const tab = await here.tab()
    // What was told after it has come: so has all before.
    await until(() => [there, third].every(({ hub }) => hub.roster.peer(tab.client.peer) !== null))
    expect([here, there, third].map(({ looks }) => looks)).toEqual([0, 2, 2])
  })
})

describe('a process that comes late', () => {
  it('hears of all tabs and rooms of the others before it takes any', async () => {
    const here = await process()
    const [owner, worker] = [await here.tab(), await here.tab()]
    const made = await owner.rooms.make('Studio', true)
    if (!made.ok) throw new Error(made.code)
    serve(worker, 0, 4)
    await until(() => holds(here, worker))
    const there = await process()
    expect(holds(there, worker)).toBe(true)
    const guest = await there.tab()
    await guest.rooms.join(owner.view(made.value)?.invite?.hash ?? '')
    await isIn(guest, made.value, 2)
    await isIn(owner, made.value, 2)
  })
})

describe('a word that was lost', () => {
  it('is missed by the next one, and all is told anew', async () => {
    const [here, there] = [await process(), await process()]
    const [gone, stays] = [await here.tab(), await here.tab()]
    await until(() => there.hub.roster.size === 2)
    way.isCut = true
    await gone.client.leave()
    const fresh = await here.tab()
    await until(() => here.hub.roster.peer(fresh.client.peer) !== null)
    way.isCut = false
    await until(() => there.hub.roster.peer(fresh.client.peer) !== null)
    expect(there.hub.roster.peer(gone.client.peer)).toBeNull()
    expect(there.hub.roster.peer(stays.client.peer)).not.toBeNull()
  })

  it('of a kind that nobody knows, and one that is no word, do no harm', async () => {
    const [here, there] = [await process(), await process()]
    const tell = (word: unknown) => way.say(word)
    for (const word of [null, 'x', { process: 'p'.repeat(22), say: 'change', seq: 1, facts: 'x' }]) tell(word)
    tell({ process: 'p'.repeat(22), say: 'beat', seq: 0, keys: [], isNew: false })
    tell({ process: 'p'.repeat(22), say: 'all', seq: 0, piece: 0, pieces: 1, facts: [{ on: 'else' }, { on: 'here' }] })
    const tab = await here.tab()
    await until(() => there.hub.roster.peer(tab.client.peer) !== null)
    expect(there.hub.roster.size).toBe(1)
  })
})

describe('a process that ends without a word', () => {
  it('takes its tabs with it after a while, but for those that have come to another', async () => {
    const [here, there] = [await process(), await process()]
    const front = await TcpFront.start([there.port, here.port])
    try {
      const comes = await there.tab(undefined, undefined, front.port)
      const goes = await there.tab()
      serve(comes, 0, 4)
      await until(() => holds(here, comes) && here.hub.roster.peer(goes.client.peer) !== null)
      const { resume } = here.hub.roster.peer(comes.client.peer) ?? {}
      const end = servers.get(there)
      if (end) way.kill(end)
      front.ports = [here.port]
      front.drop()
      await until(() => here.hub.roster.peer(comes.client.peer)?.untilMs !== Number.POSITIVE_INFINITY)
      // It is who it was: what it had said is known, and its name for coming back is the same.
      expect(here.hub.roster.peer(comes.client.peer)).toMatchObject({ connected: true, resume })
      expect(holds(here, comes)).toBe(true)
      here.nowMs += CLUSTER_AWAY_MS
      await until(() => here.hub.roster.peer(goes.client.peer)?.connected === false)
      here.nowMs += RESUME_MS
      comes.client.tell()
      await until(() => here.hub.roster.peer(goes.client.peer) === null)
      expect(here.hub.roster.peer(comes.client.peer)?.connected).toBe(true)
    } finally {
      await front.close()
    }
  })
})

describe('a tab that moves while both processes live', () => {
  it('is at the one it came to last, and once only', async () => {
    const [here, there] = [await process(), await process()]
    const front = await TcpFront.start([there.port])
    try {
      const tab = await there.tab(undefined, undefined, front.port)
      await until(() => here.hub.roster.peer(tab.client.peer) !== null)
      for (const next of [here, there, here]) {
        front.ports = [next.port]
        front.drop()
        const other = next === here ? there : here
        await until(() => next.hub.roster.peer(tab.client.peer)?.untilMs !== Number.POSITIVE_INFINITY)
        await until(() => other.hub.roster.peer(tab.client.peer)?.untilMs === Number.POSITIVE_INFINITY)
        await until(() => next.hub.roster.peer(tab.client.peer)?.connected === true)
      }
      expect([here.hub.roster.size, there.hub.roster.size]).toEqual([1, 1])
    } finally {
      await front.close()
    }
  })
})

describe('an account', () => {
  it('that a device tells of at one process is found at the other', async () => {
    const [here, there] = [await process(), await process()]
    const [teller, asker] = [await here.tab(), await there.tab()]
    const set = await changeAccount(
      newAccount(teller.key.name),
      { change: 'add', role: 'device', key: asker.key.name },
      teller.key,
      ACCOUNT_CRYPTO,
    )
    if (!set.ok) throw new Error(set.code)
    const { account, statements } = set.value
    expect(await teller.client.account({ kind: 'tell', account, statements })).toEqual(ok([]))
    const asked = () => asker.client.account({ kind: 'ask', key: asker.key.name })
    await expect.poll(asked, { timeout: 10_000 }).toEqual(ok([{ account, statements }]))
  })
})
