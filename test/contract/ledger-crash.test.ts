/** The embedded database in a folder: what was acknowledged is there after a kill in the middle, and a second process is kept out. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openLedger } from '../../signal/ledger/database.ts'
import { fsck } from '../../signal/ledger/fsck.ts'
import { CREDIT_POLICY } from '../../web/rules/credit-policy.ts'

const KILLS = 5
const WRITER = fileURLToPath(new URL('../support/ledger-writer.ts', import.meta.url))

let dataDir: string
let child: ChildProcess | null = null
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'weft-ledger-'))
})
afterEach(async () => {
  child?.kill('SIGKILL')
  await rm(dataDir, { recursive: true, force: true })
})

/** What it says, a line each. */
function writer(run: string) {
  const started = spawn(process.execPath, ['--import', 'tsx', WRITER, dataDir, run], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child = started
  return { started, lines: createInterface({ input: started.stdout }) }
}

async function opened() {
  const ledger = await openLedger({ kind: 'folder', dataDir })
  if (!ledger.ok) throw new Error(ledger.code)
  return ledger.value
}

it('an event that was acknowledged is there after a kill, each time, and the ledger is right', async () => {
  const acknowledged: string[] = []
  for (let kill = 0; kill < KILLS; kill += 1) {
    const { started, lines } = writer(`run${kill}`)
    const enough = acknowledged.length + 40 + Math.floor(Math.random() * 300)
    for await (const line of lines) {
      acknowledged.push(line.replace('acknowledged ', ''))
      // What it still says was acknowledged before the kill, and counts.
      if (acknowledged.length === enough) started.kill('SIGKILL')
    }
    if (started.exitCode === null && started.signalCode === null) await once(started, 'exit')
    expect(started.signalCode).toBe('SIGKILL')
    const ledger = await opened()
    const rows = await ledger.kysely.selectFrom('event').select('id').execute()
    const checked = await fsck(ledger, CREDIT_POLICY)
    await ledger.close()
    const kept = new Set(rows.map(({ id }) => id))
    expect({ kill, lost: acknowledged.filter((id) => !kept.has(id)) }).toEqual({ kill, lost: [] })
    expect(checked).toMatchObject({ ok: true })
    // At most the one that was under way is there beside.
    expect(kept.size - acknowledged.length).toBeLessThanOrEqual(kill + 1)
  }
})

it('a folder that another process has open is refused, and free again when that one is gone', async () => {
  const first = await opened()
  const { lines } = writer('second')
  const [line] = (await once(lines, 'line')) as [string]
  expect(line).toBe('refused ledger-busy')
  expect(await openLedger({ kind: 'folder', dataDir })).toMatchObject({ ok: false, code: 'ledger-busy' })
  await first.close()
  await (await opened()).close()
})

it('a ledger of another version is refused, and left as it is', async () => {
  const ledger = await opened()
  await ledger.kysely.insertInto('migration').values({ name: '9999-later.sql', sha256: 'x' }).execute()
  await ledger.close()
  expect(await openLedger({ kind: 'folder', dataDir })).toMatchObject({ ok: false, code: 'ledger-newer' })
})
