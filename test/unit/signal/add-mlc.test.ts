/** Adding an MLC model from a hub or a folder: what is taken, what is refused, what is kept, what comes next. */
import { readFile, stat, statfs, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CHUNK_BYTES, MODEL_BYTES_MAX } from '../../../web/wire/limits/models.ts'
import { parseMlcManifest } from '../../../web/wire/mlc-model.ts'
import { canonicalJson } from '../../../web/wire/model.ts'
import { EMPTY_MODULE, LIBRARY } from '../../fixtures/mlc-model.ts'
import { addMlc, folderOf, hubOf, prebuiltEntry, REPO, smallMlc, toolsOf } from './mlc-support.ts'
import { everything, openStore, serve, sha256 } from './support.ts'

const FILES = smallMlc()
const LARGE = 'params_shard_0.bin'
const SMALL = 'tokenizer_config.json'
const encoded = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const bytesOf = (path: string) => FILES.get(path) ?? new Uint8Array()
const without = (...paths: string[]) => new Map([...FILES].filter(([path]) => !paths.includes(path)))
const TAKEN = [...FILES.keys()].filter((path) => path !== 'README.md').sort()

describe('an MLC model on a hub', () => {
  it('becomes a model whose manifest names every byte of every file', async () => {
    const [store, hub] = [await openStore(), await hubOf(FILES)]
    const { result, events } = await addMlc(store, `mlc:${REPO}`, toolsOf(hub))
    if (!result.ok) throw new Error(`${result.code} ${result.detail}`)
    const { id, manifest, created } = result.value
    expect(created).toBe(true)
    expect(manifest).toMatchObject({
      name: 'Small-q4f16_1-MLC',
      license: 'Apache-2.0',
      architecture: 'llama',
      quantization: 'q4f16_1',
      parameters: (5_003_000 * 8) / 4,
      layers: 2,
      contextLength: 2048,
      requiredFeatures: ['shader-f16'],
      library: LIBRARY,
    })
    // Two layers, keys and values of two heads of 16, 2048 positions, 2 bytes each; a tenth for the rest.
    expect(manifest.vramBytes).toBe(Math.round(1.1 * (5_003_000 + 2 * 2 * 2 * 16 * 2048 * 2)))
    expect(manifest.files.map(({ path }) => path)).toEqual(TAKEN)
    for (const file of manifest.files) expect(file.sha256).toBe(sha256(bytesOf(file.path)))
    const large = manifest.files.find(({ path }) => path === LARGE)
    const chunks = [0, 1].map((n) => sha256(bytesOf(LARGE).subarray(n * CHUNK_BYTES, (n + 1) * CHUNK_BYTES)))
    expect(large?.chunks).toEqual(chunks)
    expect(manifest.totalBytes).toBe(TAKEN.reduce((sum, path) => sum + bytesOf(path).length, 0))
    expect(parseMlcManifest(JSON.parse(JSON.stringify(manifest))).ok).toBe(true)
    expect(await readFile(store.manifestPath(id), 'utf8')).toBe(canonicalJson(manifest))
    expect((await everything(store)).filter((name) => name.startsWith('.'))).toEqual([])
    expect((await readFile(store.filePath(id, `files/${LARGE}`))).equals(bytesOf(LARGE))).toBe(true)
    const last = events.findLast((event) => event.kind === 'progress')
    // All but the two files that say which others there are.
    const all = manifest.totalBytes - bytesOf('mlc-chat-config.json').length - bytesOf('tensor-cache.json').length
    expect(last).toMatchObject({ phase: 'fetch', doneBytes: all, totalBytes: all })
  })

  it('has the id that the same files in a folder have', async () => {
    const hub = await addMlc(await openStore(), `mlc:${REPO}@v1`, toolsOf(await hubOf(FILES)))
    const folder = await addMlc(await openStore(), `mlc:${await folderOf(FILES)}`, toolsOf(null))
    if (!hub.result.ok || !folder.result.ok) throw new Error('not added')
    expect(folder.result.value.id).toBe(hub.result.value.id)
  })

  it('takes its library, memory and context from the list of WebLLM', async () => {
    const [store, hub, host] = [await openStore(), await hubOf(without(LIBRARY)), await serve(EMPTY_MODULE)]
    const entry = prebuiltEntry(host.url('/libs/Small_cs1k-webgpu.wasm'), { kind: 'embedding' })
    const { result, events } = await addMlc(store, `mlc:${REPO}`, toolsOf(hub, entry))
    const totals = events.map((event) => (event.kind === 'progress' ? event.totalBytes : 0))
    expect(totals.at(-1)).toBe(Math.max(...totals.map(Number)))
    expect(result).toMatchObject({
      ok: true,
      value: {
        manifest: {
          library: 'Small_cs1k-webgpu.wasm',
          vramBytes: 123_000_000,
          contextLength: 1024,
          kind: 'embedding',
        },
      },
    })
  })

  it('goes on where it was cut: whole files stay, the cut one is asked for the rest', async () => {
    const [store, hub] = [await openStore(), await hubOf(FILES)]
    hub.manners.set(LARGE, [
      { kind: 'cut', afterBytes: 4_000_000 },
      { kind: 'cut', afterBytes: 0 },
    ])
    const first = await addMlc(store, `mlc:${REPO}`, toolsOf(hub))
    expect(first.result).toMatchObject({ ok: false, code: 'source-unreachable' })
    expect(await store.list()).toEqual([])
    hub.manners.delete(LARGE)
    hub.seen.length = 0
    await store.open()
    const { result, events } = await addMlc(store, `mlc:${REPO}`, toolsOf(hub))
    expect(result).toMatchObject({ ok: true, value: { created: true } })
    expect([...hub.fetched].sort()).toEqual([LARGE, 'params_shard_1.bin'])
    expect(hub.seen.find(({ path }) => path === `/cdn/${LARGE}`)?.range).toMatch(/^bytes=[1-9]\d*-$/)
    expect(events.some((event) => event.kind === 'progress' && event.phase === 'hash')).toBe(true)
    expect((await everything(store)).filter((name) => name.startsWith('.'))).toEqual([])
  })

  it('does not trust what an earlier try left behind', async () => {
    const [store, hub] = [await openStore(), await hubOf(FILES)]
    hub.manners.set('params_shard_1.bin', [{ kind: 'silent' }])
    await addMlc(store, `mlc:${REPO}`, { ...toolsOf(hub), answerMs: 200 })
    const [left = ''] = (await everything(store)).filter((name) => name.endsWith(`files/${LARGE}`))
    const spoiled = Buffer.from(bytesOf(LARGE))
    spoiled[7] = (spoiled[7] ?? 0) ^ 1
    await writeFile(join(store.folder, left), spoiled)
    await writeFile(join(store.folder, left, '../stranger.bin'), 'x')
    hub.manners.clear()
    const { result } = await addMlc(store, `mlc:${REPO}`, toolsOf(hub))
    if (!result.ok) throw new Error(result.detail)
    expect((await readFile(store.filePath(result.value.id, `files/${LARGE}`))).equals(bytesOf(LARGE))).toBe(true)
    expect((await everything(store)).some((name) => name.includes('stranger'))).toBe(false)
  })

  it('that is stopped keeps its part, lists nothing, and keeps others away while it runs', async () => {
    const [store, hub] = [await openStore(), await hubOf(FILES)]
    hub.manners.set(LARGE, [{ kind: 'stall', afterBytes: 4_000_000 }])
    const stop = new AbortController()
    const stalled = new Promise<void>((resolve) => {
      hub.onAnswer = resolve
    })
    const first = addMlc(store, `mlc:${REPO}`, toolsOf(hub), { signal: stop.signal })
    await stalled
    const second = await addMlc(store, `mlc:${REPO}`, toolsOf(hub))
    expect(second.result).toMatchObject({ ok: false, code: 'model-busy' })
    stop.abort()
    expect((await first).result).toMatchObject({ ok: false, code: 'aborted' })
    expect(await store.list()).toEqual([])
    hub.manners.clear()
    expect((await addMlc(store, `mlc:${REPO}`, toolsOf(hub))).result.ok).toBe(true)
  })

  it('that is here is not fetched again, and shares its shards with one that has another library', async () => {
    const [store, hub] = [await openStore(), await hubOf(FILES)]
    const first = await addMlc(store, `mlc:${REPO}`, toolsOf(hub))
    hub.seen.length = 0
    const again = await addMlc(store, `mlc:${REPO}`, toolsOf(hub))
    expect(again.result).toMatchObject({ ok: true, value: { created: false } })
    const library = join(await folderOf(new Map([['other.wasm', EMPTY_MODULE]])), 'other.wasm')
    const other = await addMlc(store, `mlc:${REPO}`, toolsOf(hub), { library })
    if (!first.result.ok || !other.result.ok) throw new Error('not added')
    expect(other.result.value.id).not.toBe(first.result.value.id)
    expect(hub.fetched).not.toContain(LARGE)
    const [one, two] = [first.result.value.id, other.result.value.id].map((id) => store.filePath(id, `files/${LARGE}`))
    expect((await stat(one ?? '')).ino).toBe((await stat(two ?? '')).ino)
    await store.remove(first.result.value.id)
    expect((await readFile(two ?? '')).equals(bytesOf(LARGE))).toBe(true)
  })

  it('with a shard that is damaged here is fetched anew', async () => {
    const [store, hub] = [await openStore(), await hubOf(FILES)]
    const first = await addMlc(store, `mlc:${REPO}`, toolsOf(hub))
    if (!first.result.ok) throw new Error(first.result.detail)
    await writeFile(store.filePath(first.result.value.id, `files/${LARGE}`), new Uint8Array(5_000_000))
    hub.seen.length = 0
    const { result } = await addMlc(store, `mlc:${REPO}`, toolsOf(hub), { name: 'Another' })
    if (!result.ok) throw new Error(result.detail)
    expect(hub.fetched).toContain(LARGE)
    expect((await readFile(store.filePath(result.value.id, `files/${LARGE}`))).equals(bytesOf(LARGE))).toBe(true)
  })
})

