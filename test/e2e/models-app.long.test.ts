/**
 * The models of a browser in the built app: real server and mirror, real engines, one played hub at the address of the real
 * one. What comes here by `App.models` is what both engines then run. How downloads go wrong stands in `models.test.ts`.
 */
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { EngineName } from '../../web/wire/chat.ts'
import { CHUNK_BYTES } from '../../web/wire/limits/models.ts'
import { text, u32 } from '../fixtures/gguf-writer.ts'
import { EMPTY_MODULE, LIBRARY, mlcModel } from '../fixtures/mlc-model.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { type AppServer, ask, serveModels, streamedAtLeast } from '../support/app-page.ts'
import { buildVersion } from '../support/app-versions.ts'
import { launchBlockedBrowser } from '../support/blocked-browser.ts'
import { launchChromium } from '../support/chromium.ts'
import type { HubServer } from '../support/hub-server.ts'
import { addMlcFolder } from '../support/mlc-folder.ts'
import { playHub, routeToHub } from '../support/played-hub.ts'
import { startTestServer } from '../support/server.ts'

const HELLO = { content: 'Tell me about warp and weft.', maxTokens: 24 }
const REPO = 'weavers/tiny-GGUF'
/** One layer of wide numbers: two chunks, and little to compute. */
const wide = (seed: number) =>
  tinyModel({ architecture: 'llama', types: 'F32', seed, layers: 1, width: 256, ffn: 1_536, contextLength: 1_024 })
/** A name that no engine of ours knows. */
const strange = () =>
  tinyModel({
    architecture: 'llama',
    types: 'Q8_0',
    seed: 9,
    metadata: {
      'general.architecture': text('loom'),
      'loom.block_count': u32(3),
      'loom.context_length': u32(512),
    },
  })

let built: Awaited<ReturnType<typeof buildVersion>>
let server: AppServer
let mlcId: string
let browser: Browser
let context: BrowserContext
/** Byte ranges of weights that were asked for, of the mirror and of the hub. */
let ranges: string[]

beforeAll(async () => {
  built = await buildVersion('models')
  server = await serveModels({ wide: wide(5), strange: strange() }, built.appDir)
  mlcId = await addMlcFolder(mlcModel({ seed: 30 }), server.dataDir)
})
afterAll(async () => {
  await server?.close()
  await built?.remove()
})
beforeEach(async () => {
  browser = await launchChromium()
  context = await browser.newContext()
  ranges = []
  context.on('request', (request) => {
    const { range } = request.headers()
    if (range !== undefined && request.url().endsWith('.gguf')) ranges.push(range)
  })
})
afterEach(() => browser.close())

const wideId = () => server.ids[0] ?? ''
const strangeId = () => server.ids[1] ?? ''

async function open(query = '?engine=stage', at = context): Promise<Page> {
  const page = await at.newPage()
  await page.goto(`${server.url}/${query}`)
  await page.waitForFunction(() => testApp.view.entries.length > 0)
  return page
}

const download = (page: Page, key: string) => page.evaluate((of) => testApp.models.download(of), key)
const isKept = (page: Page, key: string) =>
  page.waitForFunction((of) => testApp.view.entries.some((entry) => entry.key === of && entry.kept), key)
const entryOf = (page: Page, key: string) =>
  page.evaluate((of) => testApp.view.entries.find((entry) => entry.key === of) ?? null, key)
const load = (page: Page, key: string) => page.evaluate((of) => testApp.load(of), key)
const chunksOf = (bytes: number) => Math.ceil(bytes / CHUNK_BYTES)

/** Three wrong bytes in a chunk that is kept, as a disk may make them. */
async function damage(page: Page, id: string, chunk: number): Promise<void> {
  await page.evaluate(
    async ([folder, name]) => {
      const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('weft-models')
      const file = await (await root.getDirectoryHandle(folder)).getFileHandle(name)
      const writable = await file.createWritable({ keepExistingData: true })
      await writable.write({ type: 'write', position: 1_000, data: new Uint8Array([1, 2, 3]) })
      await writable.close()
    },
    [id, String(chunk)] as const,
  )
}

