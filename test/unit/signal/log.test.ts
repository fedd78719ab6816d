/** The server's log: one line of JSON for each event of a closed list, and nothing in it that a stranger has written. */
import { request } from 'node:http'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { readLogSettings } from '../../../signal/config.ts'
import { LOG_EVENTS } from '../../../signal/log/events.ts'
import { faultOf, type Log, openLog } from '../../../signal/log/log.ts'
import { SignalClient } from '../../../web/mesh/signal-client.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { findLeaks } from '../../support/leak-search.ts'
import { newKey, randomBytes } from '../../support/room-tabs.ts'
import { startTestServer, type TestServer } from '../../support/server.ts'

const SECRET = 'the quick brown secret that nobody but me may read'

type Line = Readonly<Record<string, unknown>>

let lines: string[]
let log: Log
beforeEach(() => {
  lines = []
  log = openLog('debug', { write: (line) => void lines.push(line) })
})

const read = () => lines.map((line) => JSON.parse(line) as Line)
const leaks = (text: string) =>
  findLeaks([{ name: 'log', bytes: Buffer.from(lines.join('')) }], [{ name: 'secret', text, ids: [] }])

describe('a line', () => {
  it('is the event with its own fields and no other', () => {
    const fields = { request: 'a.1', said: 'plan', code: 'no-holder', more: SECRET }
    log.write('event-refused', fields)
    const { time, ...rest } = read()[0] ?? {}
    expect(rest).toEqual({ level: 'debug', event: 'event-refused', said: 'plan', request: 'a.1', code: 'no-holder' })
    expect(Date.parse(String(time))).toBeGreaterThan(0)
    expect(leaks(SECRET)).toEqual([])
  })

  it('has no word that a peer could have written, in any field of any event', () => {
    for (const [event, { fields }] of Object.entries(LOG_EVENTS)) {
      const lie = Object.fromEntries(Object.entries(fields).map(([field, kind]) => [field, odd(kind)]))
      log.write(event as 'http', lie as never)
    }
    expect(lines).toHaveLength(Object.keys(LOG_EVENTS).length)
    expect(leaks(SECRET)).toEqual([])
    expect(read().every((line) => Object.values(line).every((value) => String(value).length < 220))).toBe(true)
  })

  it('of a fault says which and where, and not its words', () => {
    const error = new TypeError(`${SECRET}\n    at ${SECRET} (/a/b.ts:1:1)`)
    const fault = faultOf(Object.assign(error, { code: 'ERR_ODD' }))
    expect(fault).toMatchObject({ error: 'TypeError', code: 'ERR_ODD' })
    expect(fault.at).toContain('log.test.ts')
    log.write('event-failed', { request: 'a.1', said: 'plan', ...fault })
    expect(read()[0]?.['at']).toBe(fault.at)
    expect(leaks(SECRET)).toEqual([])
    expect(faultOf(SECRET)).toEqual({ error: 'string', code: '', at: '' })
  })
})

/** The worst that a field of this kind could be given. A name is the operator's own. */
function odd(kind: string): unknown {
  return kind === 'name' ? `\u001b[31m${SECRET}` : SECRET
}

it('reads how it is to be written', () => {
  expect(readLogSettings(true, {})).toEqual({ ok: true, value: { form: 'plain', level: 'warn' } })
  expect(readLogSettings(false, {})).toEqual({ ok: true, value: { form: 'json', level: 'info' } })
  const all = { WEFT_LOG: 'json', WEFT_LOG_LEVEL: 'debug' }
  expect(readLogSettings(true, all)).toEqual({ ok: true, value: { form: 'json', level: 'debug' } })
  expect(readLogSettings(true, { WEFT_LOG: 'xml' })).toMatchObject({ ok: false, code: 'request-invalid' })
  expect(readLogSettings(true, { WEFT_LOG_LEVEL: 'loud' })).toMatchObject({ ok: false, code: 'request-invalid' })
})

describe('a server', () => {
  let server: TestServer
  let client: SignalClient | null = null
  beforeEach(async () => {
    server = await startTestServer({}, { log })
  })
  afterEach(async () => {
    client?.close()
    client = null
    await server.close()
  })

  it('names each HTTP request, to who asked and in its log, and writes no path', async () => {
    const path = `/models/${encodeURIComponent(SECRET)}?q=${encodeURIComponent(SECRET)}`
    const answer = await fetch(`${server.url}${path}`, { headers: { 'x-request-id': SECRET, 'user-agent': SECRET } })
    const name = answer.headers.get('x-request-id')
    await answer.text()
    await vi.waitFor(() => expect(read().filter(({ event }) => event === 'http')).toHaveLength(1))
    expect(read().find(({ event }) => event === 'http')).toMatchObject({
      request: name,
      method: 'GET',
      route: 'models',
      status: 404,
    })
    await odder(server.url)
    await vi.waitFor(() => expect(read().filter(({ event }) => event === 'http')).toHaveLength(2))
    expect(read().findLast(({ event }) => event === 'http')).toMatchObject({ method: 'other', route: 'app' })
    expect(leaks(SECRET)).toEqual([])
  })

  it('names what a tab says by its socket, and writes nothing of it', async () => {
    let isHere = false
    client = new SignalClient({
      url: server.url,
      key: await newKey(),
      run: toBase64Url(randomBytes(16)),
      nowMs: Date.now,
      onState: ({ state }) => {
        isHere = state === 'here'
      },
      onRelayed: () => {},
    })
    await vi.waitFor(() => expect(isHere).toBe(true), { timeout: 10_000 })
    const sealed = { call: 'c'.repeat(22), kind: 'offer' as const, text: SECRET, signature: 'A'.repeat(86) }
    expect(await client.relay(client.peer.replace(/.$/, '_'), sealed)).toMatchObject({ ok: false })
    expect(await client.relay(SECRET, sealed)).toMatchObject({ ok: false, code: 'event-invalid' })
    const said = read()
    const socket = said.find(({ event }) => event === 'socket-proven')?.['socket']
    const refused = said.filter(({ event }) => event === 'event-refused')
    expect(refused.length).toBeGreaterThanOrEqual(2)
    for (const { request, code } of refused) {
      expect(String(request).startsWith(`${socket}.`)).toBe(true)
      expect(['peer-unknown', 'event-invalid']).toContain(code)
    }
    expect(leaks(SECRET)).toEqual([])
    expect(lines.join('')).not.toContain(client.peer.slice(0, 16))
  })
})

/** A method that is no method of ours. */
function odder(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'PROPFIND', path: `/${encodeURIComponent(SECRET)}` }, (answer) => {
      answer.resume().once('end', () => resolve())
    })
    asked.once('error', reject)
    asked.end()
  })
}
