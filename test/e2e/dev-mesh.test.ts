/** `npm run dev:mesh` starts what it says, says what each tab serves, and leaves nothing behind when it is told to end. */
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-dev-mesh-test-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function devMesh(args: readonly string[]) {
  const env = { ...process.env, PORT: '0', WEFT_DATA: join(folder, 'data'), TMPDIR: folder }
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/dev-mesh.ts', ...args], { cwd: root, env })
  let words = ''
  const hear = (part: Buffer) => {
    words += part.toString()
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return { child, ended, words: () => words }
}

it('two tabs serve half of the layers each, and all ends on Ctrl-C', async () => {
  const { child, ended, words } = devMesh(['2'])
  try {
    await expect.poll(words, { timeout: 180_000, interval: 100 }).toContain('All 2 tabs serve.')
    const [, url = ''] = /Weft is at (\S+)/.exec(words()) ?? []
    expect(words()).toContain('Tab 1 serves layers 1 to 6 of a tiny model.')
    expect(words()).toContain('Tab 2 serves layers 7 to 12 of a tiny model.')
    const page = await fetch(url)
    expect(await page.text()).toContain('<title>Weft</title>')
    child.kill('SIGINT')
    expect(await ended).toBe(0)
    expect(words()).toContain('Ended.')
    await expect(fetch(url)).rejects.toThrow()
    const left = await readdir(folder)
    expect(left.filter((name) => name.startsWith('weft-'))).toEqual([])
  } finally {
    if (child.exitCode === null) child.kill('SIGTERM')
  }
})

it('says what it does not understand', async () => {
  const many = devMesh(['100'])
  expect(await many.ended).toBe(2)
  expect(many.words()).toContain('"100" is no number of tabs from 1 to 8.')
})
