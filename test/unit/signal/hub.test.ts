/** The signalling hub over real sockets: who proves a key is in, who does not is out, and a word goes to one peer unread. */
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MemoryAccountStore } from '../../../signal/accounts/store.ts'
import { Accounts } from '../../../signal/sockets/accounts.ts'
import { Hub } from '../../../signal/sockets/hub.ts'
import { TicketMint } from '../../../signal/sockets/tickets.ts'
import { DeviceKey, makeKey } from '../../../web/account/device-key.ts'
import { TicketCheck } from '../../../web/account/ticket-check.ts'
import { SignalClient, type SignalParts, type SignalState, type Signer } from '../../../web/mesh/signal-client.ts'
import { keepsEnds } from '../../../web/rules/private-ends.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { TICKET_KEY_MS } from '../../../web/wire/limits/mesh.ts'
import { EVENTS_BURST_MAX, LEASE_MS, RESUME_MS } from '../../../web/wire/limits/signalling.ts'
import { parsePlanWish } from '../../../web/wire/plan-events.ts'
import { ok } from '../../../web/wire/result.ts'
import type { Neighbour, Presence, Relayed } from '../../../web/wire/signal-events.ts'
import { NO_CREDITS } from '../../support/no-credits.ts'
import { noRates, quietWatch } from '../../support/quiet-watch.ts'

const ICE = [{ urls: 'turn:weft.test:3478', username: 'u', credential: 'c' }]
/** As its workers have the model: nothing is known of its size. */
const WHOLE = { layers: 4, activeParameters: 0 }
const PRESENCE: Presence = {
  numericClass: 'a',
  visible: true,
  offers: [],
  held: [{ modelId: 'a'.repeat(64), span: { first: 0, last: 4 }, msPerLayer: 1.5, freePositions: 4_096, queued: 0 }],
  relayOnly: false,
  near: [],
  room: null,
}
const SEALED = { call: 'c'.repeat(22), kind: 'offer' as const, text: 'v=0', signature: 'A'.repeat(86) }

let server: HttpServer
let hub: Hub
let mint: TicketMint
let url: string
let nowMs: number
const clients: SignalClient[] = []

beforeEach(async () => {
  nowMs = 1_000_000
  server = createServer()
  mint = await TicketMint.create(() => nowMs)
  hub = new Hub({
    server,
    mint,
    credits: NO_CREDITS,
    proxies: 0,
    watch: quietWatch(),
    connects: noRates(),
    way: null,
    accounts: await Accounts.open(new MemoryAccountStore()),
    iceServers: () => ICE,
    nowMs: () => nowMs,
  })
  await new Promise<void>((done) => server.listen(0, done))
  url = `http://localhost:${(server.address() as AddressInfo).port}`
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await hub.close()
})

const runOf = () => toBase64Url(crypto.getRandomValues(new Uint8Array(16)))
const until = (condition: () => boolean) => vi.waitFor(() => expect(condition()).toBe(true), { timeout: 10_000 })

async function tab(key?: Signer, run = runOf(), more: Partial<SignalParts> = {}) {
  const states: SignalState[] = []
  const heard: Relayed[] = []
  const client = new SignalClient({
    url,
    key: key ?? (await DeviceKey.of(await makeKey())),
    run,
    nowMs: () => nowMs,
    onState: (state) => states.push(state),
    onRelayed: (relayed) => heard.push(relayed),
    ...more,
  })
  clients.push(client)
  return { client, states, heard, last: () => states.at(-1)?.state }
}

