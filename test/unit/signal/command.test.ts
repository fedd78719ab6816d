/** The operator's command: its words, its exit codes, what it proves, and what a killed one leaves behind. */
import { type ChildProcess, spawn } from 'node:child_process'
import { open, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { runCommand } from '../../../signal/models/cli.ts'
import { formatBytes, formatSeconds, plain, progressBar, progressText } from '../../../signal/models/cli-view.ts'
import { takeLock } from '../../../signal/models/lock.ts'
import { Meter } from '../../../signal/models/progress.ts'
import { ModelStore } from '../../../signal/models/store.ts'
import { CHUNK_BYTES } from '../../../web/wire/limits/models.ts'
import { EMPTY_MODULE } from '../../fixtures/mlc-model.ts'
import { smallGguf } from '../../support/small-gguf.ts'
import { folderOf, smallMlc } from './mlc-support.ts'
import { add, everything, never, openStore, QUICK_TOOLS, request, serve, temporaryFolder } from './support.ts'

const LARGE = smallGguf({ rows: 36_000, name: 'Large' })
const root = join(import.meta.dirname, '../../..')

async function command(dataDir: string, args: readonly string[], columns: number | null = null) {
  let out = ''
  let err = ''
  const terminal = {
    out: (text: string) => {
      out += text
    },
    err: (text: string) => {
      err += text
    },
    columns,
  }
  const catalogue = { entries: [], defaultEntry: null }
  const code = await runCommand(args, { dataDir, catalogue, tools: QUICK_TOOLS, terminal, signal: never })
  return { code, out, err }
}

async function largeFile(): Promise<string> {
  const path = join(await temporaryFolder(), 'large.gguf')
  await writeFile(path, LARGE)
  return path
}

describe('npm run models', () => {
  it('adds, lists, verifies and removes', async () => {
    const dataDir = await temporaryFolder()
    const added = await command(dataDir, ['add', await largeFile(), '--name', 'My Model', '--license', 'MIT'])
    expect(added).toMatchObject({ code: 0, err: '' })
    const id = /[0-9a-f]{64}/.exec(added.out)?.[0] ?? ''
    expect((await command(dataDir, ['list'])).out).toMatch(
      /^id .*\n[0-9a-f]{12} +My Model +gguf +9\.3 MB +llama +2 +512 +MIT\n$/,
    )
    expect(await command(dataDir, ['verify'])).toMatchObject({ code: 0 })
    expect(await command(dataDir, ['verify', id.slice(0, 8)])).toMatchObject({ code: 0 })
    expect(await command(dataDir, ['remove', id.slice(0, 8)])).toMatchObject({ code: 0 })
    expect((await command(dataDir, ['list'])).out).toBe('No models yet.\n')
  })

  it('adds, lists, verifies and removes a model of many files', async () => {
    const dataDir = await temporaryFolder()
    const added = await command(dataDir, ['add', `mlc:${await folderOf(smallMlc())}`, '--name', 'My MLC'])
    expect(added).toMatchObject({ code: 0, err: '' })
    expect(added.out).toContain('Added My MLC, 5.0 MB, Apache-2.0')
    const id = /[0-9a-f]{64}/.exec(added.out)?.[0] ?? ''
    expect((await command(dataDir, ['list'])).out).toMatch(/ My MLC +mlc +5\.0 MB +llama +2 +2048 +Apache-2\.0\n$/)
    expect((await command(dataDir, ['verify'])).out).toContain('every byte is right')
    await writeFile(new ModelStore(dataDir).filePath(id, 'files/params_shard_1.bin'), new Uint8Array(3_000))
    const damaged = await command(dataDir, ['verify', id.slice(0, 8)])
    expect(damaged.code).toBe(1)
    expect(damaged.err).toContain('files/params_shard_1.bin: chunk 0 (bytes 0-2999) is damaged.')
    await rm(new ModelStore(dataDir).filePath(id, 'files/tokenizer.json'))
    expect((await command(dataDir, ['verify'])).err).toContain('files/tokenizer.json is missing.')
    expect((await command(dataDir, ['list'])).out).toContain('damaged, not served')
    expect(await command(dataDir, ['remove', id])).toMatchObject({ code: 0 })
    expect((await command(dataDir, ['list'])).out).toBe('No models yet.\n')
  })

  it('refuses a folder without its library with what to do, and takes it with one', async () => {
    const folder = await folderOf(smallMlc({ library: null }))
    const refused = await command(await temporaryFolder(), ['add', `mlc:${folder}`])
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('--library <path or https address>')
    expect(refused.err).toContain('[library-missing]')
    const library = join(await folderOf(new Map([['a.wasm', EMPTY_MODULE]])), 'a.wasm')
    expect(await command(await temporaryFolder(), ['add', `mlc:${folder}`, '--library', library])).toMatchObject({
      code: 0,
    })
  })

  it.each([
    [[]],
    [['add']],
    [['add', 'a.gguf', '--library', 'a.wasm']],
    [['add', 'mlc:a/b', '--library', '']],
    [['list', '--library', 'a.wasm']],
    [['add', 'a.gguf', 'b.gguf']],
    [['add', 'a.gguf', '--name', '']],
    [['add', 'a.gguf', '--what']],
    [['list', 'x']],
    [['remove']],
    [['verify', '--name', 'x']],
    [['drop', 'x']],
  ])('%j is a wrong use', async (args) => {
    const used = await command(await temporaryFolder(), args)
    expect(used).toMatchObject({ code: 2, out: '' })
    expect(used.err).toContain('Usage:')
  })

  it.each([
    [['add', 'nonsense'], 'source-spec'],
    [['add', '/nowhere/a.gguf'], 'source-missing'],
    [['add', 'mlc:nonsense'], 'source-spec'],
    [['add', 'mlc:a/b', '--library', 'http://example.org/a.wasm'], 'source-spec'],
    [['add', 'mlc:./nowhere'], 'source-missing'],
    [['remove', 'abc'], 'model-unknown'],
    [['verify', 'abc'], 'model-unknown'],
  ])('%j fails with a sentence and %s', async (args, code) => {
    const used = await command(await temporaryFolder(), args)
    expect(used.code).toBe(1)
    expect(used.err).toContain(`[${code}]`)
  })

  it('verify names the chunk that holds a flipped bit', async () => {
    const dataDir = await temporaryFolder()
    await command(dataDir, ['add', await largeFile()])
    const store = new ModelStore(dataDir)
    const [id = ''] = await store.ids()
    const file = await open(store.filePath(id, 'model.gguf'), 'r+')
    const at = CHUNK_BYTES + 17
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, at)
    byte[0] = (byte[0] ?? 0) ^ 4
    await file.write(byte, 0, 1, at)
    await file.close()
    const verified = await command(dataDir, ['verify'])
    expect(verified.code).toBe(1)
    expect(verified.err).toContain(`model.gguf: chunk 1 (bytes ${CHUNK_BYTES}-${2 * CHUNK_BYTES - 1}) is damaged.`)
    expect(verified.err).not.toContain('chunk 0')
    expect(verified.err).toContain('[model-damaged]')
  })

  it('verify and list tell of a damaged manifest, which is never served', async () => {
    const dataDir = await temporaryFolder()
    await command(dataDir, ['add', await largeFile()])
    const store = new ModelStore(dataDir)
    const [id = ''] = await store.ids()
    const text = await readFile(store.manifestPath(id), 'utf8')
    await writeFile(store.manifestPath(id), text.replace('"Large"', '"Larger"'))
    expect(await store.list()).toEqual([])
    expect((await command(dataDir, ['list'])).out).toContain('damaged')
    expect(await command(dataDir, ['verify'])).toMatchObject({ code: 1 })
  })

  it('draws one line over on a terminal', async () => {
    const { out } = await command(await temporaryFolder(), ['add', await largeFile()], 60)
    expect(out).toContain(`\r\u001b[2K${'#'.repeat(24)}  fetching  100 %`)
    for (const line of out.split(/[\r\n]/)) expect(line.replace('\u001b[2K', '').length).toBeLessThan(130)
  })
})