describe('a model of the mirror', () => {
  it('comes without being loaded, and answers without the network', async () => {
    const page = await open()
    expect(await download(page, wideId())).toMatchObject({ ok: true })
    await isKept(page, wideId())
    const { fileBytes } = (await entryOf(page, wideId()))?.model ?? { fileBytes: 0 }
    expect(ranges).toHaveLength(chunksOf(fileBytes))
    expect(new Set(ranges).size).toBe(ranges.length)
    await expect.poll(() => page.evaluate(() => testApp.view.load.state)).toBe('none')
    ranges.length = 0
    expect(await ask(page, { ...HELLO, model: wideId() })).toMatchObject({ engine: 'stage', code: null })
    expect(ranges).toEqual([])
  })

  it('with a damaged chunk is mended as it is loaded: that chunk is found by its hash and fetched again', async () => {
    const page = await open()
    const whole = await ask(page, { ...HELLO, model: wideId() })
    const fetched = ranges.length
    expect(whole).toMatchObject({ engine: 'stage', code: null })
    await damage(page, wideId(), 0)
    await page.reload()
    await isKept(page, wideId())
    const again = await ask(page, { ...HELLO, model: wideId() })
    expect(again).toMatchObject({ text: whole.text, code: null })
    expect(ranges.slice(fetched)).toEqual([`bytes=0-${CHUNK_BYTES - 1}`])
    await page.reload()
    expect(await ask(page, { ...HELLO, model: wideId() })).toMatchObject({ text: whole.text })
    expect(ranges).toHaveLength(fetched + 1)
  })

  it('is let go of in all tabs when it is removed, and not while it answers', async () => {
    const [one, two] = [await open(), await open()]
    expect(await load(one, wideId())).toMatchObject({ ok: true })
    expect(await load(two, wideId())).toMatchObject({ ok: true })
    const remove = () => one.evaluate((key) => testApp.models.remove(key), wideId())
    const answer = ask(one, { ...HELLO, maxTokens: 120, model: wideId() })
    await streamedAtLeast(one, 1)
    expect(await remove()).toMatchObject({ ok: false, code: 'model-in-use' })
    await answer
    expect(await remove()).toEqual({ ok: true, value: null })
    for (const tab of [one, two]) {
      await tab.waitForFunction(() => testApp.view.load.state === 'none')
      await tab.waitForFunction(() => testApp.view.entries.every(({ keptBytes }) => keptBytes === 0))
    }
    expect(await one.evaluate(() => testApp.models.storage())).toMatchObject({ modelBytes: 0 })
    ranges.length = 0
    expect(await ask(two, { ...HELLO, model: wideId() })).toMatchObject({ code: null })
    expect(ranges.length).toBeGreaterThan(0)
  })
})

