/** `docs/deploy/weft.service` and `weft.env`: systemd reads them without a word, and what they start is the server. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, expect, it } from 'vitest'
import { readConfig } from '../../../signal/config.ts'
import { debianBinary } from '../../support/debian-service.ts'

const ROOT = join(import.meta.dirname, '../../..')
const UNIT = join(ROOT, 'docs/deploy/weft.service')
const SETTINGS = join(ROOT, 'docs/deploy/weft.env')

let dataDir: string | null = null
afterEach(async () => {
  if (dataDir !== null) await rm(dataDir, { recursive: true, force: true })
})

/** Values of a setting of the unit, in order. */
async function unitValues(name: string): Promise<readonly string[]> {
  const text = await readFile(UNIT, 'utf8')
  return [...text.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value)
}

/** `commented`: also those that a person has to switch on. */
async function settings(commented: boolean): Promise<Record<string, string>> {
  const text = await readFile(SETTINGS, 'utf8')
  const lines = text.matchAll(commented ? /^#?([A-Z_]+)=(.*)$/gm : /^([A-Z_]+)=(.*)$/gm)
  return Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value]))
}

it('systemd has nothing to say about the unit', () => {
  const analyze = debianBinary(['/usr/bin/systemd-analyze'], 'systemd')
  const said = spawnSync(analyze, ['verify', '--man=no', UNIT], { encoding: 'utf8' })
  // Users and folders of another machine are not here.
  expect(said.stderr.split('\n').filter((line) => line.includes('weft.service'))).toEqual([])
})

it('each setting is one that the server reads', async () => {
  const all = await settings(true)
  const config = await readFile(join(ROOT, 'signal/config.ts'), 'utf8')
  for (const name of Object.keys(all)) expect(config, name).toContain(`environment['${name}']`)
  const read = readConfig({ ...all, WEFT_OPERATOR_TOKEN: 'x'.repeat(44), TURN_SECRET: 'y' })
  expect(read).toMatchObject({ ok: true, value: { host: '127.0.0.1', proxies: 1, drainMs: 30_000 } })
  const [stop = ''] = await unitValues('TimeoutStopSec')
  expect(Number(stop) * 1_000).toBeGreaterThan(read.ok ? read.value.drainMs : Number.POSITIVE_INFINITY)
})

it('what it starts answers, and ends with 0 when it is told to', async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'weft-unit-'))
  const [[command = ''], own] = [await unitValues('ExecStart'), await settings(false)]
  const [, ...words] = command.split(' ')
  const child = spawn(process.execPath, words, {
    cwd: ROOT,
    // An address that is none: no model is fetched in a test.
    env: {
      PATH: '',
      ...own,
      PORT: '0',
      WEFT_DATA: dataDir,
      WEFT_DRAIN_SECONDS: '0',
      HTTPS_PROXY: '',
      PIP_NO_INDEX: '1',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    let port = 0
    for await (const line of createInterface({ input: child.stdout })) {
      const event = JSON.parse(line) as { event: string; port?: number }
      if (event.event === 'server-started') port = event.port ?? 0
      if (port > 0) break
    }
    expect(await (await fetch(`http://127.0.0.1:${port}/readyz`)).json()).toEqual({ ok: true })
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  } finally {
    child.kill('SIGKILL')
  }
})