describe('a command that is killed', () => {
  /** The real command in its own process, stopped in the middle of a fetch whose first bytes are on disk. */
  async function fetching() {
    const server = await serve(LARGE)
    server.manners = [{ kind: 'stall', afterBytes: 5_000_000 }, { kind: 'good' }]
    const store = await openStore()
    const env = { ...process.env, WEFT_DATA: join(store.folder, '..') }
    const args = ['--import', 'tsx', 'signal/models/cli.ts', 'add', server.url()]
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'ignore', 'pipe'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    const partBytes = async () => {
      const part = (await everything(store)).find((name) => name.endsWith('.part'))
      return part ? (await stat(join(store.folder, part))).size : 0
    }
    await expect.poll(partBytes, { timeout: 30_000 }).toBeGreaterThan(0)
    return { server, store, child }
  }

  const ended = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once('exit', resolve))

  it('leaves nothing listed, and the next one goes on with its part', async () => {
    const { server, store, child } = await fetching()
    const exit = ended(child)
    child.kill('SIGKILL')
    await exit
    expect(await store.list()).toEqual([])
    await store.open()
    const { result } = await add(store, request([server.url()]))
    expect(result.ok).toBe(true)
    expect(server.seen.at(-1)?.range).toMatch(/^bytes=[1-9]\d*-$/)
    expect((await everything(store)).filter((name) => name.startsWith('.'))).toEqual([])
  }, 60_000)

  it('by Ctrl-C says so, ends with 1 and keeps its part; a second command waits its turn until then', async () => {
    const { server, store, child } = await fetching()
    expect((await add(store, request([server.url()]))).result).toMatchObject({ ok: false, code: 'model-busy' })
    let said = ''
    child.stderr?.on('data', (text: Buffer) => {
      said += text.toString()
    })
    const exit = ended(child)
    child.kill('SIGINT')
    expect(await exit).toBe(1)
    expect(said).toContain('[aborted]')
    expect((await everything(store)).some((name) => name.endsWith('.part'))).toBe(true)
    expect((await add(store, request([server.url()]))).result.ok).toBe(true)
  }, 60_000)
})

