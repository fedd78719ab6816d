/** The proxy of `docs/deploy/nginx.conf`, real, before a real server: TLS, ranges, sockets, and whose address counts. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { io, type Socket } from 'socket.io-client'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Nginx, startNginx } from '../../support/nginx.ts'
import { startTestServer, type TestServer } from '../../support/server.ts'

const SITE = join(import.meta.dirname, '../../../docs/deploy/nginx.conf')
const RATES = { http: { perSecond: 0.001, burst: 12 }, connect: { perSecond: 10, burst: 100 } }

const LARGE = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 31) % 251))

let appDir: string
let server: TestServer
let nginx: Nginx
const sockets: Socket[] = []

beforeAll(async () => {
  appDir = await mkdtemp(join(tmpdir(), 'weft-proxied-'))
  await writeFile(join(appDir, 'index.html'), '<!doctype html>')
  await writeFile(join(appDir, 'large.bin'), LARGE)
  server = await startTestServer({ appDir, proxies: 1, rates: RATES })
  nginx = await startNginx(SITE, Number(new URL(server.url).port))
})
afterAll(async () => {
  for (const socket of sockets) socket.close()
  await nginx?.close()
  await server?.close()
  await rm(appDir, { recursive: true, force: true })
})

function get(path: string, headers: Readonly<Record<string, string>> = {}) {
  return new Promise<{ status: number; headers: Readonly<Record<string, unknown>>; body: Buffer }>((done, failed) => {
    const asked = request(`${nginx.url}${path}`, { ca: nginx.authority, headers }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.on('end', () =>
        done({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts) }),
      )
    })
    asked.on('error', failed)
    asked.end()
  })
}

it('sends who comes without TLS to the same place with it', async () => {
  const answer = await fetch(`${nginx.plainUrl}/a/b?c=1`, { redirect: 'manual', headers: { Host: 'localhost' } })
  expect(answer.status).toBe(308)
  expect(answer.headers.get('location')).toMatch(/^https:\/\/[^/]+\/a\/b\?c=1$/)
})

it('adds one header of its own, and none of the server is lost or doubled', async () => {
  const { status, headers } = await get('/healthz')
  expect(status).toBe(200)
  expect(headers['strict-transport-security']).toBe('max-age=63072000')
  expect(headers['content-security-policy']).toMatch(/^default-src 'self'/)
  expect(headers['x-content-type-options']).toBe('nosniff')
})

it('a range of a large file comes as it is', async () => {
  const { status, body } = await get('/large.bin', { Range: 'bytes=1000000-2999999' })
  expect(status).toBe(206)
  expect(body.equals(LARGE.subarray(1_000_000))).toBe(true)
})

it('a socket goes through it', async () => {
  const socket = io(nginx.url, { transports: ['websocket'], ca: nginx.authority, reconnection: false } as object)
  sockets.push(socket)
  const challenge = await new Promise<{ nonce: string }>((done, failed) => {
    socket.once('challenge', done)
    socket.once('connect_error', failed)
  })
  expect(challenge.nonce.length).toBeGreaterThan(10)
})

it('a visitor is counted by its address, not by one that it wrote itself', async () => {
  const answers: number[] = []
  for (let turn = 0; turn < 20; turn++) {
    const { status } = await get('/config.json', { 'X-Forwarded-For': `203.0.113.${turn}` })
    answers.push(status)
  }
  expect(answers[0]).toBe(200)
  const last = await get('/config.json', { 'X-Forwarded-For': '198.51.100.9' })
  expect(last.status).toBe(429)
  expect(Number(last.headers['retry-after'])).toBeGreaterThan(0)
})
