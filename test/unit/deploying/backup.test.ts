/** `docs/deploy/backup.sh` and the ledger's command as a person runs them, beside a real PostgreSQL and with the embedded ledger. */
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { openLedger } from '../../../signal/ledger/database.ts'
import { Journal } from '../../../signal/ledger/journal.ts'
import type { LedgerPlace } from '../../../signal/ledger/place.ts'
import { CREDIT_POLICY } from '../../../web/rules/credit-policy.ts'
import { Postgres } from '../../support/postgres.ts'

const ROOT = join(import.meta.dirname, '../../..')
const SCRIPT = join(ROOT, 'docs/deploy/backup.sh')
const GIVEN = 50_000_000n

let server: Postgres
let folder: string
beforeAll(async () => {
  server = await Postgres.start()
})
afterAll(() => server?.close())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-backup-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function opened<T>(place: LedgerPlace, use: (journal: Journal) => Promise<T>): Promise<T> {
  const ledger = await openLedger(place)
  if (!ledger.ok) throw new Error(ledger.code)
  const used = await use(new Journal(ledger.value, CREDIT_POLICY))
  await ledger.value.close()
  return used
}

/** A ledger with something in it, and a data folder with a model and an account. */
async function fill(place: LedgerPlace, dataDir: string): Promise<void> {
  await mkdir(join(dataDir, 'models'), { recursive: true })
  await writeFile(join(dataDir, 'models/weights'), 'large')
  await writeFile(join(dataDir, 'accounts.jsonl'), '{}\n')
  const grant = { type: 'grant', device: 'device', owner: 'alice', micro: GIVEN, forMs: 1_000 } as const
  const atMs = CREDIT_POLICY.epochZeroMs
  await opened(place, async (journal) => expect(await journal.post({ ...grant, atMs })).toMatchObject({ ok: true }))
}

function run(command: string, words: readonly string[], settings: Readonly<Record<string, string>>) {
  const said = spawnSync(command, words, {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, ...settings },
    timeout: 60_000,
  })
  return { status: said.status, text: `${said.stdout}${said.stderr}` }
}

const balance = (place: LedgerPlace) => opened(place, async (journal) => (await journal.balance('alice'))?.user)

async function newest(): Promise<string> {
  const names = await readdir(join(folder, 'backups'))
  return join(folder, 'backups', names.sort().at(-1) ?? '')
}

it('of a ledger on PostgreSQL comes back by `pg_restore` and `tar`, and models are left out', async () => {
  const [url, dataDir] = [await server.fresh(), join(folder, 'data')]
  await fill({ kind: 'server', url }, dataDir)
  const settings = { DATABASE_URL: url, WEFT_DATA: dataDir }
  expect(run(SCRIPT, [join(folder, 'backups')], settings)).toMatchObject({ status: 0 })
  const backup = await newest()
  expect(run('sh', ['-c', `cd ${backup} && sha256sum --check SHA256SUMS`], {})).toMatchObject({ status: 0 })
  const again = await server.fresh()
  expect(run('pg_restore', [`--dbname=${again}`, join(backup, 'ledger.pgdump')], {})).toMatchObject({ status: 0 })
  expect(await balance({ kind: 'server', url: again })).toBe(GIVEN)
  expect(
    run('tar', ['-tzf', join(backup, 'data.tar.gz')], {})
      .text.split('\n')
      .sort(),
  ).toEqual(['', './', './accounts.jsonl'])
})

it('of an embedded ledger comes back by `tar`; while it is open there is none, and old ones go', async () => {
  const dataDir = join(folder, 'data')
  await fill({ kind: 'folder', dataDir }, dataDir)
  const settings = { DATABASE_URL: '', WEFT_DATA: dataDir, WEFT_BACKUPS: '1' }
  const refused = await opened({ kind: 'folder', dataDir }, async () =>
    run(SCRIPT, [join(folder, 'backups')], settings),
  )
  expect(refused.status).not.toBe(0)
  expect(refused.text).toContain('ledger-busy')
  await mkdir(join(folder, 'backups/weft-20200101T000000Z'), { recursive: true })
  expect(run(SCRIPT, [join(folder, 'backups')], settings)).toMatchObject({ status: 0 })
  expect(await readdir(join(folder, 'backups'))).toHaveLength(1)
  const again = join(folder, 'again')
  await mkdir(again)
  expect(run('tar', ['-xzf', join(await newest(), 'data.tar.gz'), '-C', again], {})).toMatchObject({ status: 0 })
  expect(await balance({ kind: 'folder', dataDir: again })).toBe(GIVEN)
})

it('a ledger moves from the folder to PostgreSQL by the two commands', async () => {
  const dataDir = join(folder, 'data')
  await fill({ kind: 'folder', dataDir }, dataDir)
  const [url, file] = [await server.fresh(), join(folder, 'ledger.lines')]
  const command = (word: string, settings: Readonly<Record<string, string>>) =>
    run('npm', ['run', '--silent', 'ledger', '--', word, file], settings)
  expect(command('backup', { DATABASE_URL: '', WEFT_DATA: dataDir })).toMatchObject({ status: 0 })
  expect(command('restore', { DATABASE_URL: url })).toMatchObject({ status: 0 })
  expect(await balance({ kind: 'server', url })).toBe(GIVEN)
})