describe('the lock', () => {
  it('has one holder, and another after it was released', async () => {
    const path = join(await temporaryFolder(), 'lock')
    const first = await takeLock(path)
    expect(await takeLock(path)).toBeNull()
    await first?.release()
    await first?.release()
    const second = await takeLock(path)
    expect(second).not.toBeNull()
    await second?.release()
  })

  it('goes to exactly one of many at once', async () => {
    const path = join(await temporaryFolder(), 'lock')
    const locks = await Promise.all(Array.from({ length: 20 }, () => takeLock(path)))
    expect(locks.filter((lock) => lock !== null)).toHaveLength(1)
    await Promise.all(locks.map((lock) => lock?.release()))
  })

  it('of a dead process, of this very process id before a restart, or long untouched is taken over', async () => {
    const path = join(await temporaryFolder(), 'lock')
    for (const content of ['999999999 x', `${process.pid} x`, 'nonsense', '']) {
      await writeFile(path, content)
      const lock = await takeLock(path)
      expect(lock, content).not.toBeNull()
      await lock?.release()
    }
    await writeFile(path, `${process.ppid} x`)
    expect(await takeLock(path)).toBeNull()
    await utimes(path, 0, 0)
    const lock = await takeLock(path)
    expect(lock).not.toBeNull()
    await lock?.release()
  })
})

describe('the words of progress', () => {
  it('are sizes, shares, speeds and times that a person reads', () => {
    expect([0, 999, 1_000, 98_362_432, 999_999, 12e9].map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '98 MB',
      '1.0 MB',
      '12 GB',
    ])
    expect([0, 59.6, 61, 3_700].map(formatSeconds)).toEqual(['0 s', '1 min 0 s', '1 min 1 s', '1 h 1 min'])
    const event = { kind: 'progress', phase: 'fetch', doneBytes: 44e6, totalBytes: 98e6, bytesPerSecond: 12e6 } as const
    expect(progressText(event)).toBe('fetching  44 %  44 MB of 98 MB  12 MB/s  5 s left')
    expect(progressText({ ...event, totalBytes: null })).toBe('fetching  44 MB  12 MB/s')
    expect(progressBar(event, 40).length).toBeLessThan(40)
    expect(plain('a\u001b[31mb\nc')).toBe('a?[31mb?c')
  })

  it('speed counts what arrived, not what was there', () => {
    const meter = new Meter()
    expect(meter.add(1_000_000, 0)).toBe(0)
    expect(meter.add(1_500_000, 500)).toBe(1_000_000)
    expect(meter.add(0, 1_000)).toBe(0)
  })
})
