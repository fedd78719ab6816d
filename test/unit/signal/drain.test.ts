/**
 * A real server process that is told to end while tabs are there: it takes no new work, what is under way goes on, and it ends
 * with 0 and its ledger closed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openLedger } from '../../../signal/ledger/database.ts'
import { SignalClient } from '../../../web/mesh/signal-client.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { parsePlanWish } from '../../../web/wire/plan-events.ts'
import type { Relayed } from '../../../web/wire/signal-events.ts'
import { newKey, randomBytes } from '../../support/room-tabs.ts'
import { serverConfig } from '../../support/server-config.ts'

const ROOT = join(import.meta.dirname, '../../..')
const LONG_MS = 600_000
const PATIENT = { timeout: 60_000, interval: 20 }

let dataDir: string
let child: ChildProcess
let url: string
const clients: SignalClient[] = []

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'weft-drain-'))
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  child.kill('SIGKILL')
  await rm(dataDir, { recursive: true, force: true })
})

async function start(drainMs: number): Promise<void> {
  const config = serverConfig(dataDir, { ledger: { kind: 'folder', dataDir }, drainMs })
  const args = ['--import', 'tsx', join(ROOT, 'test/support/server-process.ts'), JSON.stringify(config)]
  child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] })
  if (!child.stdout) throw new Error('it has an output')
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  url = line.replace('localhost', '127.0.0.1')
}

async function tab() {
  const heard: Relayed[] = []
  const state = { here: false, away: 0 }
  const client = new SignalClient({
    url,
    key: await newKey(),
    run: toBase64Url(randomBytes(16)),
    nowMs: Date.now,
    onState: (now) => {
      state.here = now.state === 'here'
      if (now.state === 'away') state.away += 1
    },
    onRelayed: (relayed) => heard.push(relayed),
  })
  clients.push(client)
  return { client, heard, state }
}

async function openTab() {
  const opened = await tab()
  await vi.waitFor(() => expect(opened.state.here).toBe(true), PATIENT)
  return opened
}

function anyPlan() {
  const wish = { modelId: 'a'.repeat(64), layers: 4, positions: 64, avoid: [], ends: null, room: null, pays: null }
  const parsed = parsePlanWish({ request: 'b'.repeat(32), ...wish })
  if (!parsed.ok) throw new Error(parsed.detail)
  return parsed.value
}

const ready = async () => {
  const answer = await fetch(`${url}/readyz`)
  return { status: answer.status, body: (await answer.json()) as unknown }
}

describe('a server that is told to end', () => {
  it('takes no new work, lets what is under way go on, and ends when all have gone', async () => {
    await start(LONG_MS)
    const [one, other] = [await openTab(), await openTab()]
    expect(await one.client.plan(anyPlan())).toMatchObject({ ok: false, code: 'no-holder' })
    expect((await ready()).status).toBe(200)
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await vi.waitFor(
      async () => expect(await ready()).toMatchObject({ status: 503, body: { code: 'server-draining' } }),
      PATIENT,
    )
    await vi.waitFor(
      async () => expect(await one.client.plan(anyPlan())).toMatchObject({ ok: false, code: 'signal-away' }),
      PATIENT,
    )
    // Who is linking, links; who is to be paid, is paid.
    const sealed = { call: 'c'.repeat(22), kind: 'offer' as const, text: 'v=0', signature: 'A'.repeat(86) }
    expect(await one.client.relay(other.client.peer, sealed)).toMatchObject({ ok: true })
    await vi.waitFor(() => expect(other.heard).toHaveLength(1), PATIENT)
    expect(await one.client.credit({ kind: 'wallet' })).toMatchObject({ ok: true })
    const late = await tab()
    await vi.waitFor(() => expect(late.state.away).toBeGreaterThan(0), PATIENT)
    expect([late.state.here, one.state, other.state]).toEqual([false, { here: true, away: 0 }, { here: true, away: 0 }])
    for (const client of clients.splice(0)) client.close()
    expect(await ended).toEqual([0, null])
    await expectClosedLedger()
  }, 120_000)

  it('ends when its time is over, whoever is there', async () => {
    await start(1)
    const { state } = await openTab()
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
    await vi.waitFor(() => expect(state.away).toBeGreaterThan(0), PATIENT)
    await expectClosedLedger()
  }, 120_000)
})

/** Its folder belongs to nobody, and opens. */
async function expectClosedLedger(): Promise<void> {
  const ledger = await openLedger({ kind: 'folder', dataDir })
  if (!ledger.ok) throw new Error(ledger.code)
  await ledger.value.close()
}
