/** The server's figures: for the operator alone, named as Prometheus asks, and with labels that no stranger can add to. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { readConfig } from '../../../signal/config.ts'
import { operatorOf } from '../../../signal/operator/token.ts'
import { SignalClient } from '../../../web/mesh/signal-client.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { parsePlanWish } from '../../../web/wire/plan-events.ts'
import { newKey, randomBytes } from '../../support/room-tabs.ts'
import { startTestServer, type TestServer } from '../../support/server.ts'

const TOKEN = 'a-token-of-the-operator-0123'

let server: TestServer
let client: SignalClient | null
beforeEach(async () => {
  client = null
  server = await startTestServer({ operatorToken: TOKEN })
})
afterEach(async () => {
  client?.close()
  await server.close()
})

const ask = (path: string, authorization?: string) =>
  fetch(`${server.url}${path}`, authorization === undefined ? {} : { headers: { authorization } })
const read = async () => {
  const answer = await ask('/metrics', `Bearer ${TOKEN}`)
  expect(answer.status).toBe(200)
  return answer.text()
}

async function openTab(): Promise<SignalClient> {
  let isHere = false
  const tab = new SignalClient({
    url: server.url,
    key: await newKey(),
    run: toBase64Url(randomBytes(16)),
    nowMs: Date.now,
    onState: ({ state }) => {
      isHere = state === 'here'
    },
    onRelayed: () => {},
  })
  client = tab
  await vi.waitFor(() => expect(isHere).toBe(true), { timeout: 10_000 })
  return tab
}

describe('the figures', () => {
  it('are not for who has no token, or another', async () => {
    for (const said of [undefined, 'Bearer wrong', `Basic ${TOKEN}`, TOKEN, `Bearer ${TOKEN}x`, `Bearer ${TOKEN} x`]) {
      const answer = await ask('/metrics', said)
      expect({ said, status: answer.status }).toEqual({ said, status: 401 })
      expect(await answer.json()).toMatchObject({ code: 'operator-only' })
      expect(answer.headers.get('www-authenticate')).toBe('Bearer')
    }
  })

  it('are nowhere on a server without a token', async () => {
    const other = await startTestServer()
    const answer = await fetch(`${other.url}/metrics`, { headers: { authorization: 'Bearer null' } })
    expect(answer.status).toBe(404)
    expect(await answer.json()).toMatchObject({ code: 'nothing-here' })
    await other.close()
  })

  it('are named by the conventions, each with its help and type', async () => {
    const text = await read()
    const types = [...text.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name = '', type = '']) => ({ name, type }))
    const own = types.filter(({ name }) => name.startsWith('weft_'))
    expect(own.length).toBeGreaterThan(12)
    for (const { name, type } of own) {
      expect(text).toMatch(new RegExp(`^# HELP ${name} .+\\.$`, 'm'))
      expect({ name, total: name.endsWith('_total') }).toEqual({ name, total: type === 'counter' })
      if (type === 'histogram') expect(name).toMatch(/_seconds$/)
    }
    expect(types.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['process_resident_memory_bytes', 'nodejs_heap_size_used_bytes']),
    )
  })

  it('count who is there, what was asked and what was refused', async () => {
    const tab = await openTab()
    const wish = parsePlanWish({
      request: 'b'.repeat(32),
      modelId: 'a'.repeat(64),
      layers: 4,
      positions: 64,
      avoid: [],
      ends: null,
      room: null,
      pays: null,
    })
    if (!wish.ok) throw new Error(wish.detail)
    expect(await tab.plan(wish.value)).toMatchObject({ ok: false, code: 'no-holder' })
    await (await ask('/config.json')).text()
    const lines = async () => (await read()).split('\n')
    await vi.waitFor(async () =>
      expect(await lines()).toEqual(
        expect.arrayContaining([
          'weft_peers 1',
          'weft_peers_connected 1',
          'weft_sockets 1',
          'weft_rooms 0',
          'weft_jobs{state="queued"} 0',
          'weft_plans_total{outcome="no-holder"} 1',
          'weft_plan_duration_seconds_count 1',
          'weft_refused_total{event="plan",code="no-holder"} 1',
          'weft_http_requests_total{route="config",method="GET",status="200"} 1',
        ]),
      ),
    )
  })

  it('have no line more for paths and methods that a stranger thinks of', async () => {
    for (const path of ['/x1', '/x2', '/models/x3', '/models/x4']) await (await ask(path)).text()
    const routes = (text: string) =>
      new Set([...text.matchAll(/http_requests_total\{route="([\w-]+)"/g)].map(([, r]) => r))
    await vi.waitFor(async () => expect([...routes(await read())].sort()).toEqual(['app', 'metrics', 'models']))
  })
})

describe('a server', () => {
  it('is ready where its ledger answers', async () => {
    const answer = await ask('/readyz')
    expect([answer.status, await answer.json()]).toEqual([200, { ok: true }])
  })
})

it('reads its token, and refuses one that could be guessed without saying it again', () => {
  expect(readConfig({ WEFT_OPERATOR_TOKEN: TOKEN })).toMatchObject({ ok: true, value: { operatorToken: TOKEN } })
  expect(readConfig({})).toMatchObject({ ok: true, value: { operatorToken: null } })
  for (const bad of ['short', `${TOKEN} blank`, 'x'.repeat(257)]) {
    const refused = readConfig({ WEFT_OPERATOR_TOKEN: bad })
    expect(refused).toMatchObject({ ok: false, code: 'request-invalid' })
    expect(JSON.stringify(refused)).not.toContain(bad)
  }
  expect(operatorOf({ authorization: 'Bearer x' }, null)).toBe('none')
})