describe('room', () => {
  const shard = (bytes: number) => encoded({ records: [{ dataPath: LARGE, nbytes: bytes }] })

  async function announced(bytes: number) {
    const hub = await hubOf(new Map([...FILES, ['tensor-cache.json', shard(bytes)]]))
    hub.sizes.set(LARGE, bytes)
    const store = await openStore()
    const { result } = await addMlc(store, `mlc:${REPO}`, toolsOf(hub))
    expect(await everything(store)).toEqual([])
    return { result, fetched: hub.fetched }
  }

  it('is asked for before the first shard', async () => {
    const bytes = 500 * 1024 ** 3
    const disk = await statfs(tmpdir())
    const { result, fetched } = await announced(bytes)
    // On a disk that has this much room, the shard is asked for and is not what was announced.
    const fits = disk.bavail * disk.bsize > bytes
    expect(result).toMatchObject({ ok: false, code: fits ? 'source-changed' : 'disk-full' })
    expect(fetched.includes(LARGE)).toBe(fits)
  })

  it('for more than any model has is refused', async () => {
    const { result } = await announced(MODEL_BYTES_MAX)
    expect(result).toMatchObject({ ok: false, code: 'mlc-invalid' })
  })
})

describe('a hub that misbehaves', () => {
  it.each([
    ['knows no such repository', 'revision', { kind: 'status', status: 401 }, 'source-missing'],
    ['knows no such revision', 'revision', { kind: 'status', status: 404 }, 'source-missing'],
    ['is down', 'revision', { kind: 'status', status: 503 }, 'source-unreachable'],
    ['asks to wait', 'tree', { kind: 'status', status: 429 }, 'source-unreachable'],
    ['does not answer', 'tree', { kind: 'silent' }, 'source-unreachable'],
    ['breaks the line', 'tree', { kind: 'cut', afterBytes: 20 }, 'source-unreachable'],
    ['sends a page as its list', 'tree', { kind: 'page', type: 'text/html' }, 'source-error-page'],
    ['wants a login', 'revision', { kind: 'status', status: 403 }, 'source-error-page'],
    ['points out of https', 'tree', { kind: 'moved', to: 'http://example.org/list' }, 'source-unreachable'],
    ['sends a page as a shard', LARGE, { kind: 'page', type: 'text/html' }, 'source-error-page'],
    ['sends a page as settings', 'mlc-chat-config.json', { kind: 'page', type: 'text/plain' }, 'source-error-page'],
    ['has lost a file', 'tokenizer.json', { kind: 'status', status: 404 }, 'source-error-page'],
    ['has lost the library', LIBRARY, { kind: 'status', status: 404 }, 'library-missing'],
  ] as const)('and %s: nothing is added', async (_what, path, manner, code) => {
    const [store, hub] = [await openStore(), await hubOf(FILES)]
    hub.manners.set(path, [manner])
    const { result } = await addMlc(store, `mlc:${REPO}`, { ...toolsOf(hub), answerMs: 300 })
    expect(result).toMatchObject({ ok: false, code })
    expect(await store.list()).toEqual([])
    const kept = (await everything(store)).filter((name) => name.startsWith('.adding'))
    if (code !== 'source-unreachable') expect(kept).toEqual([])
  })

  it('and is not there at all', async () => {
    const { result } = await addMlc(await openStore(), `mlc:${REPO}`, toolsOf(null))
    expect(result).toMatchObject({ ok: false, code: 'source-unreachable' })
  })

  it.each([
    ['a shard by SHA-256', LARGE, Buffer.from(bytesOf(LARGE)).fill(7, 100, 101)],
    ['a shard by size', LARGE, bytesOf(LARGE).slice(0, -1)],
    ['a small file by its id', SMALL, Buffer.from(bytesOf(SMALL)).fill(' ', 20, 21)],
    ['the settings', 'mlc-chat-config.json', encoded({ model_type: 'llama', tokenizer_files: ['tokenizer.json'] })],
  ])('and lies about %s is found out', async (_what, path, lie) => {
    const [store, hub] = [await openStore(), await hubOf(FILES)]
    hub.lies.set(path, new Uint8Array(lie))
    const { result } = await addMlc(store, `mlc:${REPO}`, toolsOf(hub))
    expect(result).toMatchObject({ ok: false, code: 'source-changed', detail: expect.stringContaining(path) })
    expect(await everything(store)).toEqual([])
  })

  it('and lists its files without end, or on another host, is not followed', async () => {
    const endless = await hubOf(FILES)
    endless.filesPerPage = 0
    const first = await addMlc(await openStore(), `mlc:${REPO}`, toolsOf(endless))
    expect(first.result).toMatchObject({ ok: false, code: 'source-error-page' })
    const [hub, other] = [await hubOf(FILES), await hubOf(FILES)]
    hub.nextHost = other.url
    const second = await addMlc(await openStore(), `mlc:${REPO}`, toolsOf(hub))
    expect(second.result).toMatchObject({ ok: false, code: 'source-error-page' })
    expect(other.seen).toEqual([])
  })

  it('and names no commit is not believed', async () => {
    const hub = await hubOf(FILES)
    hub.commit = 'main'
    const { result } = await addMlc(await openStore(), `mlc:${REPO}`, toolsOf(hub))
    expect(result).toMatchObject({ ok: false, code: 'source-error-page' })
  })
})