describe('a tab', () => {
  it('that proves its key is there, with what it holds, and gone at once when it leaves', async () => {
    const { client, last } = await tab()
    await until(() => last() === 'here')
    client.say(PRESENCE)
    await until(() => hub.roster.peer(client.peer)?.presence !== null)
    expect(hub.roster.peer(client.peer)?.presence).toEqual(PRESENCE)
    await client.leave()
    expect(hub.roster.size).toBe(0)
  })

  it('that signs with another key is refused for good', async () => {
    const key = await DeviceKey.of(await makeKey())
    const other = await DeviceKey.of(await makeKey())
    const liar: Signer = { name: key.name, sign: (purpose, fields) => other.sign(purpose, fields) }
    const { states } = await tab(liar)
    await until(() => states.some((state) => state.state === 'away' && state.final))
    expect(states.at(-1)).toMatchObject({ state: 'away', reason: { code: 'proof-invalid' } })
    expect(hub.roster.size).toBe(0)
  })

  it('that comes back in time was never gone, and one that does not is gone', async () => {
    const key = await DeviceKey.of(await makeKey())
    const { client, last } = await tab(key)
    await until(() => last() === 'here')
    client.say(PRESENCE)
    await until(() => hub.roster.peer(client.peer)?.presence !== null)
    client.close()
    await until(() => hub.roster.peer(client.peer)?.connected === false)
    expect(hub.roster.sweep(nowMs + RESUME_MS - 1)).toEqual([])
    expect(hub.roster.sweep(nowMs + RESUME_MS)).toEqual([client.peer])
  })

  it('that says nothing loses its lease', async () => {
    const { client, last } = await tab()
    await until(() => last() === 'here')
    expect(hub.roster.sweep(nowMs + LEASE_MS - 1)).toEqual([])
    expect(hub.roster.sweep(nowMs + LEASE_MS)).toEqual([client.peer])
  })
})

describe('a heartbeat', () => {
  it('comes with every tick that the tab is given, and says how things are then', async () => {
    const ticks: (() => void)[] = []
    const every = (_: number, run: () => void) => {
      ticks.push(run)
      return () => {}
    }
    let relayOnly = false
    const near: Neighbour[] = []
    const { client, last } = await tab(undefined, runOf(), { every, about: () => ({ relayOnly, near }) })
    await until(() => last() === 'here' && ticks.length === 1)
    client.say(PRESENCE)
    await until(() => hub.roster.peer(client.peer)?.presence !== null)
    nowMs += LEASE_MS - 1
    near.push({ peer: client.peer, roundTripMs: 12.5 })
    ticks[0]?.()
    await until(() => hub.roster.peer(client.peer)?.presence?.near.length === 1)
    expect(hub.roster.sweep(nowMs + 1)).toEqual([])
    relayOnly = true
    client.tell()
    await until(() => hub.roster.peer(client.peer)?.presence?.relayOnly === true)
  })
})

describe('a word', () => {
  it('goes to the one it is for, from whom the server knows', async () => {
    const [a, b, c] = [await tab(), await tab(), await tab()]
    await until(() => [a, b, c].every(({ last }) => last() === 'here'))
    expect(await a.client.relay(b.client.peer, SEALED)).toEqual({ ok: true, value: null })
    await until(() => b.heard.length === 1)
    expect(b.heard).toEqual([{ from: a.client.peer, sealed: SEALED }])
    expect(c.heard).toEqual([])
    await b.client.leave()
    await until(() => hub.roster.size === 2)
    expect(await a.client.relay(b.client.peer, SEALED)).toMatchObject({ ok: false, code: 'peer-unknown' })
  })
})

