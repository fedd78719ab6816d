/**
 * Models in a real browser's storage: OPFS through sync access handles in a worker, IndexedDB, quota, several tabs, files
 * from disk, and a frame that gets no storage. What the mirror is asked for is counted by the mirror.
 */
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContext, Frame, Page } from 'playwright'
import { build } from 'vite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { manifestId } from '../../web/weights/manifest.ts'
import { CHUNK_BYTES } from '../../web/wire/limits/models.ts'
import { type Manifest, summarise, type TensorEntry } from '../../web/wire/model.ts'
import { launchChromium } from '../support/chromium.ts'
import { type MirrorModel, mirrorModel } from '../support/mirror-model.ts'
import { ModelServer } from '../support/model-server.ts'
import type { WeightsPage } from '../support/weights-page.ts'
import type { WeightsCalls } from '../support/weights-worker.ts'

declare const weights: WeightsPage

let browser: Browser
let context: BrowserContext
let model: MirrorModel
let server: ModelServer
let scripts: Map<string, string>

async function bundle(): Promise<Map<string, string>> {
  const support = join(import.meta.dirname, '../support')
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      target: 'es2023',
      rollupOptions: {
        input: [join(support, 'weights-page.ts'), join(support, 'weights-worker.ts')],
        output: { entryFileNames: '[name].js', chunkFileNames: '[name].js' },
      },
    },
  })
  const outputs = (Array.isArray(built) ? built : [built]).flatMap((one) => ('output' in one ? one.output : []))
  return new Map(outputs.map((file) => [`/${file.fileName}`, file.type === 'chunk' ? file.code : '']))
}

beforeAll(async () => {
  ;[browser, model, scripts] = await Promise.all([launchChromium(), mirrorModel(), bundle()])
})
afterAll(() => browser.close())
beforeEach(async () => {
  server = new ModelServer(model)
  for (const [path, code] of scripts) server.pages.set(path, ['text/javascript', code])
  const page = '<!doctype html><input type="file"><script type="module" src="/weights-page.js"></script>'
  server.pages.set('/', ['text/html', page])
  await server.start()
  server.pages.set('/host', [
    'text/html',
    `<iframe src="${server.baseUrl.replace('127.0.0.1', 'localhost')}/"></iframe>`,
  ])
  context = await browser.newContext()
})
afterEach(async () => {
  await context.close()
  await server.stop()
})

type Called<K extends keyof WeightsCalls> = Awaited<ReturnType<WeightsCalls[K]>>

function call<K extends keyof WeightsCalls>(page: Page | Frame, name: K, ...args: Parameters<WeightsCalls[K]>) {
  return page.evaluate(([callName, callArgs]) => weights.call(callName as never, ...(callArgs as never)), [
    name,
    args,
  ] as const) as Promise<Called<K>>
}

async function tab(): Promise<Page> {
  const page = await context.newPage()
  await load(page)
  return page
}