describe('an MLC model in a folder', () => {
  const list = (records: unknown) => encoded({ metadata: {}, records })
  const shard = { dataPath: LARGE, nbytes: 5_000_000 }

  it.each([
    ['without its library', without(LIBRARY), 'library-missing', '.wasm'],
    ['with two libraries', new Map([...FILES, ['b.wasm', EMPTY_MODULE]]), 'library-missing', '--library'],
    ['with a library that is none', new Map([...FILES, [LIBRARY, encoded({})]]), 'library-missing', 'module'],
    ['without settings', without('mlc-chat-config.json'), 'source-missing', 'mlc-chat-config.json'],
    ['without a list of shards', without('tensor-cache.json'), 'source-missing', 'tensor-cache.json'],
    ['without a shard of its list', without('params_shard_1.bin'), 'source-missing', 'params_shard_1.bin'],
    ['without its tokenizer', without('tokenizer.json'), 'source-missing', 'tokenizer.json'],
    ['with a damaged shard', new Map([...FILES, [LARGE, new Uint8Array(5_000_000)]]), 'mlc-invalid', 'MD5'],
    [
      'with settings that are no JSON',
      new Map([...FILES, ['mlc-chat-config.json', EMPTY_MODULE]]),
      'mlc-invalid',
      'JSON',
    ],
    ['with settings without a type', smallMlc({ config: { model_type: 1 } }), 'mlc-invalid', 'model_type'],
    [
      'with a tokenizer nobody reads',
      smallMlc({ config: { tokenizer_files: ['a'] } }),
      'mlc-invalid',
      'tokenizer.json',
    ],
    ['with an empty list', new Map([...FILES, ['tensor-cache.json', list([])]]), 'mlc-invalid', 'lists no shards'],
    [
      'with a folder that is a file',
      new Map([...FILES, ['tensor-cache.json', list([shard, { dataPath: `${LARGE}/x`, nbytes: 1 }])]]),
      'mlc-invalid',
      'twice',
    ],
    [
      'with settings as a shard',
      new Map([
        ...FILES,
        [
          'tensor-cache.json',
          list([{ dataPath: 'mlc-chat-config.json', nbytes: bytesOf('mlc-chat-config.json').length }]),
        ],
      ]),
      'mlc-invalid',
      'one name',
    ],
    ['with a shard twice', new Map([...FILES, ['tensor-cache.json', list([shard, shard])]]), 'mlc-invalid', 'twice'],
    [
      'with a list that leads out',
      new Map([...FILES, ['tensor-cache.json', list([{ dataPath: '../../etc/passwd', nbytes: 1 }])]]),
      'mlc-invalid',
      'safe path',
    ],
  ])('%s is refused', async (_what, files, code, says) => {
    const store = await openStore()
    const { result } = await addMlc(store, `mlc:${await folderOf(files as typeof FILES)}`, toolsOf(null))
    expect(result).toMatchObject({ ok: false, code, detail: expect.stringContaining(says) })
    expect(await everything(store)).toEqual([])
  })

  it('with a file that is cut short is refused before anything is copied', async () => {
    const folder = await folderOf(FILES)
    await truncate(join(folder, LARGE), 4_000_000)
    const { result } = await addMlc(await openStore(), `mlc:${folder}`, toolsOf(null))
    expect(result).toMatchObject({ ok: false, code: 'mlc-invalid' })
    expect(!result.ok && result.detail).toContain('has 4000000 bytes, the list of shards says 5000000')
  })

  it('that is not there', async () => {
    const { result } = await addMlc(await openStore(), 'mlc:/nowhere/at-all', toolsOf(null))
    expect(result).toMatchObject({ ok: false, code: 'source-missing' })
  })

  it('is told which library the list of WebLLM has for it', async () => {
    const folder = await folderOf(without(LIBRARY))
    const entry = prebuiltEntry('https://libraries/Small.wasm', { repo: 'mlc-ai/Small-q4f16_1-MLC' })
    const { result } = await addMlc(await openStore(), `mlc:${folder}`, toolsOf(null, entry))
    expect(!result.ok && result.detail).toContain('https://libraries/Small.wasm')
  })

  it('takes a library from elsewhere, a name and a license', async () => {
    const folder = await folderOf(without(LIBRARY, 'README.md'))
    const host = await serve(EMPTY_MODULE)
    const library = host.url('/a%20b.wasm')
    const plain = await addMlc(await openStore(), `mlc:${folder}`, toolsOf(null), { library })
    expect(plain.result).toMatchObject({ value: { manifest: { license: 'unknown', library: 'library.wasm' } } })
    const named = await addMlc(await openStore(), `mlc:${folder}`, toolsOf(null), { library, name: 'N', license: 'X' })
    expect(named.result).toMatchObject({ value: { manifest: { name: 'N', license: 'X' } } })
  })

  it('whose list has its older name is kept under the newer one, which WebLLM asks for', async () => {
    const files = without('tensor-cache.json').set('ndarray-cache.json', bytesOf('tensor-cache.json') as never)
    const { result } = await addMlc(await openStore(), `mlc:${await folderOf(files)}`, toolsOf(null))
    expect(result.ok && result.value.manifest.files.map(({ path }) => path)).toEqual(TAKEN)
  })
})
