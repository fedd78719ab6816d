/** What a tab that looks at the network is told, over real sockets: counts of everybody, names of nobody, and only while it looks. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MemoryAccountStore } from '../../../signal/accounts/store.ts'
import { Accounts } from '../../../signal/sockets/accounts.ts'
import { Hub } from '../../../signal/sockets/hub.ts'
import { TicketMint } from '../../../signal/sockets/tickets.ts'
import { DeviceKey, makeKey } from '../../../web/account/device-key.ts'
import { SignalClient } from '../../../web/mesh/signal-client.ts'
import { censusOf } from '../../../web/rules/census.ts'
import { Roster } from '../../../web/rules/roster.ts'
import { type Census, parseCensus, parseLook } from '../../../web/wire/census.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { CENSUS_MODELS_MAX, CENSUS_RANGES_MAX, LEASE_MS } from '../../../web/wire/limits/signalling.ts'
import type { Presence } from '../../../web/wire/signal-events.ts'
import { NO_CREDITS } from '../../support/no-credits.ts'
import { noRates, quietWatch } from '../../support/quiet-watch.ts'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)
const NEXT = { timeout: 10_000 }

function holding(modelId: string, first: number, last: number, msPerLayer = 1): Presence {
  const held = { modelId, span: { first, last }, msPerLayer, freePositions: 4_096, queued: 0 }
  return { numericClass: 'a', visible: true, held: [held], offers: [], room: null, relayOnly: false, near: [] }
}

describe('over real sockets', () => {
  let hub: Hub
  let url: string
  let nowMs: number
  let clients: SignalClient[]

  beforeEach(async () => {
    nowMs = 1_000_000
    clients = []
    const server = createServer()
    const mint = await TicketMint.create(() => nowMs)
    hub = new Hub({
      server,
      mint,
      credits: NO_CREDITS,
      proxies: 0,
      watch: quietWatch(),
      connects: noRates(),
      way: null,
      accounts: await Accounts.open(new MemoryAccountStore()),
      iceServers: () => [],
      nowMs: () => nowMs,
    })
    await new Promise<void>((done) => server.listen(0, done))
    url = `http://localhost:${(server.address() as AddressInfo).port}`
  })
  afterEach(async () => {
    for (const client of clients) client.close()
    await hub.close()
  })

  async function tab(presence?: Presence) {
    const heard: Census[] = []
    let here = false
    const client = new SignalClient({
      url,
      key: await DeviceKey.of(await makeKey()),
      run: toBase64Url(crypto.getRandomValues(new Uint8Array(16))),
      nowMs: () => nowMs,
      onState: ({ state }) => {
        here = state === 'here'
      },
      onRelayed: () => {},
      onCensus: (census) => heard.push(census),
    })
    clients.push(client)
    await vi.waitFor(() => expect(here).toBe(true), NEXT)
    if (presence) {
      client.say(presence)
      await vi.waitFor(() => expect(hub.roster.peer(client.peer)?.presence).toEqual(presence), NEXT)
    }
    return { client, heard }
  }

  it('a tab that looks hears at once, and again after something has changed', async () => {
    await tab(holding(A, 0, 2, 1))
    const { client, heard } = await tab()
    client.look(true)
    await vi.waitFor(() => expect(heard).toHaveLength(1), NEXT)
    const range = { span: { first: 0, last: 2 }, holders: 1, msPerLayer: 1 }
    expect(heard[0]).toEqual({ room: null, peers: 2, models: [{ modelId: A, ranges: [range], whole: null }] })
    const second = await tab(holding(A, 0, 2, 3))
    await vi.waitFor(() => expect(heard.at(-1)?.peers).toBe(3), NEXT)
    expect(heard.at(-1)?.models).toEqual([
      { modelId: A, ranges: [{ ...range, holders: 2, msPerLayer: 2 }], whole: null },
    ])
    await second.client.leave()
    await vi.waitFor(() => expect(heard.at(-1)?.peers).toBe(2), NEXT)
  })

  it('a tab that does not look, or looks no more, hears nothing', async () => {
    const [looking, other, blind] = [await tab(), await tab(), await tab()]
    looking.client.look(true)
    other.client.look(true)
    await vi.waitFor(() => expect([looking.heard.length, other.heard.length]).toEqual([1, 1]), NEXT)
    looking.client.look(false)
    await vi.waitFor(() => expect(other.heard.length).toBeGreaterThan(2), NEXT)
    expect([looking.heard.length, blind.heard.length]).toEqual([1, 0])
  })

  it('a tab that slept past its lease is back with its next word', async () => {
    const { client } = await tab(holding(A, 0, 2))
    nowMs += LEASE_MS
    expect(hub.roster.sweep(nowMs)).toEqual([client.peer])
    client.say(holding(A, 2, 4))
    await vi.waitFor(() => expect(hub.roster.peer(client.peer)?.presence).toEqual(holding(A, 2, 4)), NEXT)
  })
})

describe('a count', () => {
  it('is capped, with the most held models and ranges first, and ranges in their order', () => {
    const roster = new Roster()
    const join = (id: string, presence: Presence) => {
      roster.join(id, null, '', 0)
      roster.hear(id, presence, 0)
    }
    for (let model = 0; model <= CENSUS_MODELS_MAX; model += 1) {
      join(`m${model}`, holding(model.toString(16).padStart(64, '0'), 0, 1))
    }
    for (let first = 0; first <= CENSUS_RANGES_MAX; first += 1) join(`r${first}`, holding(B, first, first + 1))
    join('again', holding(B, CENSUS_RANGES_MAX, CENSUS_RANGES_MAX + 1))
    const census = censusOf(roster.all(), null)
    expect(census.models).toHaveLength(CENSUS_MODELS_MAX)
    expect(census.models[0]?.modelId).toBe(B)
    const firsts = census.models[0]?.ranges.map(({ span }) => span.first) ?? []
    expect(firsts).toHaveLength(CENSUS_RANGES_MAX)
    expect(firsts).toEqual([...firsts].sort((a, b) => a - b))
    expect(firsts.at(-1)).toBe(CENSUS_RANGES_MAX)
    expect(parseCensus(JSON.parse(JSON.stringify(census)))).toEqual({ ok: true, value: census })
  })

  it.each([
    ['no object', null],
    ['no peers', { models: [] }],
    ['half a peer', { peers: 0.5, models: [] }],
    ['too many models', { peers: 1, models: new Array(CENSUS_MODELS_MAX + 1).fill({ modelId: A, ranges: [] }) }],
    ['a model with another name', { peers: 1, models: [{ modelId: 'x', ranges: [] }] }],
    ['an empty span', { peers: 1, models: [{ modelId: A, ranges: [{ span: { first: 1, last: 1 }, holders: 1 }] }] }],
    ['a speed below nothing', wrongSpeed(-1)],
    ['a speed that is no number', wrongSpeed(Number.NaN)],
    ['more that chat than offer', wrongChat({ offers: 3 })],
    ['nobody that chats', wrongChat({ offers: 0, free: 0 })],
    ['more that are free than chat', wrongChat({ free: 2 })],
    ['a wait below nothing', wrongChat({ firstMs: -1 })],
  ])('with %s is refused', (_, value) => {
    expect(parseCensus(value)).toMatchObject({ ok: false, code: 'event-invalid' })
  })

  it('is asked for with on or off and nothing else', () => {
    expect(parseLook(true)).toEqual({ ok: true, value: true })
    expect(parseLook('on')).toMatchObject({ ok: false, code: 'event-invalid' })
  })
})

function wrongSpeed(msPerLayer: number): unknown {
  return {
    room: null,
    peers: 1,
    models: [{ modelId: A, ranges: [{ span: { first: 0, last: 1 }, holders: 1, msPerLayer }] }],
  }
}

function wrongChat(wrong: object): unknown {
  const chat = { offers: 1, free: 1, tokensPerSecond: 8, firstMs: 0, ...wrong }
  return {
    room: null,
    peers: 1,
    models: [{ modelId: A, ranges: [], whole: { offers: 2, tokensPerSecond: 8, chat } }],
  }
}