async function load(page: Page): Promise<void> {
  await page.goto(server.baseUrl)
  await page.waitForFunction(() => document.title === 'ready')
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const openMirror = (page: Page | Frame) => call(page, 'open', { kind: 'mirror', id: model.id, baseUrl: server.baseUrl })
const openHere = (page: Page | Frame, baseUrl: string) => call(page, 'open', { kind: 'mirror', id: model.id, baseUrl })
const fetchAll = (page: Page | Frame) => call(page, 'prefetch', 0, model.file.length)
const hashAll = (page: Page | Frame) => call(page, 'hash', 0, model.file.length)
const allChunks = () => model.manifest.chunks.map((_, index) => index)
const asked = () => server.paths.filter((path) => path.startsWith('/models/'))
const sorted = (list: readonly number[]) => [...list].sort((a, b) => a - b)

describe('a model from the mirror', () => {
  it('is fetched once, by the wanted chunks, and loads without the network ever after', async () => {
    const page = await tab()
    expect(await openMirror(page)).toMatchObject({ ok: true, id: model.id, tensors: 5 })
    expect(server.chunks).toEqual([0])
    const [, , tensor] = model.directory.tensors
    expect(await call(page, 'prefetch', tensor?.offset ?? 0, tensor?.bytes ?? 0)).toMatchObject({ ok: true })
    const wanted = sorted([...new Set(server.chunks)])
    expect(wanted.length).toBeLessThan(allChunks().length)
    expect(await call(page, 'list')).toEqual([])
    expect(await fetchAll(page)).toMatchObject({ ok: true })
    expect(sorted(server.chunks)).toEqual(allChunks())
    expect(await call(page, 'list')).toEqual([model.summary])

    await load(page)
    server.paths.length = 0
    expect(await openMirror(page)).toMatchObject({ ok: true })
    expect(await fetchAll(page)).toMatchObject({ ok: true })
    expect(await hashAll(page)).toBe(sha256(model.file))
    expect(asked()).toEqual([])
  })

  it('goes on where a closed page left off', async () => {
    const page = await tab()
    await openMirror(page)
    server.faults.set(3, ['silent'])
    const prefetch = fetchAll(page).catch(() => 'closed')
    await vi.waitUntil(() => server.chunks.length === allChunks().length, { timeout: 20_000 })
    await vi.waitUntil(() => server.busy === 1, { timeout: 20_000 })
    expect(await call(page, 'list')).toEqual([])
    await page.close()
    expect(await prefetch).toBe('closed')
    server.chunks.length = 0
    const next = await tab()
    await openMirror(next)
    expect(await fetchAll(next)).toMatchObject({ ok: true })
    expect(server.chunks).toContain(3)
    expect(server.chunks.length).toBeLessThan(allChunks().length)
    expect(await hashAll(next)).toBe(sha256(model.file))
  })

  it('stops when it is told to, and goes on later', async () => {
    const page = await tab()
    await openMirror(page)
    server.faults.set(2, ['silent'])
    const prefetch = fetchAll(page)
    await vi.waitUntil(() => server.chunks.includes(2), { timeout: 20_000 })
    await call(page, 'abort')
    expect(await prefetch).toMatchObject({ ok: false, code: 'aborted' })
    expect(await fetchAll(page)).toMatchObject({ ok: true })
    expect(await hashAll(page)).toBe(sha256(model.file))
  })

  it('that was damaged or evicted in the storage is fetched again, only there', async () => {
    const page = await tab()
    await openMirror(page)
    await fetchAll(page)
    await call(page, 'damage', 1)
    await call(page, 'evict', 3)
    server.chunks.length = 0
    await load(page)
    await openMirror(page)
    expect(await hashAll(page)).toBe(sha256(model.file))
    expect(sorted(server.chunks)).toEqual([1, 3])
    server.chunks.length = 0
    await load(page)
    await openMirror(page)
    expect(await hashAll(page)).toBe(sha256(model.file))
    expect(server.chunks).toEqual([])
  })

  it('that always arrives damaged is refused by name and not kept', async () => {
    const page = await tab()
    await openMirror(page)
    server.faults.set(1, ['damaged', 'always'])
    expect(await fetchAll(page)).toMatchObject({ ok: false, code: 'chunk-hash-mismatch' })
    server.faults.clear()
    server.chunks.length = 0
    expect(await fetchAll(page)).toMatchObject({ ok: true })
    expect(server.chunks).toContain(1)
  })

  it('of an unknown id, and one whose manifest is another, are refused', async () => {
    const page = await tab()
    const open = (id: string) => call(page, 'open', { kind: 'mirror', id, baseUrl: server.baseUrl })
    expect(await open('nothing')).toMatchObject({ code: 'model-unknown' })
    expect(await open('0'.repeat(64))).toMatchObject({ code: 'model-unknown' })
    server.pages.set(`/models/${'1'.repeat(64)}/manifest.json`, ['application/json', JSON.stringify(model.manifest)])
    expect(await open('1'.repeat(64))).toMatchObject({ code: 'manifest-invalid' })
    server.pages.set(`/models/${'2'.repeat(64)}/manifest.json`, ['text/html', '<h1>Sign in</h1>'])
    expect(await open('2'.repeat(64))).toMatchObject({ code: 'source-error-page' })
  })

  it('may list its tensors in another order, but no other tensors', async () => {
    const page = await tab()
    const offer = async (tensors: readonly TensorEntry[]) => {
      const manifest = { ...model.manifest, tensors }
      const id = await manifestId(manifest)
      server.pages.set(`/models/${id}/manifest.json`, ['application/json', JSON.stringify(manifest)])
      server.alias(id)
      return call(page, 'open', { kind: 'mirror', id, baseUrl: server.baseUrl })
    }
    expect(await offer(model.manifest.tensors.toReversed())).toMatchObject({ ok: true })
    const renamed = model.manifest.tensors.map((tensor) => ({ ...tensor, name: `${tensor.name}2` }))
    expect(await offer(renamed)).toMatchObject({ code: 'manifest-invalid' })
  })

  it('is fetched by two tabs at once, and kept', async () => {
    const [one, two] = [await tab(), await tab()]
    await Promise.all([openMirror(one), openMirror(two)])
    expect(await Promise.all([fetchAll(one), fetchAll(two)])).toMatchObject([{ ok: true }, { ok: true }])
    expect(await Promise.all([hashAll(one), hashAll(two)])).toEqual([sha256(model.file), sha256(model.file)])
    expect(await call(one, 'notice')).toBeNull()
    server.paths.length = 0
    const three = await tab()
    await openMirror(three)
    expect(await hashAll(three)).toBe(sha256(model.file))
    expect(asked()).toEqual([])
  })

  it('is read although another tab holds a chunk for writing', async () => {
    const [one, two] = [await tab(), await tab()]
    await openMirror(one)
    await call(one, 'hold', 2)
    await openMirror(two)
    expect(await fetchAll(two)).toMatchObject({ ok: true })
    expect(await hashAll(two)).toBe(sha256(model.file))
    expect(await call(two, 'notice')).toBeNull()
    await call(one, 'release')
    expect(await fetchAll(two)).toMatchObject({ ok: true })
    expect(await call(two, 'list')).toEqual([model.summary])
  })

  it('that does not fit the storage is refused with the numbers, and fits when there is room', async () => {
    const page = await tab()
    const session = await context.newCDPSession(page)
    await openMirror(page)
    const quota = { origin: server.baseUrl, quotaSize: 3 * CHUNK_BYTES }
    await session.send('Storage.overrideQuotaForOrigin', quota)
    const refused = await fetchAll(page)
    expect(refused).toMatchObject({ ok: false, code: 'storage-full' })
    expect('detail' in refused && refused.detail).toMatch(/^It needs 12 MB more, there is room for \d MB\.$/)
    expect(await call(page, 'list')).toEqual([])
    expect(await call(page, 'listKept')).toMatchObject([{ model: model.summary }])
    expect(await hashAll(page)).toBe(sha256(model.file))
    await session.send('Storage.overrideQuotaForOrigin', { origin: server.baseUrl })
    expect(await fetchAll(page)).toMatchObject({ ok: true })
    expect(await call(page, 'list')).toEqual([model.summary])
  })

  it('works in a frame that gets no storage', async () => {
    const page = await context.newPage()
    await page.goto(`${server.baseUrl}/host`)
    const frame = page.frames()[1]
    if (!frame) throw new Error('the frame is not there')
    await frame.waitForFunction(() => document.title === 'ready')
    expect(await openHere(frame, frame.url())).toMatchObject({ ok: true })
    expect(await call(frame, 'notice')).toBe('storage-denied')
    expect(await fetchAll(frame)).toMatchObject({ ok: true })
    expect(await hashAll(frame)).toBe(sha256(model.file))
    expect(await call(frame, 'list')).toEqual([])
  })
})

describe('a file from disk', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weft-weights-'))
    await writeFile(join(folder, 'noise.gguf'), model.file)
    await writeFile(join(folder, 'short.gguf'), model.file.subarray(0, 9_000_000))
    await writeFile(join(folder, 'page.gguf'), '<!doctype html><title>Sign in</title>')
  })
  afterAll(() => rm(folder, { recursive: true }))

  async function pick(page: Page, name: string, mirrorUrl?: string) {
    await page.setInputFiles('input', join(folder, name))
    return page.evaluate((url) => weights.openPicked(url), mirrorUrl)
  }

  /** The mirror lists a model of this size and shape with such a manifest, and serves it. */
  async function catalogued(manifest: Manifest): Promise<string> {
    const id = await manifestId(manifest)
    const index = { models: [summarise(id, manifest)], adding: [], failed: [], defaultId: id }
    server.pages.set('/models/index.json', ['application/json', JSON.stringify(index)])
    server.pages.set(`/models/${id}/manifest.json`, ['application/json', JSON.stringify(manifest)])
    server.alias(id)
    return id
  }
  const renamed = () => ({ ...model.manifest, name: 'Another name', license: 'MIT' })

  it('has the id of the same bytes in the mirror, and opens by it after a reload', async () => {
    const page = await tab()
    expect(await pick(page, 'noise.gguf')).toMatchObject({ ok: true, id: model.id })
    expect(await fetchAll(page)).toMatchObject({ ok: true })
    expect(await hashAll(page)).toBe(sha256(model.file))
    await load(page)
    expect(await call(page, 'list')).toEqual([model.summary])
    expect(await openMirror(page)).toMatchObject({ ok: true })
    expect(await hashAll(page)).toBe(sha256(model.file))
    expect(asked()).toEqual([])
  })

  it('that the mirror has under another name has the id and the name of the mirror', async () => {
    const id = await catalogued(renamed())
    expect(id).not.toBe(model.id)
    const page = await tab()
    expect(await pick(page, 'noise.gguf', server.baseUrl)).toMatchObject({ ok: true, id, name: 'Another name' })
    expect(await fetchAll(page)).toMatchObject({ ok: true })
    expect(server.chunks).toEqual([])
    // Kept under that id, so that the mirror's model needs no byte of the network now.
    expect(await call(page, 'open', { kind: 'mirror', id, baseUrl: server.baseUrl })).toMatchObject({ ok: true })
    expect(await hashAll(page)).toBe(sha256(model.file))
    expect(server.chunks).toEqual([])
  })

  it('that is kept under another name has its id, without the network', async () => {
    const id = await catalogued(renamed())
    const page = await tab()
    await call(page, 'open', { kind: 'mirror', id, baseUrl: server.baseUrl })
    await load(page)
    server.paths.length = 0
    expect(await pick(page, 'noise.gguf')).toMatchObject({ ok: true, id })
    expect(asked()).toEqual([])
  })

  it('that only looks like one of the mirror keeps its own id', async () => {
    const chunks = model.manifest.chunks.with(2, '0'.repeat(64))
    const id = await catalogued({ ...renamed(), chunks })
    const page = await tab()
    expect(await pick(page, 'noise.gguf', server.baseUrl)).toMatchObject({ ok: true, id: model.id })
    expect(server.paths).toContain(`/models/${id}/manifest.json`)
    await catalogued({ ...renamed(), contextLength: 1 })
    expect(await pick(page, 'noise.gguf', server.baseUrl)).toMatchObject({ ok: true, id: model.id })
    // A list that promises an id, and a manifest that is not the one of it.
    const lie = await catalogued(renamed())
    server.pages.set(`/models/${lie}/manifest.json`, ['application/json', JSON.stringify({ ...renamed(), name: 'x' })])
    expect(await pick(page, 'noise.gguf', server.baseUrl)).toMatchObject({ ok: true, id: model.id })
  })

  it('opens under its own id where the mirror is away or answers with a page', async () => {
    const page = await tab()
    expect(await pick(page, 'noise.gguf', 'http://127.0.0.1:9')).toMatchObject({ ok: true, id: model.id })
    server.pages.set('/models/index.json', ['text/html', '<h1>Sign in</h1>'])
    expect(await pick(page, 'noise.gguf', server.baseUrl)).toMatchObject({ ok: true, id: model.id })
  })

  it('that does not fit the storage is read from the disk', async () => {
    const page = await tab()
    const session = await context.newCDPSession(page)
    await session.send('Storage.overrideQuotaForOrigin', { origin: server.baseUrl, quotaSize: 6_000_000 })
    expect(await pick(page, 'noise.gguf')).toMatchObject({ ok: true })
    expect(await fetchAll(page)).toMatchObject({ ok: true })
    expect(await call(page, 'notice')).toBe('storage-full')
    expect(await hashAll(page)).toBe(sha256(model.file))
  })

  it('that is cut or no model is refused', async () => {
    const page = await tab()
    expect(await pick(page, 'short.gguf')).toMatchObject({ code: 'gguf-truncated' })
    expect(await pick(page, 'page.gguf')).toMatchObject({ code: 'gguf-not-gguf' })
    expect(await call(page, 'folders')).toEqual([])
  })

  it('can be deleted, and what a cut delete left is swept away', async () => {
    const page = await tab()
    await pick(page, 'noise.gguf')
    await fetchAll(page)
    await call(page, 'orphan', 'f'.repeat(64))
    expect(await call(page, 'remove', model.id)).toEqual({ ok: true, value: null })
    expect(await call(page, 'list')).toEqual([])
    expect(await call(page, 'folders')).toEqual([])
    expect(await call(page, 'remove', model.id)).toEqual({ ok: true, value: null })
  })
})

it('a page may ask that nothing is evicted, and gets an answer', async () => {
  const page = await tab()
  expect(await page.evaluate(() => weights.askPersistence())).toBeTypeOf('boolean')
})
