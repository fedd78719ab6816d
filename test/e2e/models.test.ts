/**
 * The models of a browser in a real Chromium: downloads with pause, resume, cuts, reloads and two tabs; quota; deleting;
 * and files straight from a hub. `App` and all storage are real, no engine runs. What was fetched is counted by the server.
 */
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { manifestId } from '../../web/weights/manifest.ts'
import { CHUNK_BYTES } from '../../web/wire/limits.ts'
import { type ModelSummary, summarise } from '../../web/wire/model.ts'
import { launchChromium } from '../support/chromium.ts'
import { type MirrorModel, mirrorModel } from '../support/mirror-model.ts'
import { ModelServer } from '../support/model-server.ts'
import { entryFor, putModelsPage, putRepository } from '../support/models-app.ts'
import type { ModelsPage } from '../support/models-page.ts'

declare const models: ModelsPage

let browser: Browser
let context: BrowserContext
let model: MirrorModel
let server: ModelServer
let listed: ModelSummary[]

beforeAll(async () => {
  ;[browser, model] = await Promise.all([launchChromium(), mirrorModel()])
})
afterAll(() => browser?.close())
beforeEach(async () => {
  server = new ModelServer(model)
  listed = [model.summary]
  await putModelsPage(server)
  await server.start()
  context = await browser.newContext()
})
afterEach(async () => {
  await context.close()
  await server.stop()
})

async function tab(): Promise<Page> {
  const page = await context.newPage()
  await visit(page)
  return page
}

async function visit(page: Page): Promise<void> {
  await page.goto(server.baseUrl)
  await page.waitForFunction(() => document.title === 'ready')
}

/** A string, not a function: what a TypeScript runner adds to functions does not exist in the page. */
function call<K extends Exclude<keyof ModelsPage, 'seen'>>(
  page: Page,
  name: K,
  ...args: Parameters<ModelsPage[K]>
): Promise<Awaited<ReturnType<ModelsPage[K]>>> {
  return page.evaluate(`models[${JSON.stringify(name)}](...${JSON.stringify(args)})`)
}

const view = (page: Page) => call(page, 'view')
const downloadOf = async (page: Page) => (await view(page)).downloads[0]
const entryOf = async (page: Page, key = model.id) => (await view(page)).entries.find((entry) => entry.key === key)
const seen = (page: Page, key = model.id) => page.evaluate((of) => models.seen[of] ?? [], key)
const isKept = (page: Page, key = model.id) =>
  page.waitForFunction((of) => models.view().entries.some((entry) => entry.key === of && entry.kept), key)
const inState = (page: Page, state: string) =>
  page.waitForFunction((wanted) => models.view().downloads[0]?.state === wanted, state)
const allChunks = () => model.manifest.chunks.map((_, index) => index)
/** The last chunk is asked for and never sent; all others are here to stay. */
const allButTheLast = (page: Page) =>
  vi.waitUntil(async () => (await call(page, 'keptBytes')) === 3 * CHUNK_BYTES, { timeout: 20_000 })
const sorted = (list: readonly number[]) => [...list].sort((a, b) => a - b)

/** The mirror lists the same file once more, under this name; gives the id. */
async function catalogue(name: string): Promise<string> {
  const manifest = { ...model.manifest, name }
  const id = await manifestId(manifest)
  server.pages.set(`/models/${id}/manifest.json`, ['application/json', JSON.stringify(manifest)])
  server.alias(id)
  listed.push(summarise(id, manifest))
  const index = { models: listed, adding: [], failed: [], defaultId: model.id }
  server.pages.set('/models/index.json', ['application/json', JSON.stringify(index)])
  return id
}

async function isKeptNow(page: Page, ids: readonly string[]): Promise<readonly boolean[]> {
  const { entries } = await view(page)
  return ids.map((id) => entries.some(({ key, kept }) => key === id && kept))
}

/** Holds back what is asked for from now on; gives how to let it go. */
function shut(): () => void {
  let open = () => {}
  server.gate = new Promise((resolve) => {
    open = resolve
  })
  return () => {
    server.gate = null
    open()
  }
}