describe('a model by its name at the hub', () => {
  let hub: HubServer
  const file = wide(6)

  beforeEach(async () => {
    const readme = new TextEncoder().encode('# Tiny models')
    const names = ['README.md', 'a.txt', 'b.txt', 'c.txt', 'd.txt']
    // On the second page of the list.
    const files = new Map<string, Uint8Array<ArrayBuffer>>(names.map((name) => [name, readme]))
    hub = await playHub(
      REPO,
      files
        .set('tiny-Q8_0.gguf', file)
        .set('tiny-Q4_0.gguf', tinyModel({ architecture: 'llama', types: 'Q4_0', seed: 6 })),
    )
    await routeToHub(context, hub)
  })
  afterEach(() => hub.stop())

  const add = (page: Page, name: string) => page.evaluate((of) => testApp.models.addFromHub(of), name)

  it('comes straight from there, checked, and runs on the stage engine and on the CPU without the hub', async () => {
    const page = await open()
    const several = await add(page, REPO)
    const paths = several.ok && several.value.kind === 'choose' ? several.value.files.map((one) => one.file.path) : []
    expect(paths).toEqual(['tiny-Q4_0.gguf', 'tiny-Q8_0.gguf'])
    const added = await add(page, `https://huggingface.co/${REPO}/blob/main/tiny-Q8_0.gguf`)
    const key = added.ok && added.value.kind === 'added' ? added.value.key : ''
    await expect
      .poll(() => entryOf(page, key))
      .toMatchObject({
        pending: true,
        origin: { kind: 'hub', host: 'huggingface.co', repo: REPO },
        model: { license: 'Apache-2.0', fileBytes: file.length },
      })
    expect(await download(page, key)).toMatchObject({ ok: true })
    const kept = () =>
      page.evaluate(
        (size) => testApp.view.entries.find((one) => one.kept && one.model.fileBytes === size)?.key,
        file.length,
      )
    const id = await vi.waitUntil(async () => (await kept()) ?? '', { timeout: 30_000 })
    expect(ranges).toHaveLength(chunksOf(file.length))
    hub.repos.clear()
    ranges.length = 0
    for (const engine of ['stage', 'cpu'] as const satisfies readonly EngineName[]) {
      await page.evaluate((name) => testApp.pickEngine(name), engine)
      expect(await load(page, id)).toMatchObject({ ok: true, value: { engine, id } })
      const answer = await ask(page, { ...HELLO, model: id })
      expect(answer).toMatchObject({ engine, code: null })
      expect(answer.completionTokens).toBeGreaterThan(0)
    }
    expect(ranges).toEqual([])
  })

  it('that is not what the hub announced is thrown away, and no engine reads it', async () => {
    const other = file.slice()
    other[4_500_000] = (other[4_500_000] ?? 0) ^ 1
    hub.lies.set('tiny-Q8_0.gguf', other)
    const page = await open()
    const added = await add(page, `${REPO}/tiny-Q8_0.gguf`)
    const key = added.ok && added.value.kind === 'added' ? added.value.key : ''
    await download(page, key)
    await page.waitForFunction(() => testApp.view.downloads[0]?.state === 'failed')
    await expect.poll(() => page.evaluate(() => testApp.view.downloads[0]?.code)).toBe('source-changed')
    expect(await load(page, key)).toMatchObject({ ok: false, code: 'model-incomplete' })
    expect(await page.evaluate(() => testApp.models.storage())).toMatchObject({ modelBytes: 0 })
  })
})

describe('an MLC model', () => {
  const listed = 'SmolLM2-135M-Instruct-q0f32-MLC'
  const whole = async (page: Page, key: string) => {
    expect(await download(page, key)).toMatchObject({ ok: true })
    await isKept(page, key)
    const entry = await entryOf(page, key)
    expect(entry?.keptBytes).toBe(entry?.model.fileBytes)
  }
  const removed = async (page: Page, key: string) => {
    expect(await page.evaluate((of) => testApp.models.remove(of), key)).toEqual({ ok: true, value: null })
    expect((await entryOf(page, key))?.keptBytes).toBe(0)
  }

  it('of the mirror comes whole without being loaded, is checked when it is asked for again, and is removed', async () => {
    const asked: string[] = []
    context.on('request', (request) => {
      if (request.url().includes('/files/')) asked.push(request.url() + request.headers()['range'])
    })
    const page = await open('')
    await whole(page, mlcId)
    expect(new Set(asked).size).toBe(asked.length)
    const fetched = asked.length
    await damage(page, mlcId, 0)
    await download(page, mlcId)
    await page.waitForFunction(() => testApp.view.downloads.length === 0)
    expect(asked).toHaveLength(fetched + 1)
    await removed(page, mlcId)
  })

  it("of WebLLM's own list comes from the hub, all pages of its list, each file once", async () => {
    const model = mlcModel({ seed: 31 })
    const files = new Map([...model.files].filter(([path]) => path !== LIBRARY))
    const hub = await playHub(`mlc-ai/${listed}`, files)
    try {
      await routeToHub(context, hub)
      const headers = { 'access-control-allow-origin': '*' }
      await context.route('https://raw.githubusercontent.com/**', (route) =>
        route.fulfill({ body: Buffer.from(EMPTY_MODULE), headers }),
      )
      const page = await open('')
      await page.waitForFunction((name) => testApp.view.entries.some(({ key }) => key === `mlc:${name}`), listed)
      await whole(page, `mlc:${listed}`)
      expect([...hub.fetched].sort()).toEqual([...files.keys()].sort())
      expect(hub.seen.filter(({ path }) => path.includes('/tree/')).length).toBeGreaterThan(1)
      await removed(page, `mlc:${listed}`)
    } finally {
      await hub.stop()
    }
  })
})

