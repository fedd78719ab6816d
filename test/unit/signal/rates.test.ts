/** What one address may ask of the server: so much at once, then slowly, and it is told when to come again. */
import { io, type Socket } from 'socket.io-client'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { RATES } from '../../../signal/config.ts'
import { Rates } from '../../../signal/rates.ts'
import { startTestServer, type TestServer } from '../../support/server.ts'

const NEVER = 1e-9
const TOKEN = 'a-token-of-the-operator-0123'

let server: TestServer | null = null
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close()
  await server?.close()
  server = null
})

describe('buckets', () => {
  it('are one for each, and fill with time', () => {
    let nowMs = 0
    const rates = new Rates({ perSecond: 0.5, burst: 2 }, 10, () => nowMs)
    expect([1, 2, 3].map(() => rates.take('a'))).toEqual([true, true, false])
    expect(rates.take('b')).toBe(true)
    expect(rates.retrySeconds).toBe(2)
    nowMs += rates.retrySeconds * 1_000
    expect([1, 2].map(() => rates.take('a'))).toEqual([true, false])
  })

  it('are so many, and who was quiet longest is forgotten', () => {
    const rates = new Rates({ perSecond: NEVER, burst: 1 }, 2, () => 0)
    expect(['a', 'b', 'a', 'c', 'b', 'c'].map((who) => rates.take(who))).toEqual([true, true, false, true, true, false])
  })
})

describe('a server', () => {
  it('refuses the request after the last with a code and a time, but is alive for who looks', async () => {
    server = await startTestServer({ rates: { ...RATES, http: { perSecond: NEVER, burst: 3 } }, operatorToken: TOKEN })
    const ask = (path: string) => fetch(`${server?.url}${path}`)
    const statuses: number[] = []
    for (let index = 0; index < 4; index += 1) statuses.push((await ask('/config.json')).status)
    expect(statuses).toEqual([200, 200, 200, 429])
    const refused = await ask('/models/index.json')
    expect(await refused.json()).toMatchObject({ code: 'too-many-requests' })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await ask('/healthz')).status).toBe(200)
    expect((await ask('/readyz')).status).toBe(200)
  })

  it('counts by who asks a proxy of the operator, and by the proxy where it is none', async () => {
    const rates = { ...RATES, http: { perSecond: NEVER, burst: 1 } }
    const statuses = async (proxies: number) => {
      server = await startTestServer({ rates, proxies })
      const { url } = server
      const asked = ['1.2.3.4', '5.6.7.8', '2001:db8:0:1::1', '2001:db8:0:1::2'].map((said) =>
        fetch(`${url}/config.json`, { headers: { 'x-forwarded-for': said } }).then(({ status }) => status),
      )
      const all = await Promise.all(asked)
      await server.close()
      return all
    }
    expect((await statuses(1)).sort()).toEqual([200, 200, 200, 429])
    expect((await statuses(0)).sort()).toEqual([200, 429, 429, 429])
  })

  it('lets in as many new sockets of one address', async () => {
    server = await startTestServer({ rates: { ...RATES, connect: { perSecond: NEVER, burst: 2 } } })
    const outcomes: string[] = []
    for (let index = 0; index < 3; index += 1) {
      const socket = io(server.url, { transports: ['websocket'], reconnection: false, forceNew: true })
      sockets.push(socket)
      socket.on('challenge', () => outcomes.push('in'))
      socket.on('connect_error', () => outcomes.push('out'))
      await vi.waitFor(() => expect(outcomes).toHaveLength(index + 1), { timeout: 10_000 })
    }
    expect(outcomes).toEqual(['in', 'in', 'out'])
  })
})