describe('a download', () => {
  it('brings a model here without an engine, each chunk once, and says what it is', async () => {
    const page = await tab()
    const before = await entryOf(page)
    expect(before).toMatchObject({ kept: false, keptBytes: 0, origin: { kind: 'mirror' }, pending: false })
    expect(before?.model).toMatchObject({ license: 'Apache-2.0', fileSha256: model.manifest.fileSha256 })
    expect(await call(page, 'download', model.id)).toEqual({ ok: true, value: null })
    await isKept(page)
    expect(sorted(server.chunks)).toEqual(allChunks())
    expect(await entryOf(page)).toMatchObject({ kept: true, keptBytes: model.file.length })
    expect((await view(page)).downloads).toEqual([])
    expect(await call(page, 'storage')).toMatchObject({ modelBytes: model.file.length })
  })

  it('of what is here is read and checked: a damaged chunk is found by its hash and fetched again', async () => {
    const page = await tab()
    await call(page, 'download', model.id)
    await isKept(page)
    await visit(page)
    await call(page, 'damage', 2)
    server.chunks.length = 0
    await call(page, 'download', model.id)
    await page.waitForFunction(() => models.view().downloads.length === 0)
    expect(await seen(page)).toContain('checking')
    expect(server.chunks).toEqual([2])
    server.chunks.length = 0
    await call(page, 'download', model.id)
    await page.waitForFunction(() => models.view().downloads.length === 0)
    expect(server.chunks).toEqual([])
  })

  it('is paused and goes on, and fetches nothing twice', async () => {
    const page = await tab()
    server.faults.set(3, ['silent'])
    await call(page, 'download', model.id)
    await allButTheLast(page)
    await call(page, 'pause', model.id)
    expect(await downloadOf(page)).toMatchObject({ state: 'paused', here: true })
    const { keptBytes } = (await entryOf(page)) ?? { keptBytes: 0 }
    expect(keptBytes).toBeGreaterThan(0)
    expect(keptBytes).toBeLessThan(model.file.length)
    server.chunks.length = 0
    expect(await call(page, 'resume', model.id)).toMatchObject({ ok: true })
    await isKept(page)
    expect(server.chunks).toEqual([3])
  })

  it('that a reload cut is shown as paused with what is here, and goes on', async () => {
    const page = await tab()
    server.faults.set(3, ['silent'])
    await call(page, 'download', model.id)
    await allButTheLast(page)
    await visit(page)
    expect(await downloadOf(page)).toMatchObject({ key: model.id, state: 'paused', totalBytes: model.file.length })
    expect((await downloadOf(page))?.doneBytes).toBe(3 * CHUNK_BYTES)
    server.chunks.length = 0
    await call(page, 'resume', model.id)
    await isKept(page)
    expect(server.chunks).toEqual([3])
  })

  it('waits while the network is gone and goes on by itself when it is back', async () => {
    const page = await tab()
    const open = shut()
    await call(page, 'download', model.id)
    await inState(page, 'fetching')
    await vi.waitUntil(() => server.busy > 0, { timeout: 20_000 })
    await context.setOffline(true)
    await inState(page, 'waiting')
    expect(await downloadOf(page)).toMatchObject({ code: 'source-unreachable' })
    open()
    await context.setOffline(false)
    await isKept(page)
    expect(await seen(page)).toContain('waiting source-unreachable')
  })

  it('waits while the server is gone, and goes on when it answers again', async () => {
    const page = await tab()
    for (const chunk of allChunks()) server.faults.set(chunk, ['busy', 'always'])
    await call(page, 'download', model.id)
    await inState(page, 'waiting')
    server.faults.clear()
    await isKept(page)
  })

  it('goes on by itself after the server was killed in the middle, and fetches nothing twice', async () => {
    const page = await tab()
    server.faults.set(3, ['silent'])
    await call(page, 'download', model.id)
    await allButTheLast(page)
    await server.stop()
    await inState(page, 'waiting')
    expect(await downloadOf(page)).toMatchObject({ code: 'source-unreachable', doneBytes: 3 * CHUNK_BYTES })
    expect(sorted(server.chunks)).toEqual(allChunks())
    server.chunks.length = 0
    await server.start()
    await isKept(page)
    expect(server.chunks).toEqual([3])
  })

  it('says how fast it is and how long it takes', async () => {
    const page = await tab()
    // Two cuts cost two waits, which is long enough to measure.
    server.faults.set(3, ['cut', 'cut'])
    await call(page, 'download', model.id)
    await isKept(page)
    const { bytesPerSecond, secondsLeft } = (await call(page, 'fastest')) ?? {}
    expect(bytesPerSecond).toBeGreaterThan(0)
    expect(secondsLeft).toBeGreaterThanOrEqual(0)
  })

  it('waits for those before it, and may leave the queue', async () => {
    const others = await Promise.all(['Second', 'Third'].map((name) => catalogue(name)))
    const ids = [model.id, ...others] as const
    const page = await tab()
    const open = shut()
    for (const id of ids) expect(await call(page, 'download', id)).toMatchObject({ ok: true })
    await inState(page, 'fetching')
    const states = async () => (await view(page)).downloads.map(({ name, state }) => [name, state])
    expect(await states()).toEqual([
      [model.manifest.name, 'fetching'],
      ['Second', 'queued'],
      ['Third', 'queued'],
    ])
    expect(await call(page, 'cancel', ids[1] ?? '')).toMatchObject({ ok: true })
    open()
    await isKept(page, ids[2])
    expect(await isKeptNow(page, ids)).toEqual([true, false, true])
    expect(server.chunks).toHaveLength(2 * allChunks().length)
    expect(sorted(server.chunks.slice(0, 4))).toEqual(allChunks())
  })

  it('is cancelled, and nothing of it stays', async () => {
    const page = await tab()
    server.faults.set(3, ['silent'])
    await call(page, 'download', model.id)
    await allButTheLast(page)
    expect(await call(page, 'cancel', model.id)).toEqual({ ok: true, value: null })
    expect((await view(page)).downloads).toEqual([])
    expect(await call(page, 'folders')).toEqual([])
    expect(await entryOf(page)).toMatchObject({ kept: false, keptBytes: 0 })
  })

  it('is shown in other tabs, which fetch nothing beside it and may pause it', async () => {
    const [one, two] = [await tab(), await tab()]
    const open = shut()
    await call(one, 'download', model.id)
    await two.waitForFunction(() => models.view().downloads[0]?.here === false)
    expect(await call(two, 'remove', model.id)).toMatchObject({ ok: false, code: 'model-in-use' })
    await call(two, 'download', model.id)
    await call(two, 'pause', model.id)
    await call(two, 'cancel', model.id)
    open()
    await isKept(one)
    await isKept(two)
    expect(sorted(server.chunks)).toEqual(allChunks())
  })

  it('of a tab that is closed in the middle is left to the others as paused', async () => {
    const [one, two] = [await tab(), await tab()]
    server.faults.set(3, ['silent'])
    await call(one, 'download', model.id)
    await two.waitForFunction(() => models.view().downloads[0]?.here === false)
    await allButTheLast(two)
    await one.close()
    await inState(two, 'paused')
    await call(two, 'resume', model.id)
    await isKept(two)
    expect(sorted(server.chunks)).toEqual(sorted([...allChunks(), 3]))
  })

  it('that fills the quota stops with the numbers, and goes on when there is room', async () => {
    const page = await tab()
    const session = await context.newCDPSession(page)
    const quota = { origin: server.baseUrl, quotaSize: 3 * CHUNK_BYTES }
    await session.send('Storage.overrideQuotaForOrigin', quota)
    await call(page, 'download', model.id)
    await inState(page, 'failed')
    expect(await downloadOf(page)).toMatchObject({ code: 'storage-full' })
    expect((await downloadOf(page))?.detail).toMatch(/^It needs \d+ MB more, there is room for \d+ MB\.$/)
    await session.send('Storage.overrideQuotaForOrigin', { origin: server.baseUrl })
    await call(page, 'resume', model.id)
    await isKept(page)
  })

  it('whose quota ends in the middle keeps what it has, and fetches only the rest when there is room', async () => {
    const page = await tab()
    const session = await context.newCDPSession(page)
    server.faults.set(3, ['silent'])
    await call(page, 'download', model.id)
    await allButTheLast(page)
    await call(page, 'pause', model.id)
    const { usedBytes } = await call(page, 'storage')
    // Room that the browser announces and does not have: the write itself has to fail.
    const quota = { origin: server.baseUrl, quotaSize: (usedBytes ?? 0) + 1_000_000 }
    await session.send('Storage.overrideQuotaForOrigin', quota)
    await call(page, 'resume', model.id)
    await inState(page, 'failed')
    expect(await downloadOf(page)).toMatchObject({ code: 'storage-full' })
    await page.waitForFunction((kept) => models.view().downloads[0]?.doneBytes === kept, 3 * CHUNK_BYTES)
    expect(await call(page, 'keptBytes')).toBe(3 * CHUNK_BYTES)
    await visit(page)
    expect(await downloadOf(page)).toMatchObject({ state: 'paused', doneBytes: 3 * CHUNK_BYTES })
    await session.send('Storage.overrideQuotaForOrigin', { origin: server.baseUrl })
    server.chunks.length = 0
    await call(page, 'resume', model.id)
    await isKept(page)
    expect(server.chunks).toEqual([3])
  })

  it('of what the mirror does not have, or sends damaged, fails by name', async () => {
    const page = await tab()
    expect(await call(page, 'download', 'f'.repeat(64))).toMatchObject({ ok: false, code: 'model-unknown' })
    server.faults.set(1, ['damaged', 'always'])
    await call(page, 'download', model.id)
    await inState(page, 'failed')
    expect(await downloadOf(page)).toMatchObject({ code: 'chunk-hash-mismatch' })
  })
})