describe('the planner', () => {
  const MODEL = 'a'.repeat(64)
  const REQUEST = {
    request: '0'.repeat(32),
    modelId: MODEL,
    layers: 4,
    positions: 64,
    avoid: [],
    ends: null,
    room: null,
  }
  const holding = async (first: number, last: number) => {
    const one = await tab()
    await until(() => one.last() === 'here')
    const held = { modelId: MODEL, span: { first, last }, msPerLayer: 1, freePositions: 4_096, queued: 0 }
    one.client.say({ numericClass: 'a/b', visible: true, held: [held], offers: [], room: null })
    await until(() => hub.roster.peer(one.client.peer)?.presence !== null)
    return one
  }

  it('gives a route with standbys, and each of them a ticket that it accepts', async () => {
    const workers = [await holding(0, 2), await holding(2, 4), await holding(2, 4)]
    const asker = await tab()
    await until(() => asker.last() === 'here')
    const plan = await asker.client.plan(REQUEST)
    if (!plan.ok) throw new Error(plan.code)
    const [first, second] = plan.value.stages
    expect([first?.span, second?.span]).toEqual([
      { first: 0, last: 2 },
      { first: 2, last: 4 },
    ])
    expect(first).toMatchObject({ peer: workers[0]?.client.peer, standby: null })
    expect([second?.peer, second?.standby?.peer].sort()).toEqual(
      workers
        .slice(1)
        .map(({ client }) => client.peer)
        .sort(),
    )
    for (const { client } of workers) {
      const check = new TicketCheck({
        self: client.peer,
        keys: () => client.ticketKeys,
        nowMs: () => client.serverNowMs(),
        letsIn: async () => ({ ok: true, value: null }),
      })
      const stage = client === workers[0]?.client ? first : second
      const ticket = stage?.peer === client.peer ? stage.ticket : stage?.standby?.ticket
      const use = {
        ...REQUEST,
        job: null,
        asker: asker.client.peer,
        span: stage?.span ?? { first: 0, last: 1 },
        whole: WHOLE,
      }
      expect(await check.admit(ticket ?? '', use)).toMatchObject({ ok: true })
    }
  })

  it('takes who is near, as both of them say', async () => {
    const near = new Map<SignalClient, Neighbour[]>()
    const worker = async (first: number, last: number) => {
      const told: Neighbour[] = []
      const one = await tab(undefined, runOf(), { about: () => ({ relayOnly: false, near: told }) })
      near.set(one.client, told)
      await until(() => one.last() === 'here')
      const held = { modelId: MODEL, span: { first, last }, msPerLayer: 1, freePositions: 4_096, queued: 0 }
      const say = async () => {
        one.client.say({ numericClass: 'a/b', visible: true, held: [held], offers: [], room: null })
        await until(() => hub.roster.peer(one.client.peer)?.presence?.near.length === told.length)
      }
      await say()
      return { client: one.client, told, say }
    }
    const [head, far, close] = [await worker(0, 2), await worker(2, 4), await worker(2, 4)]
    const asker = await tab()
    await until(() => asker.last() === 'here')
    const tail = async () => {
      const plan = await asker.client.plan(REQUEST)
      return plan.ok ? plan.value.stages[1]?.peer : plan.code
    }
    for (const [other, roundTripMs] of [
      [far, 30],
      [close, 2],
    ] as const) {
      head.told.push({ peer: other.client.peer, roundTripMs })
      other.told.push({ peer: head.client.peer, roundTripMs })
      await other.say()
    }
    await head.say()
    expect(await tail()).toBe(close.client.peer)
    // Saying so alone brings nobody nearer.
    far.told[0] = { peer: head.client.peer, roundTripMs: 0 }
    await far.say()
    expect(await tail()).toBe(close.client.peer)
  })

  it('says what is missing, and sends a new tab where it is needed', async () => {
    await holding(0, 2)
    const asker = await tab()
    await until(() => asker.last() === 'here')
    expect(await asker.client.plan(REQUEST)).toMatchObject({ code: 'no-holder', detail: '2 to 4' })
    const wish = { modelId: MODEL, layers: 4, layersMax: 2, adapter: 'a', room: null }
    expect(await asker.client.assign(wish)).toEqual({
      ok: true,
      value: { span: { first: 2, last: 4 }, numericClass: 'a/b' },
    })
  })

  it('sends new tabs to the middle that an asker with private ends looks for, then plans it with tickets for all', async () => {
    const asker = await tab()
    await until(() => asker.last() === 'here')
    const self = asker.client.peer
    const wish = { ...REQUEST, ends: { first: 1, last: 1 } }
    expect(await asker.client.plan(wish)).toMatchObject({ code: 'no-holder', detail: '1 to 3' })
    const needed = await asker.client.assign({ modelId: MODEL, layers: 4, layersMax: 4, adapter: 'a', room: null })
    expect(needed).toMatchObject({ value: { span: { first: 1, last: 3 } } })
    const { client } = await holding(1, 3)
    const plan = await asker.client.plan(wish)
    if (!plan.ok) throw new Error(plan.code)
    const { stages } = plan.value
    expect(stages.map(({ peer }) => peer)).toEqual([self, client.peer, self])
    expect(keepsEnds(stages, self, wish.ends, 4)).toBe(true)
    const own = new TicketCheck({
      self,
      keys: () => asker.client.ticketKeys,
      nowMs: () => nowMs,
      letsIn: async () => ok(null),
    })
    for (const { span, ticket } of [stages[0], stages[2]].flatMap((stage) => stage ?? [])) {
      expect(await own.admit(ticket, { ...wish, asker: self, span, job: null, whole: WHOLE })).toMatchObject({
        ok: true,
      })
      expect(await own.admit(ticket, { ...wish, asker: self, span, job: null, whole: WHOLE })).toMatchObject({
        code: 'ticket-invalid',
      })
    }
  })

  it.each([
    [{ first: 0, last: 1 }],
    [{ first: 1, last: 0 }],
    [{ first: 2, last: 2 }],
    [{ first: 9, last: 1 }],
    [{ first: 1 }],
    ['all'],
  ])('refuses the ends %j', async (ends) => {
    expect(parsePlanWish({ ...REQUEST, ends })).toMatchObject({ ok: false, code: 'event-invalid' })
  })

  it('tells a tab what it needs to connect, and of new keys', async () => {
    const { client, last } = await tab()
    await until(() => last() === 'here')
    expect(client.iceServers).toEqual(ICE)
    const before = client.ticketKeys
    expect(before).toEqual(mint.keys)
    nowMs += TICKET_KEY_MS
    await hub.rotateTickets()
    await until(() => client.ticketKeys !== before)
    expect(client.ticketKeys).toEqual(mint.keys)
  })
})

