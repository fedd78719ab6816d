/** The signalling hub over real sockets: who proves a key is in, who does not is out, and a word goes to one peer unread. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { io } from 'socket.io-client'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Hub } from '../../../signal/sockets/hub.ts'
import { TicketMint } from '../../../signal/sockets/tickets.ts'
import { DeviceKey, makeKey } from '../../../web/account/device-key.ts'
import { SignalClient, type SignalState, type Signer } from '../../../web/mesh/signal-client.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { EVENTS_BURST_MAX, LEASE_MS, RESUME_MS } from '../../../web/wire/limits.ts'
import type { Presence, Relayed } from '../../../web/wire/signal-events.ts'

const ICE = [{ urls: 'turn:weft.test:3478', username: 'u', credential: 'c' }]
const PRESENCE: Presence = {
  numericClass: 'a',
  visible: true,
  held: [{ modelId: 'a'.repeat(64), span: { first: 0, last: 4 }, msPerLayer: 1.5, freePositions: 4_096, queued: 0 }],
}
const SEALED = { kind: 'offer' as const, text: 'v=0', signature: 'A'.repeat(86) }

let server: Server
let hub: Hub
let mint: TicketMint
let url: string
let nowMs: number
const clients: SignalClient[] = []

beforeEach(async () => {
  nowMs = 1_000_000
  server = createServer()
  mint = await TicketMint.create(() => nowMs)
  hub = new Hub({ server, mint, iceServers: () => ICE, nowMs: () => nowMs })
  await new Promise<void>((done) => server.listen(0, done))
  url = `http://localhost:${(server.address() as AddressInfo).port}`
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await hub.close()
})

const runOf = () => toBase64Url(crypto.getRandomValues(new Uint8Array(16)))
const until = (condition: () => boolean) => vi.waitFor(() => expect(condition()).toBe(true), { timeout: 10_000 })

async function tab(key?: Signer, run = runOf()) {
  const states: SignalState[] = []
  const heard: Relayed[] = []
  const client = new SignalClient({
    url,
    key: key ?? (await DeviceKey.of(await makeKey())),
    run,
    nowMs: () => nowMs,
    onState: (state) => states.push(state),
    onRelayed: (relayed) => heard.push(relayed),
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