describe('what is kept', () => {
  it('is deleted in all tabs, and the room is given back', async () => {
    const [one, two] = [await tab(), await tab()]
    await call(one, 'download', model.id)
    await isKept(two)
    expect(await call(one, 'remove', model.id)).toEqual({ ok: true, value: null })
    await two.waitForFunction(() => models.view().entries.every((entry) => entry.keptBytes === 0))
    expect(await call(one, 'folders')).toEqual([])
    expect(await call(one, 'storage')).toMatchObject({ modelBytes: 0 })
    expect(await entryOf(one)).toMatchObject({ kept: false })
  })

  it('is shown with the room there is, and asking for persistence is answered in words', async () => {
    const page = await tab()
    const storage = await call(page, 'storage')
    expect(storage.quotaBytes).toBeGreaterThan(0)
    const { granted, says } = await call(page, 'persist')
    expect({ granted, says }).toMatchObject({ granted: false, says: expect.stringMatching(/made no promise/) })
    // Browsers change their mind: with a bookmark, an installed app, or as here by a setting.
    const session = await context.newCDPSession(page)
    const { browserContextId } = (await session.send('Target.getTargetInfo')).targetInfo
    const grant = { permissions: ['durableStorage' as const], origin: server.baseUrl }
    await session.send('Browser.grantPermissions', { ...grant, ...(browserContextId ? { browserContextId } : {}) })
    expect(await call(page, 'persist')).toMatchObject({
      granted: true,
      says: expect.stringMatching(/^The browser promised/),
    })
    expect((await view(page)).storage).toMatchObject({ persisted: true })
  })
})