it('a server that calls itself by another name is not told a signature', async () => {
  const { port } = server.address() as AddressInfo
  const states: SignalState[] = []
  const key = await DeviceKey.of(await makeKey())
  let signed = 0
  const signer: Signer = {
    name: key.name,
    sign: (purpose, fields) => {
      signed += 1
      return key.sign(purpose, fields)
    },
  }
  // As a server between the two would: it passes on what another one said.
  const between = createServer()
  const other = new Server(between, { transports: ['websocket'] })
  other.on('connection', (socket) => {
    const nonce = 'n'.repeat(32)
    socket.emit('challenge', { nonce, server: `localhost:${port}`, protocols: { min: 1, max: 1 } })
  })
  await new Promise<void>((done) => between.listen(0, done))
  clients.push(
    new SignalClient({
      url: `http://localhost:${(between.address() as AddressInfo).port}`,
      key: signer,
      run: runOf(),
      nowMs: () => nowMs,
      onState: (state) => states.push(state),
      onRelayed: () => {},
    }),
  )
  await until(() => states.some((state) => state.state === 'away' && state.final))
  expect(states.at(-1)).toMatchObject({ reason: { code: 'server-other' } })
  expect(signed).toBe(0)
  await other.close()
})

describe('a stranger', () => {
  const connect = () => io(url, { transports: ['websocket'], reconnection: false })

  it('that has not proved anything may do nothing', async () => {
    const socket = connect()
    await new Promise((done) => socket.once('challenge', done))
    expect(await socket.emitWithAck('presence', PRESENCE)).toMatchObject({ ok: false, code: 'not-proven' })
    expect(await socket.emitWithAck('relay', {})).toMatchObject({ ok: false, code: 'not-proven' })
    socket.disconnect()
  })

  it('that sends nonsense is answered by a code and closed', async () => {
    for (const nonsense of [null, 7, 'x', [], {}, { key: 'x' }, { protocol: 1, key: 'ed25519:AA', run: 'x' }]) {
      const socket = connect()
      await new Promise((done) => socket.once('challenge', done))
      const closed = new Promise((done) => socket.once('disconnect', done))
      expect(await socket.emitWithAck('prove', nonsense)).toMatchObject({ ok: false, code: 'event-invalid' })
      await closed
    }
    expect(hub.roster.size).toBe(0)
  })

  it('that floods is closed', async () => {
    const socket = connect()
    await new Promise((done) => socket.once('challenge', done))
    const closed = new Promise((done) => socket.once('disconnect', done))
    for (let event = 0; event <= EVENTS_BURST_MAX; event += 1) socket.emit('presence', PRESENCE, () => {})
    await closed
  })
})
