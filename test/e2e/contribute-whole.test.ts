/**
 * A person who gives whole answers by the product's own screen: one press, and other tabs are answered as one tab alone would
 * answer. Over the real server, real WebRTC and the software GPU; who asks is the page of a test beside the product's.
 */
import type { Browser, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { serveBesideAsker, withPreferences } from '../support/app-beside-asker.ts'
import { type AppServer, ask } from '../support/app-page.ts'
import { launchChromium } from '../support/chromium.ts'
import { findLeaks } from '../support/leak-search.ts'
import { type MeshTabPage, openMeshTab } from '../support/mesh-app.ts'

const LAYERS = 4
const TOKENS = 100
const QUESTION = 'Tell me about the warp, the weft and the selvedge of this cloth.'
const SEED = 11
const PATIENT = { timeout: 60_000 }

let server: AppServer
let browser: Browser
let complaints: string[]
/** What a tab answers that is alone. */
let alone: Awaited<ReturnType<typeof askAlone>> | null = null

beforeAll(async () => {
  const model = tinyModel({ architecture: 'llama', types: 'Q8_0', seed: 5, contextLength: 512, layers: LAYERS })
  server = await serveBesideAsker({ tiny: model })
})
afterAll(() => server?.close())
beforeEach(async () => {
  await expect.poll(() => server.server.hub.roster.size, PATIENT).toBe(0)
  complaints = []
  browser = await launchChromium()
})
afterEach(async () => {
  await browser.close()
  expect(complaints).toEqual([])
})

const modelId = () => server.ids[0] ?? ''
const asker = () => openMeshTab(browser, `${server.url}/asker.html`)
const region = (page: Page, name: string) => page.getByRole('region', { name, exact: true })

async function openWorker(settings: object = {}): Promise<Page> {
  const context = await browser.newContext()
  context.on('weberror', (found) => complaints.push(found.error().message))
  await withPreferences(context, { mesh: { consent: true, pauseWhileActive: false, ...settings } })
  const page = await context.newPage()
  await page.goto(`${server.url}/?engine=stage#/contribute`)
  return page
}

async function give(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Contribute this GPU' }).click(PATIENT)
  await region(page, 'Contributing').waitFor(PATIENT)
}

async function worker(settings: object = {}): Promise<Page> {
  const page = await openWorker(settings)
  await give(page)
  return page
}

const askJob = (tab: MeshTabPage, tokens = TOKENS, question = QUESTION) =>
  tab.call('askJob', modelId(), LAYERS, question, tokens, 0.8, SEED)

async function askAlone() {
  const other = await launchChromium()
  try {
    const tab = await openMeshTab(other, `${server.url}/asker.html`)
    return await tab.call('askAlone', modelId(), QUESTION, TOKENS, 0.8, SEED)
  } finally {
    await other.close()
  }
}

async function expectAsAlone(answer: Awaited<ReturnType<typeof askJob>>): Promise<void> {
  alone ??= await askAlone()
  expect(answer.end).toMatchObject({ reason: 'length' })
  expect({ text: answer.text, tokens: answer.tokens }).toEqual({ text: alone.text, tokens: alone.tokens })
}

/** All that a page shows and all that its browser keeps of it, but weights. A string: its inner functions stay as they are. */
const SHOWN_AND_KEPT = `(async () => {
  const found = [document.documentElement.outerHTML, JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage })]
  for (const { name } of await indexedDB.databases()) {
    const db = await new Promise((resolve) => { indexedDB.open(name).onsuccess = (event) => resolve(event.target.result) })
    for (const store of db.objectStoreNames) {
      const rows = await new Promise((resolve) => {
        db.transaction(store).objectStore(store).getAll().onsuccess = (event) => resolve(event.target.result)
      })
      found.push(name + ' ' + store + ' ' + JSON.stringify(rows, (_, value) => typeof value === 'bigint' ? String(value) : value))
    }
    db.close()
  }
  for (const name of await caches.keys()) for (const { url } of await (await caches.open(name)).keys()) found.push(url)
  return found
})()`

describe('whole answers by one press', () => {
  it('are those of one tab alone, and nothing of them is shown or kept where they were computed', async () => {
    const page = await worker()
    await region(page, 'Contributing').getByText('whole answers').waitFor()
    const tab = await asker()
    const answering = askJob(tab)
    await tab.until('(await mesh.streamed()).tokens > 10')
    const seen: string[] = await page.evaluate(SHOWN_AND_KEPT)
    const answer = await answering
    await expectAsAlone(answer)
    await region(page, 'Contributing').getByText('Nobody asks right now.').waitFor(PATIENT)
    const after: string[] = await page.evaluate(SHOWN_AND_KEPT)
    const haystacks = [...seen, ...after].map((text, at) => ({ name: `${at}`, bytes: Buffer.from(text) }))
    const secrets = [
      { name: 'prompt', text: QUESTION, ids: [] },
      { name: 'answer', text: answer.text, ids: answer.tokens },
    ]
    expect(findLeaks(haystacks, secrets)).toEqual([])
    expect(findLeaks([...haystacks, { name: 'planted', bytes: Buffer.from(QUESTION) }], secrets)).toContainEqual({
      secret: 'prompt',
      where: 'planted',
      as: 'text',
    })
    const jobs = region(page, 'Contributing').locator('dl div').filter({ hasText: 'Answers given' }).locator('dd')
    await expect.poll(() => jobs.textContent(), PATIENT).toBe('1')
  })

  it('use the engine and the model of the own chat: neither is there twice', async () => {
    const page = await openWorker()
    const own = await ask(page, { content: 'Hello there.', maxTokens: 8 })
    expect([own.engine, own.code]).toEqual(['stage', null])
    const before = page.workers().map((made) => made.url())
    await region(page, 'What would be used').getByText('None more: your own chat has it loaded').waitFor(PATIENT)
    await give(page)
    const after = page.workers().map((made) => made.url())
    for (const url of before) expect(after.filter((one) => one === url)).toHaveLength(1)
    await expectAsAlone(await askJob(await asker()))
  })

  it('of more than the person allows are refused by code, and smaller ones are given', async () => {
    const page = await openWorker()
    await page.getByRole('combobox', { name: 'Longest answer' }).selectOption('At most 128 tokens')
    await give(page)
    const tab = await asker()
    expect((await askJob(tab, 129)).end).toMatchObject({ reason: 'error', code: 'no-capacity' })
    await expectAsAlone(await askJob(tab))
  })

  it('wait at the server once as many are here as the person allows', async () => {
    await worker({ jobsAtOnce: 1 })
    const [first, second] = [await asker(), await asker()]
    const answering = askJob(first)
    await first.until('(await mesh.streamed()).tokens > 0')
    const waiting = askJob(second)
    await expectAsAlone(await answering)
    await expectAsAlone(await waiting)
    expect((await second.call('jobStands')).map(({ state }) => state)).toContain('queued')
  })
})

describe('the person at the device', () => {
  it('is answered first, and the job goes on after', async () => {
    const page = await worker()
    const tab = await asker()
    const answering = askJob(tab)
    await tab.until('(await mesh.streamed()).tokens > 10')
    const own = await ask(page, { content: 'Hello there.', maxTokens: 40 })
    expect([own.completionTokens, own.code]).toEqual([40, null])
    expect((await tab.call('streamed')).tokens).toBeLessThan(TOKENS)
    await expectAsAlone(await answering)
    const held = (await tab.call('jobStands')).filter((stand) => stand.state === 'held')
    expect(held.some((stand) => stand.state === 'held' && stand.owner)).toBe(true)
  })

  it('pauses it in the middle of an answer, which goes on when they resume, and stops it', async () => {
    const page = await worker()
    const tab = await asker()
    const answering = askJob(tab)
    await tab.until('(await mesh.streamed()).tokens > 10')
    await page.getByRole('button', { name: 'Pause' }).click()
    await region(page, 'Paused').getByText('Nothing of').waitFor(PATIENT)
    expect((await tab.call('streamed')).tokens).toBeLessThan(TOKENS)
    await page.getByRole('button', { name: 'Resume' }).click()
    await expectAsAlone(await answering)
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByRole('button', { name: 'Contribute this GPU' }).waitFor(PATIENT)
    const offers = () => server.server.hub.roster.all().flatMap(({ presence }) => presence?.offers ?? [])
    await expect.poll(offers, PATIENT).toEqual([])
    expect((await askJob(tab)).end).toMatchObject({ reason: 'error', code: 'no-holder' })
  })
})