describe('a model by its name at a hub', () => {
  const REPO = 'weavers/noise-GGUF'
  const add = (page: Page, name: string) => call(page, 'addFromHub', name)

  async function added(page: Page, name: string): Promise<string> {
    const answer = await add(page, name)
    if (!answer.ok || answer.value.kind !== 'added') throw new Error(JSON.stringify(answer))
    return answer.value.key
  }

  const keptFromHub = (page: Page) => page.waitForFunction(() => models.view().entries.some(({ kept }) => kept))

  beforeEach(() => {
    // The mirror has nothing, so that the name leads to the hub alone.
    const empty = JSON.stringify({ models: [], adding: [], failed: [], defaultId: null })
    server.pages.set('/models/index.json', ['application/json', empty])
    putRepository(server, REPO, [entryFor(model, 'noise.gguf')])
  })

  it('is announced before a byte is fetched, comes once, and is kept under the id of its bytes', async () => {
    const page = await tab()
    const key = await added(page, REPO)
    expect(await entryOf(page, key)).toMatchObject({
      pending: true,
      origin: { kind: 'hub', repo: 'hub/weavers' },
      model: { name: 'noise', license: 'Apache-2.0', fileBytes: model.file.length },
      fit: { state: 'refused', code: 'model-incomplete' },
    })
    expect(server.chunks).toEqual([])
    expect(await call(page, 'load', key)).toMatchObject({ ok: false, code: 'model-incomplete' })
    await call(page, 'download', key)
    await keptFromHub(page)
    expect(sorted(server.chunks)).toEqual(allChunks())
    expect(await seen(page, key)).toContain('checking')
    // The very id that the mirror would give the file.
    expect(await entryOf(page)).toMatchObject({ kept: true, pending: false, origin: { kind: 'hub' } })
    expect((await view(page)).entries).toHaveLength(1)
    // And after a reload, where a damaged chunk comes again from the hub.
    await visit(page)
    expect(await entryOf(page)).toMatchObject({ kept: true })
    await call(page, 'damage', 1)
    server.chunks.length = 0
    await call(page, 'download', model.id)
    await page.waitForFunction(() => models.view().downloads.length === 0)
    expect(server.chunks).toEqual([1])
    expect(await call(page, 'remove', model.id)).toMatchObject({ ok: true })
    expect(await call(page, 'folders')).toEqual([])
  })

  it('goes on after a reload with what is here', async () => {
    const page = await tab()
    const key = await added(page, `https://huggingface.co/${REPO}/blob/main/noise.gguf`)
    server.faults.set(3, ['silent'])
    await call(page, 'download', key)
    await allButTheLast(page)
    await visit(page)
    expect(await downloadOf(page)).toMatchObject({ key, state: 'paused', name: 'noise' })
    server.chunks.length = 0
    await call(page, 'resume', key)
    await keptFromHub(page)
    expect(server.chunks).toEqual([3])
  })

  it('that is not what was announced is thrown away', async () => {
    putRepository(server, REPO, [{ ...entryFor(model, 'noise.gguf'), sha256: 'a'.repeat(64) }])
    const page = await tab()
    const key = await added(page, REPO)
    await call(page, 'download', key)
    await inState(page, 'failed')
    expect(await downloadOf(page)).toMatchObject({ code: 'source-changed' })
    expect(await call(page, 'folders')).toEqual([])
    expect((await view(page)).entries.every(({ kept }) => !kept)).toBe(true)
  })

  it('with a line that breaks comes all the same', async () => {
    const page = await tab()
    const key = await added(page, REPO)
    server.faults.set(2, ['cut', 'cut'])
    await call(page, 'download', key)
    await keptFromHub(page)
    expect(server.chunks.filter((chunk) => chunk === 2)).toHaveLength(3)
  })

  it('of several files is asked about, and each can be named', async () => {
    putRepository(server, REPO, [
      entryFor(model, 'noise.gguf'),
      { ...entryFor(model, 'noise-small.gguf'), size: 5_000 },
      { ...entryFor(model, 'big-00001-of-00002.gguf'), size: 5_000 },
    ])
    const page = await tab()
    const answer = await add(page, REPO)
    expect(answer).toMatchObject({ ok: true, value: { kind: 'choose' } })
    const files = answer.ok && answer.value.kind === 'choose' ? answer.value.files : []
    expect(files.map(({ file }) => file.path)).toEqual(['noise-small.gguf', 'noise.gguf'])
    expect(await add(page, `${REPO}/noise.gguf`)).toMatchObject({ ok: true, value: { kind: 'added' } })
  })

  it('is refused by name: nothing there, a login, no GGUF file, too large, no name at all', async () => {
    putRepository(server, 'weavers/gated', [entryFor(model, 'noise.gguf')], { gated: 'manual' })
    putRepository(server, 'weavers/pictures', [{ path: 'photo.png', size: 9, sha256: 'b'.repeat(64) }])
    putRepository(server, 'weavers/huge', [{ path: 'huge.gguf', size: 2 ** 38, sha256: 'b'.repeat(64) }])
    const page = await tab()
    const session = await context.newCDPSession(page)
    await session.send('Storage.overrideQuotaForOrigin', { origin: server.baseUrl, quotaSize: 64 * CHUNK_BYTES })
    expect(await add(page, 'weavers/nothing')).toMatchObject({ ok: false, code: 'source-missing' })
    expect(await add(page, `${REPO}/other.gguf`)).toMatchObject({ ok: false, code: 'source-missing' })
    expect(await add(page, 'weavers/gated')).toMatchObject({ ok: false, code: 'source-gated' })
    expect(await add(page, 'weavers/pictures')).toMatchObject({ ok: false, code: 'gguf-missing' })
    expect(await add(page, 'weavers/huge')).toMatchObject({ ok: false, code: 'storage-full' })
    expect(await add(page, 'one word')).toMatchObject({ ok: false, code: 'source-spec' })
  })
})