describe('the self test', () => {
  it('says how many tokens a second to expect, what was really measured goes first, and why a model does not run', async () => {
    const page = await open()
    await page.waitForFunction(() => testApp.view.entries.every(({ fit }) => fit.state !== 'checking'))
    await expect.poll(() => entryOf(page, wideId())).toMatchObject({ speed: { basis: 'assumed' } })
    const test = await page.evaluate(() => testApp.models.selfTest())
    expect(test).toMatchObject({ ok: true, value: { adapter: expect.stringMatching(/swiftshader/i) } })
    await page.waitForFunction(() => testApp.view.entries.every(({ fit }) => fit.state !== 'checking'))
    await expect.poll(() => page.evaluate(() => testApp.view.selfTest)).toMatchObject({ state: 'done' })
    const tested = await entryOf(page, wideId())
    expect(tested).toMatchObject({ speed: { basis: 'tested' } })
    expect(tested?.speed?.tokensPerSecond).toBeGreaterThan(0)
    await expect
      .poll(() => entryOf(page, strangeId()))
      .toMatchObject({
        speed: null,
        fit: { state: 'refused', code: 'architecture-unsupported' },
      })
    expect(await ask(page, { ...HELLO, model: wideId() })).toMatchObject({ completionTokens: 24 })
    await page.waitForFunction(
      (key) => testApp.view.entries.find((one) => one.key === key)?.speed?.basis === 'measured',
      wideId(),
    )
  })

  it('is refused by name where there is no GPU to test', async () => {
    const strict = await startTestServer({ dataDir: server.dataDir, appDir: built.appDir, allowSoftwareAdapter: false })
    try {
      const page = await context.newPage()
      await page.goto(strict.url)
      await page.waitForFunction(() => testApp.view.entries.length > 0)
      expect(await page.evaluate(() => testApp.models.selfTest())).toMatchObject({ code: 'software-adapter' })
      await expect.poll(() => page.evaluate(() => testApp.view.selfTest)).toMatchObject({ state: 'failed' })
    } finally {
      await strict.close()
    }
  })
})

it('a browser that keeps nothing answers from memory, and says why nothing can be downloaded', async () => {
  const blocked = await launchBlockedBrowser()
  try {
    const page = await open('?engine=stage', blocked.context)
    expect(await page.evaluate(() => testApp.models.storage())).toMatchObject({ modelBytes: 0 })
    expect(await page.evaluate(() => testApp.models.persist())).toMatchObject({ granted: false })
    await download(page, wideId())
    await page.waitForFunction(() => testApp.view.downloads[0]?.state === 'failed')
    await expect.poll(() => page.evaluate(() => testApp.view.downloads[0]?.code)).toBe('storage-denied')
    expect(await load(page, wideId())).toMatchObject({ ok: true, value: { notice: { code: 'storage-denied' } } })
    expect(await ask(page, { ...HELLO, model: wideId() })).toMatchObject({ engine: 'stage', code: null })
  } finally {
    await blocked.close()
  }
})
