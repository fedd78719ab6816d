/** What was done as the operator is on the disk before it is done, in order, and a line that was changed shows. */
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Audit, type AuditLine } from '../../../signal/operator/audit.ts'
import { startTestServer } from '../../support/server.ts'

const TOKEN = 'a-token-of-the-operator-0123'

let folder: string
let path: string
let nowMs: number
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-audit-'))
  path = join(folder, 'operator.jsonl')
  nowMs = 1_000
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const open = () => Audit.open(folder, () => nowMs++)
async function filled(): Promise<void> {
  const audit = await open()
  const all = [audit.record('server-started'), audit.record('audit-read', 'a'), audit.record('server-draining')]
  expect((await Promise.all(all)).every((kept) => kept.ok)).toBe(true)
  await audit.close()
}

describe('the log of the operator', () => {
  it('keeps what was done, in order, over a restart', async () => {
    await filled()
    const audit = await open()
    expect(audit.damagedAt).toBeNull()
    await audit.record('server-started')
    expect(audit.read(null, 10).map(({ number, action, subject }) => [number, action, subject])).toEqual([
      [4, 'server-started', ''],
      [3, 'server-draining', ''],
      [2, 'audit-read', 'a'],
      [1, 'server-started', ''],
    ])
    expect(audit.read(3, 1).map(({ number }) => number)).toEqual([2])
    await audit.close()
  })

  it('shows where a line was changed, taken out or put in', async () => {
    await filled()
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n')
    const [first = '', second = '', third = ''] = lines
    const changed = second.replace('"a"', '"b"')
    const cases: readonly (readonly [readonly string[], number | null])[] = [
      [lines, null],
      [[first, changed, third], 3],
      [[first, third], 2],
      [[second, third], 1],
      [[first, 'no line', second, third], 2],
      [[first, second, third, third], 4],
    ]
    for (const [kept, damagedAt] of cases) {
      await writeFile(path, `${kept.join('\n')}\n`)
      const audit = await open()
      expect(audit.damagedAt).toBe(damagedAt)
      await audit.close()
    }
  })

  it('takes off what a crash has cut, and goes on after it', async () => {
    await filled()
    await appendFile(path, '{"number":4,"atMs":1')
    const audit = await open()
    expect((await audit.record('server-started')).ok).toBe(true)
    await audit.close()
    const again = await open()
    expect([again.damagedAt, again.read(null, 1)[0]?.number]).toEqual([null, 4])
    await again.close()
  })

  it('keeps the lines after one that is no text, and takes off no more than was cut', async () => {
    await filled()
    const [first = '', second = '', third = ''] = (await readFile(path, 'utf8')).trimEnd().split('\n')
    const noText = Buffer.concat([Buffer.from(second.slice(0, -40)), Buffer.alloc(40, 0xff), Buffer.from('\n')])
    const whole = Buffer.concat([Buffer.from(`${first}\n`), noText, Buffer.from(`${third}\n`)])
    await writeFile(path, Buffer.concat([whole, Buffer.from('{"subject":"ü').subarray(0, -1)]))
    const audit = await open()
    expect(audit.damagedAt).toBe(2)
    await audit.close()
    expect(await readFile(path)).toEqual(whole)
    await writeFile(path, Buffer.alloc(200_000, 0xc3))
    const emptied = await open()
    expect((await emptied.record('server-started')).ok).toBe(true)
    expect([emptied.damagedAt, emptied.read(null, 10).length]).toEqual([null, 1])
    await emptied.close()
  })

  it('refuses what is too long to be a name, and writes nothing of it', async () => {
    const audit = await open()
    expect(await audit.record('audit-read', 'x'.repeat(10_000))).toMatchObject({ ok: false, code: 'request-invalid' })
    await audit.close()
    expect(await readFile(path, 'utf8')).toBe('')
  })
})

it('is read over HTTP by the operator alone, which is a line of it', async () => {
  const server = await startTestServer({ dataDir: folder, operatorToken: TOKEN })
  const ask = (query = '', token = TOKEN) =>
    fetch(`${server.url}/operator/audit${query}`, { headers: { authorization: `Bearer ${token}` } })
  expect((await ask('', 'wrong')).status).toBe(401)
  await (await ask()).text()
  const { lines, damagedAt } = (await (await ask()).json()) as { lines: AuditLine[]; damagedAt: number | null }
  expect([damagedAt, lines.map(({ action }) => action)]).toEqual([null, ['audit-read', 'server-started']])
  const older = (await (await ask('?before=2')).json()) as { lines: AuditLine[] }
  expect(older.lines.map(({ number }) => number)).toEqual([1])
  await server.close()
})
