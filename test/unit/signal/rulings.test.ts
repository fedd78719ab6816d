/**
 * The operator rules by HTTP, and real tabs of a real server follow: who is under a sanction is refused, or sent away where it is here,
 * and comes no more by itself; what is announced reaches everybody. All of it is in the log of the operator, and lasts over a restart.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { DeviceKey } from '../../../web/account/device-key.ts'
import { SignalClient, type SignalState } from '../../../web/mesh/signal-client.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { ANNOUNCEMENTS_MAX } from '../../../web/wire/limits/operator.ts'
import {
  parseAudit,
  parseJobs,
  parseNow,
  parsePeers,
  parseRooms,
  parseRules,
} from '../../../web/wire/operator-views.ts'
import {
  type Announcement,
  parseKeptAnnouncements,
  parseKeptSanctions,
  type Sanction,
} from '../../../web/wire/rulings.ts'
import { newKey, randomBytes } from '../../support/room-tabs.ts'
import { startTestServer, type TestServer } from '../../support/server.ts'

const TOKEN = 'a-token-of-the-operator-0123'
const PATIENT = { timeout: 30_000, interval: 20 }
const HOUR_MS = 3_600_000

let dataDir: string
let server: TestServer
const clients: SignalClient[] = []

const start = () => startTestServer({ dataDir, operatorToken: TOKEN, ledger: { kind: 'folder', dataDir } })

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'weft-rulings-'))
  server = await start()
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await server.close()
  await rm(dataDir, { recursive: true, force: true })
})

async function ask(path: string, body?: unknown) {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  const sent = body === undefined ? { headers } : { headers, method: 'POST', body: JSON.stringify(body) }
  const answer = await fetch(`${server.url}/operator/${path}`, sent)
  return { status: answer.status, value: (await answer.json()) as unknown }
}

function tab(key: DeviceKey) {
  const seen = { states: [] as SignalState[], announcements: [] as readonly Announcement[] }
  const client = new SignalClient({
    url: server.url,
    key,
    run: toBase64Url(randomBytes(16)),
    nowMs: Date.now,
    onState: (state) => seen.states.push(state),
    onRelayed: () => {},
    onAnnouncements: (announcements) => {
      seen.announcements = announcements
    },
  })
  clients.push(client)
  return { client, seen, last: () => seen.states.at(-1) }
}

async function here(key: DeviceKey) {
  const one = tab(key)
  await vi.waitFor(() => expect(one.last()).toEqual({ state: 'here' }), PATIENT)
  return one
}

const isSentAway = (one: ReturnType<typeof tab>, says: string) =>
  vi.waitFor(() => {
    const last = one.last()
    expect(last).toMatchObject({ state: 'away', final: true, reason: { code: 'sanctioned' } })
    expect(last?.state === 'away' && last.reason.detail).toContain(says)
  }, PATIENT)

describe('a sanction', () => {
  it('sends a tab away that is here, with the reason, keeps it out over a restart, and is lifted', async () => {
    const [key, other] = [await newKey(), await newKey()]
    const [bad, good] = [await here(key), await here(other)]
    const made = await ask('sanctions', { subject: key.name, reason: 'It floods rooms.', untilMs: null })
    expect(made.status).toBe(200)
    await isSentAway(bad, 'For good: It floods rooms.')
    expect(good.last()).toEqual({ state: 'here' })
    await vi.waitFor(() => expect(server.server.hub.roster.size).toBe(1), PATIENT)
    // What it asks from now on is refused by the same reason, without a new try.
    expect(await bad.client.credit({ kind: 'puzzle' })).toMatchObject({ code: 'sanctioned' })

    await isSentAway(tab(key), 'It floods rooms.')

    good.client.close()
    await server.close()
    server = await start()
    await isSentAway(tab(key), 'It floods rooms.')
    await here(other)

    const listed = parseKeptSanctions((await ask('sanctions')).value)
    expect(listed).toMatchObject({ ok: true, value: { rows: [{ subject: key.name, liftedMs: null }], total: 1 } })
    const { id } = made.value as Sanction
    expect((await ask(`sanctions/${id}/lift`, {})).status).toBe(200)
    expect(await ask(`sanctions/${id}/lift`, {})).toMatchObject({ status: 404, value: { code: 'ruling-unknown' } })
    await here(key)
  })

  it('ends by itself', async () => {
    const key = await newKey()
    await ask('sanctions', { subject: key.name, reason: '', untilMs: Date.now() + 1_500 })
    await isSentAway(tab(key), 'Until ')
    await vi.waitFor(async () => {
      const one = tab(key)
      await vi.waitFor(() => expect(one.last()).toEqual({ state: 'here' }), { timeout: 1_000, interval: 20 })
    }, PATIENT)
  })

  it('is refused where it says nothing that can be done, and nothing of it is kept', async () => {
    const [key, past] = [await newKey(), Date.now() - 1]
    expect((await ask('sanctions', { subject: 'nobody', reason: '', untilMs: null })).status).toBe(400)
    expect((await ask('sanctions', { subject: key.name, reason: '', untilMs: past })).status).toBe(400)
    expect(parseKeptSanctions((await ask('sanctions')).value)).toEqual({ ok: true, value: { rows: [], total: 0 } })
    await here(key)
  })

  it('is written down before it is done, with whom it is about and without its reason', async () => {
    const key = await newKey()
    const made = await ask('sanctions', { subject: key.name, reason: 'A secret reason.', untilMs: null })
    await ask(`sanctions/${(made.value as Sanction).id}/lift`, {})
    const text = await readFile(join(dataDir, 'operator.jsonl'), 'utf8')
    expect(text).not.toContain('secret')
    const audit = parseAudit((await ask('audit')).value)
    expect(audit.ok && audit.value.lines.map(({ action, subject }) => [action, subject]).slice(0, 2)).toEqual([
      ['sanction-lifted', (made.value as Sanction).id],
      ['sanction-made', key.name],
    ])
  })
})

describe('an announcement', () => {
  it('reaches who is here and who comes later, until it is ended', async () => {
    const one = await here(await newKey())
    const wish = { level: 'warning', text: 'A restart at noon.', untilMs: Date.now() + HOUR_MS }
    const { id } = (await ask('announcements', wish)).value as Announcement
    await vi.waitFor(() => expect(one.seen.announcements).toEqual([{ id, ...wish }]), PATIENT)
    const late = await here(await newKey())
    await vi.waitFor(() => expect(late.seen.announcements).toEqual([{ id, ...wish }]), PATIENT)
    expect((await ask(`announcements/${id}/end`, {})).status).toBe(200)
    await vi.waitFor(() => expect([one.seen.announcements, late.seen.announcements]).toEqual([[], []]), PATIENT)
    const kept = parseKeptAnnouncements((await ask('announcements')).value)
    expect(kept.ok && kept.value.map(({ endedMs }) => endedMs === null)).toEqual([false])
  })

  it('is one of a few', async () => {
    const wish = { level: 'note', text: 'One of many.', untilMs: Date.now() + HOUR_MS }
    const made = []
    for (let count = 0; count <= ANNOUNCEMENTS_MAX; count += 1) made.push((await ask('announcements', wish)).status)
    expect(made).toEqual([...Array(ANNOUNCEMENTS_MAX).fill(200), 400])
    const one = await here(await newKey())
    await vi.waitFor(() => expect(one.seen.announcements).toHaveLength(ANNOUNCEMENTS_MAX), PATIENT)
  })
})

describe('what the operator looks at', () => {
  it('parses, counts who is here and finds them by their key', async () => {
    const keys = [await newKey(), await newKey()]
    for (const key of keys) await here(key)
    const now = parseNow((await ask('now')).value)
    expect(now).toMatchObject({ ok: true, value: { peers: 2, connected: 2, rooms: 0, draining: false } })
    const all = parsePeers((await ask('peers')).value)
    expect(all.ok && all.value.rows.map(({ key }) => key).sort()).toEqual(keys.map(({ name }) => name).sort())
    const found = parsePeers((await ask(`peers?search=${encodeURIComponent(keys[1]?.name ?? '')}`)).value)
    expect(found).toMatchObject({ ok: true, value: { total: 1, rows: [{ key: keys[1]?.name, held: [] }] } })
    const second = parsePeers((await ask('peers?from=1')).value)
    expect(second.ok && [second.value.rows.length, second.value.total]).toEqual([1, 2])
    expect(parseJobs((await ask('jobs')).value)).toEqual({ ok: true, value: { rows: [], total: 0 } })
    expect(parseRooms((await ask('rooms')).value)).toEqual({ ok: true, value: { rows: [], total: 0 } })
  })

  it('has the rules in force, and no secret of the settings', async () => {
    const rules = parseRules((await ask('policy')).value)
    expect(rules.ok && rules.value.map(({ title }) => title)).toEqual([
      'Credits, policy 2',
      'Rates',
      'Limits',
      'Settings',
    ])
    expect(JSON.stringify(rules)).not.toContain(TOKEN)
    expect(JSON.stringify(rules)).not.toContain(dataDir)
  })

  it('is for nobody else', async () => {
    for (const path of ['now', 'peers', 'jobs', 'rooms', 'policy', 'sanctions', 'announcements']) {
      const answer = await fetch(`${server.url}/operator/${path}`)
      expect([path, answer.status]).toEqual([path, 401])
    }
    const sent = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }
    expect((await fetch(`${server.url}/operator/sanctions`, sent)).status).toBe(401)
  })
})
