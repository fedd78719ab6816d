/** Several real processes of one server, with Debian's Redis and PostgreSQL between them: what one knows the others know. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { DeviceKey, makeKey } from '../../web/account/device-key.ts'
import { SignalClient, type SignalState } from '../../web/mesh/signal-client.ts'
import { toBase64Url } from '../../web/wire/device-keys.ts'
import { parsePlanWish } from '../../web/wire/plan-events.ts'
import type { Announcement } from '../../web/wire/rulings.ts'
import type { PartnerWord, Relayed } from '../../web/wire/signal-events.ts'
import { KilledServer } from '../support/killed-server.ts'
import { Postgres } from '../support/postgres.ts'
import { Redis } from '../support/redis.ts'
import { serverConfig } from '../support/server-config.ts'
import { TcpFront } from '../support/tcp-front.ts'

const TOKEN = 'a-token-of-the-operator-0123'
const MODEL = 'a'.repeat(64)
const SEALED = { call: 'c'.repeat(22), kind: 'offer' as const, text: 'v=0', signature: 'A'.repeat(86) }
const PATIENT = { timeout: 30_000, interval: 50 }

let postgres: Postgres
let redis: Redis
let database: string
const servers: KilledServer[] = []
const clients: SignalClient[] = []
const folders: string[] = []

beforeAll(async () => {
  postgres = await Postgres.start()
  redis = await Redis.start()
  database = await postgres.fresh()
}, 120_000)
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await Promise.all(servers.splice(0).map((server) => server.end('SIGKILL')))
})
afterAll(async () => {
  await redis.close()
  await postgres.close()
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

async function server(): Promise<KilledServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'weft-process-'))
  folders.push(dataDir)
  const config = serverConfig(dataDir, {
    ledger: { kind: 'server', url: database },
    redisUrl: redis.url,
    operatorToken: TOKEN,
  })
  const own = new KilledServer(config)
  servers.push(own)
  return own.start()
}

async function tab(port: number, partner: string | null = null) {
  const states: SignalState['state'][] = []
  const relayed: Relayed[] = []
  const partnerWords: PartnerWord[] = []
  const told = { announcements: [] as readonly Announcement[] }
  const key = await DeviceKey.of(await makeKey())
  const client = new SignalClient({
    url: `http://127.0.0.1:${port}`,
    key,
    run: toBase64Url(crypto.getRandomValues(new Uint8Array(16))),
    nowMs: Date.now,
    onState: ({ state }) => states.push(state),
    onRelayed: (word) => relayed.push(word),
    partner,
    onPartner: (word) => partnerWords.push(word),
    onAnnouncements: (announcements) => {
      told.announcements = announcements
    },
  })
  clients.push(client)
  await vi.waitFor(() => expect(states.at(-1)).toBe('here'), PATIENT)
  return {
    client,
    key,
    states,
    relayed,
    partnerWords,
    get announcements() {
      return told.announcements
    },
  }
}

type OpenTab = Awaited<ReturnType<typeof tab>>

function serve({ client }: OpenTab, first: number, last: number): void {
  const held = { modelId: MODEL, span: { first, last }, msPerLayer: 1, freePositions: 4_096, queued: 0 }
  client.say({ numericClass: 'a/b', visible: true, held: [held], offers: [], room: null })
}

async function plan({ client }: OpenTab) {
  const request = toBase64Url(crypto.getRandomValues(new Uint8Array(24)))
    .replace(/[^0-9a-f]/g, '0')
    .slice(0, 32)
  const about = { request, modelId: MODEL, layers: 4, positions: 64, avoid: [], ends: null, room: null, pays: null }
  const wish = parsePlanWish(about)
  if (!wish.ok) throw new Error(wish.detail)
  const answer = await client.plan(wish.value)
  return answer.ok ? answer.value.stages.map(({ peer }) => peer) : answer.code
}

const readyOf = async ({ url }: KilledServer) => {
  const { status, ...answer } = await fetch(`${url}/readyz`)
    .then(async (response) => ({ status: response.status, ...((await response.json()) as object) }))
    .catch(() => ({ status: 0 }))
  return { status, ...answer }
}

describe('two processes over Redis', () => {
  it('plan over the tabs of both and carry their words; a third that comes late knows all of them', async () => {
    const [here, there] = [await server(), await server()]
    const [asker, first, last] = [await tab(here.port), await tab(here.port), await tab(there.port)]
    serve(first, 0, 2)
    serve(last, 2, 4)
    const route = [first.client.peer, last.client.peer]
    await expect.poll(() => plan(asker), PATIENT).toEqual(route)
    expect(await first.client.relay(last.client.peer, SEALED)).toMatchObject({ ok: true })
    await vi.waitFor(() => expect(last.relayed).toEqual([{ from: first.client.peer, sealed: SEALED }]), PATIENT)
    await vi.waitFor(() => expect(last.client.ticketKeys.length).toBe(2), PATIENT)
    const late = await server()
    expect(await readyOf(late)).toMatchObject({ status: 200 })
    expect(await plan(await tab(late.port))).toEqual(route)
    await vi.waitFor(() => expect(first.client.ticketKeys.length).toBe(3), PATIENT)
    await last.client.leave()
    await expect.poll(() => plan(asker), PATIENT).toBe('no-holder')
  })

  it('go by what the operator rules at one of them, and tell their own tabs at once', async () => {
    const [here, there] = [await server(), await server()]
    const post = async (path: string, body: object) => {
      const headers = { 'authorization': `Bearer ${TOKEN}`, 'content-type': 'application/json' }
      const answer = await fetch(`${here.url}/operator/${path}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      })
      expect([path, answer.status]).toEqual([path, 200])
      return (await answer.json()) as { readonly id: string }
    }
    const about = { site: 'Garden', origins: ['https://garden.example'], models: [], scope: 'any', system: '' }
    const { id: partner } = await post('partners', { ...about, suggested: [], payer: null, dailyMicro: '0' })
    const [visitor, other] = [await tab(there.port, partner), await tab(there.port)]
    await post(`partners/${partner}/revoke`, {})
    await vi.waitFor(() => expect(visitor.partnerWords).toEqual([{ refused: 'partner-revoked' }]), PATIENT)
    await post('announcements', { level: 'note', text: 'At noon.', untilMs: Date.now() + 3_600_000 })
    await vi.waitFor(() => expect(other.announcements).toMatchObject([{ text: 'At noon.' }]), PATIENT)
    await post('sanctions', { subject: visitor.key.name, reason: '', untilMs: null })
    await vi.waitFor(() => expect(visitor.states.at(-1)).toBe('away'), PATIENT)
    expect([other.partnerWords, other.states.at(-1)]).toEqual([[], 'here'])
  })

  it('lose Redis and go on with whom they have, say so, and know each other again when it is back', async () => {
    const [here, there] = [await server(), await server()]
    const [asker, own] = [await tab(here.port), await tab(here.port)]
    serve(own, 0, 4)
    await expect.poll(() => plan(asker), PATIENT).toEqual([own.client.peer])
    redis.freeze()
    await expect.poll(() => readyOf(here), PATIENT).toMatchObject({ status: 503, code: 'redis-away' })
    redis.thaw()
    await expect.poll(() => readyOf(here), PATIENT).toMatchObject({ status: 200 })
    await redis.stop()
    await expect.poll(() => readyOf(here), PATIENT).toMatchObject({ status: 503, code: 'redis-away' })
    expect(await plan(asker)).toEqual([own.client.peer])
    const meanwhile = await tab(there.port)
    await own.client.leave()
    expect(await plan(asker)).toBe('no-holder')
    serve(meanwhile, 0, 4)
    await redis.start()
    await expect.poll(() => readyOf(here), PATIENT).toMatchObject({ status: 200 })
    await expect.poll(() => plan(asker), PATIENT).toEqual([meanwhile.client.peer])
    expect(await asker.client.relay(meanwhile.client.peer, SEALED)).toMatchObject({ ok: true })
    await vi.waitFor(() => expect(meanwhile.relayed.length).toBe(1), PATIENT)
  })

  it('one of which is killed leaves its tabs to the other, who are who they were', async () => {
    const [here, there] = [await server(), await server()]
    const front = await TcpFront.start([there.port, here.port])
    try {
      const [asker, worker] = [await tab(here.port), await tab(front.port)]
      const alone = await tab(there.port)
      serve(worker, 0, 4)
      serve(alone, 0, 4)
      await expect.poll(() => plan(asker), PATIENT).toHaveLength(1)
      await there.end('SIGKILL')
      await vi.waitFor(() => expect(worker.states.slice(-2)).toEqual(['away', 'here']), PATIENT)
      await expect.poll(() => plan(asker), PATIENT).toEqual([worker.client.peer])
      expect(await asker.client.relay(worker.client.peer, SEALED)).toMatchObject({ ok: true })
      await vi.waitFor(() => expect(worker.relayed.length).toBe(1), PATIENT)
      // Whose tab found no other process is gone for the others once the process is.
      const relayed = () => asker.client.relay(alone.client.peer, SEALED)
      await expect.poll(relayed, PATIENT).toMatchObject({ ok: false, code: 'peer-unknown' })
    } finally {
      await front.close()
    }
  })
})
