/**
 * A real server process on a folder, killed at random moments while tabs are paid, and started again; after each kill the ledger
 * is looked through. For `test/contract/credits-kill*.test.ts`.
 */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { expect, vi } from 'vitest'
import { openLedger } from '../../signal/ledger/database.ts'
import { fsck } from '../../signal/ledger/fsck.ts'
import { CREDIT_POLICY } from '../../web/rules/credit-policy.ts'
import { CreditMarket } from './credit-tabs.ts'
import { freePort } from './debian-service.ts'
import { KilledServer } from './killed-server.ts'
import { serverConfig } from './server-config.ts'

const ROOT = join(import.meta.dirname, '../..')
const ASKERS = 4
const WORKERS = 5
const PATIENT = { timeout: 60_000, interval: 20 }

export async function expectNothingLostByKills(kills: number): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'weft-kills-'))
  const port = await freePort()
  const server = new KilledServer(serverConfig(dataDir, { port, ledger: { kind: 'folder', dataDir } }))
  let market: CreditMarket | null = null
  try {
    await server.start()
    market = await CreditMarket.open(`http://127.0.0.1:${port}`, ASKERS, WORKERS)
    for (let kill = 0; kill < kills; kill += 1) {
      const enough = market.acknowledged.size + 5 + Math.floor(Math.random() * 40)
      const { acknowledged } = market
      await vi.waitFor(() => expect(acknowledged.size).toBeGreaterThanOrEqual(enough), PATIENT)
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 100))
      await server.end('SIGKILL')
      await expectKept(dataDir, acknowledged)
      await server.start()
    }
    await market.drained()
    expect(market.refused).toEqual([])
    expect(await market.waiting()).toBe(0)
    expect(market.acknowledged.size).toBe(market.made)
    expect(market.again).toBeGreaterThan(0)
    await server.end('SIGTERM')
    await expectKept(dataDir, market.acknowledged)
    const checked = spawnSync('npm', ['run', '-s', 'fsck'], { cwd: ROOT, env: { ...process.env, WEFT_DATA: dataDir } })
    expect({ code: checked.status, err: checked.status === 0 ? '' : String(checked.stdout) }).toEqual({
      code: 0,
      err: '',
    })
  } finally {
    market?.close()
    await server.end('SIGKILL')
    await rm(dataDir, { recursive: true, force: true })
  }
}

/** What the server has acknowledged is there, once each, and the books are right. */
async function expectKept(dataDir: string, acknowledged: ReadonlySet<string>): Promise<void> {
  const told = [...acknowledged]
  const ledger = await openLedger({ kind: 'folder', dataDir })
  if (!ledger.ok) throw new Error(ledger.code)
  const { kysely } = ledger.value
  try {
    const settled = await kysely.selectFrom('event').select('id').where('type', '=', 'settle').execute()
    const kept = new Set(settled.map(({ id }) => id))
    expect(told.filter((id) => !kept.has(id))).toEqual([])
    expect(settled.length).toBe(kept.size)
    const { rows } = await sql<{ sum: string }>`select sum(micro)::text as sum from posting`.execute(kysely)
    expect(rows).toEqual([{ sum: '0' }])
    expect(await fsck(ledger.value, CREDIT_POLICY)).toMatchObject({ ok: true })
  } finally {
    await ledger.value.close()
  }
}
