/**
 * The widget's frame in a partner's page of another site: real server, real WebRTC, a worker with the real engine in a second browser.
 * What a visitor agrees to is all that runs, and it ends by one press.
 */
import type { Browser, BrowserContext, FrameLocator, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { plainSpokenModel } from '../fixtures/spoken-model.ts'
import { serveAppAndTabs } from '../support/app-and-tabs.ts'
import type { AppServer } from '../support/app-page.ts'
import { launchBlockedBrowser } from '../support/blocked-browser.ts'
import { PATIENT } from '../support/chat-screen.ts'
import { launchChromium, OPEN_FRAMES } from '../support/chromium.ts'
import type { MeshTabPage } from '../support/mesh-app.ts'
import {
  agree,
  emptyPayer,
  hearHost,
  OPERATOR,
  openPanel,
  openWorker,
  runningLine,
  serveWidget,
  toldHost,
  type WidgetSite,
} from '../support/widget-rig.ts'

const QUESTION = 'Tell me about warp and weft.'
const LAYERS = 3
const ISOLATED = { 'Cross-Origin-Embedder-Policy': 'require-corp', 'Cross-Origin-Opener-Policy': 'same-origin' }

let server: AppServer
let site: WidgetSite
let working: Browser
let visiting: Browser
let context: BrowserContext
let page: Page
let requests: string[]
let sockets: string[]
let complaints: string[]
const tabs: MeshTabPage[] = []

beforeAll(async () => {
  server = await serveAppAndTabs({ plain: plainSpokenModel() }, OPERATOR)
  site = await serveWidget(server)
  await site.add('/', { suggested: [QUESTION] })
  await site.add('/isolated', {}, { headers: ISOLATED })
  working = await launchChromium({ args: [...OPEN_FRAMES] })
  visiting = await launchChromium({ args: [...OPEN_FRAMES] })
})
afterAll(async () => {
  await working?.close()
  await visiting?.close()
  await site?.close()
  await server?.close()
})
beforeEach(async () => {
  // Tabs of the test before were closed without a word.
  await expect.poll(() => server.server.hub.roster.size, PATIENT).toBe(0)
  await visit(await visiting.newContext({ viewport: { width: 1_024, height: 720 } }))
})
afterEach(async () => {
  await context.close()
  for (const tab of tabs.splice(0)) await tab.context.close()
  // What the browser says of a question for storage that it does not even ask its person, and of refusals, which tests look for.
  expect(complaints.filter((text) => !/^requestStorageAccess:|responded with a status of/.test(text))).toEqual([])
})

async function visit(fresh: BrowserContext): Promise<void> {
  context = fresh
  page = await context.newPage()
  requests = []
  sockets = []
  complaints = []
  page.on('request', (request) => requests.push(new URL(request.url()).pathname))
  page.on('websocket', (socket) => sockets.push(socket.url()))
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  context.on('weberror', (found) => complaints.push(found.error().stack ?? ''))
}

const offers = () => server.server.hub.roster.all().flatMap(({ presence }) => presence?.offers ?? [])
const button = (frame: FrameLocator, name: string) => frame.getByRole('button', { name, exact: true })

async function askIn(frame: FrameLocator, question = QUESTION): Promise<void> {
  await frame.getByRole('textbox', { name: 'Message' }).fill(question)
  await button(frame, 'Send').click(PATIENT)
}

/** What was fetched for a chat or an engine, and what runs. `models-`: a file of limits that the question reads. */
const begun = () => ({
  sockets,
  workers: page.workers().length,
  fetched: requests.filter((path) =>
    /models(?!-)|config\.json|socket\.io|widget-room|WidgetChat|mesh|worker/.test(path),
  ),
})

describe('before a yes', () => {
  it('nothing is fetched but the question, whatever the page asks; nor after a no', async () => {
    const frame = await openPanel(page, site)
    await frame.getByRole('heading', { name: 'Before anything runs' }).waitFor(PATIENT)
    await page.evaluate((text) => {
      const chat = document.querySelector('weft-chat') as unknown as { ask(text: string): object }
      chat.ask(text)
    }, QUESTION)
    await frame.getByText(`Loom & Co suggests to ask: “${QUESTION}”. It is not sent.`).waitFor(PATIENT)
    await button(frame, 'Not now').click()
    await frame.getByText('Nothing was loaded and nothing was sent.').waitFor()
    expect(begun()).toEqual({ sockets: [], workers: 0, fetched: [] })
    expect(requests).toContain('/partner.json')
    await button(frame, 'Close').click()
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
  })
})

describe('use only', () => {
  it('is answered by another tab, remembered for the site, and taken back', async () => {
    tabs.push(await openWorker(working, server, LAYERS))
    let frame = await openPanel(page, site)
    await hearHost(page)
    await agree(frame, 'Use it')
    await button(frame, QUESTION).click(PATIENT)
    await runningLine(frame).getByText('Other people’s devices answer you.').waitFor(PATIENT)
    await frame
      .locator('article.assistant .text')
      .getByText(/\w{20}/)
      .waitFor(PATIENT)
    await button(frame, 'Stop').click()
    await expect.poll(() => toldHost(page), PATIENT).toContainEqual(['weft-answer', { reason: 'aborted' }])
    await runningLine(frame).getByText('Nothing runs.').waitFor(PATIENT)
    await frame.getByText('Answered by a tab of somebody else, whole').waitFor(PATIENT)
    const told = JSON.stringify(await toldHost(page))
    expect(told).toContain('{"consent":"use","work":"answering","refused":null}')
    expect(told).not.toContain('warp')
    expect(sockets.length).toBeGreaterThan(0)
    // A question of the page is sent now, and another one waits while it is answered.
    await button(frame, 'Begin anew').click()
    await page.evaluate((text) => {
      const chat = document.querySelector('weft-chat') as unknown as Record<
        'ask' | 'setContext',
        (text: string) => object
      >
      chat.setContext('Linen is made of flax.')
      chat.ask(text)
    }, QUESTION)
    await runningLine(frame).getByText('Other people’s devices answer you.').waitFor(PATIENT)
    await frame.getByText('What Loom & Co tells the model').click()
    await frame.getByText('Linen is made of flax.').waitFor()
    await button(frame, 'Stop all').click()
    await runningLine(frame).getByText('Nothing runs.').waitFor(PATIENT)

    frame = await openPanel(page, site)
    await frame.getByRole('textbox', { name: 'Message' }).waitFor(PATIENT)
    await button(frame, 'Your choice').click(PATIENT)
    await button(frame, 'Stop and take it back').click()
    await frame.getByRole('heading', { name: 'Before anything runs' }).waitFor()
    await expect.poll(() => server.server.hub.roster.size, PATIENT).toBe(1)
    frame = await openPanel(page, site)
    await button(frame, 'Use it').waitFor(PATIENT)
  })

  it('says that nobody has the model, and this device answers where it is picked, once its size was seen', async () => {
    const frame = await openPanel(page, site)
    await agree(frame, 'Use it')
    await frame.getByText('Nobody’s device has this model right now.').waitFor(PATIENT)
    expect(requests.filter((path) => path.endsWith('.gguf') || path.includes('/chunks/'))).toEqual([])
    await button(frame, 'Answer on this device').click()
    await frame.getByRole('button', { name: /^Download / }).click(PATIENT)
    await askIn(frame)
    await runningLine(frame).getByText('This device answers you.').waitFor(PATIENT)
    await button(frame, 'Stop all').click()
    await runningLine(frame).getByText('Nothing runs.').waitFor(PATIENT)
  })
})

describe('a key that is revoked', () => {
  it('ends what runs on open pages, and says why', async () => {
    const key = await site.add('/revoked-later')
    tabs.push(await openWorker(working, server, LAYERS))
    const frame = await openPanel(page, site, '/revoked-later')
    await hearHost(page)
    await agree(frame, 'Use it')
    await askIn(frame)
    await runningLine(frame).getByText('Other people’s devices answer you.').waitFor(PATIENT)
    await site.revoke(key)
    await frame.getByText('This chat was switched off.').waitFor(PATIENT)
    await expect
      .poll(async () => (await toldHost(page)).at(-1), PATIENT)
      .toEqual(['weft-state', { consent: 'use', work: 'idle', refused: 'partner-revoked' }])
    await expect.poll(() => server.server.hub.roster.size, PATIENT).toBe(1)
  })
})

describe('give as well', () => {
  it('downloads after its size was seen, gives while it is in sight, and ends by one press', async () => {
    const frame = await openPanel(page, site)
    await hearHost(page)
    await agree(frame, 'Use it and give')
    await frame.getByText('To give, this device downloads').waitFor(PATIENT)
    expect(offers()).toEqual([])
    await button(frame, 'Download and give').click()
    await runningLine(frame).getByText('Giving to others: 0 tokens so far.').waitFor(PATIENT)
    await expect.poll(() => offers().length, PATIENT).toBe(1)
    await expect
      .poll(() => toldHost(page), PATIENT)
      .toContainEqual(['weft-state', { consent: 'give', work: 'giving', refused: null }])
    await page.getByRole('button', { name: 'Ask', exact: true }).click()
    await expect.poll(() => offers().length, PATIENT).toBe(0)
    await page.getByRole('button', { name: 'Ask', exact: true }).click()
    await expect.poll(() => offers().length, PATIENT).toBe(1)
    await button(frame, 'Stop all').click()
    await runningLine(frame).getByText('Nothing runs.').waitFor(PATIENT)
    await expect.poll(() => offers().length, PATIENT).toBe(0)
    await expect
      .poll(async () => (await toldHost(page)).at(-1), PATIENT)
      .toEqual(['weft-state', { consent: 'use', work: 'idle', refused: null }])
  })
})

describe('on pages and browsers of all kinds', () => {
  it('in a page that is isolated', async () => {
    tabs.push(await openWorker(working, server, LAYERS))
    const frame = await openPanel(page, site, '/isolated')
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
    await agree(frame, 'Use it')
    await askIn(frame)
    await frame.getByText('Answered by a tab of somebody else, whole').waitFor(PATIENT)
  })

  it('where the budget is used up, this device can answer; a key that is revoked meanwhile ends all', async () => {
    const key = await site.add('/spent', await emptyPayer())
    const frame = await openPanel(page, site, '/spent')
    await frame.getByText('Until tomorrow this device can answer instead.').waitFor(PATIENT)
    await agree(frame, 'Use it on this device')
    await frame.getByRole('button', { name: /^Download / }).waitFor(PATIENT)
    expect(sockets).toEqual([])
    await site.revoke(key)
    const other = await openPanel(page, site, '/spent')
    await other.getByText('This chat was switched off.').waitFor(PATIENT)
  })

  it('where the key is none, of another site or of no more credits, or the server answers badly, it says why', async () => {
    const revoked = await site.add('/revoked')
    await site.revoke(revoked)
    await site.add('/others', { origins: ['https://elsewhere.example'] })
    await site.add('/spent-others', { ...(await emptyPayer()), scope: 'mesh' })
    site.show('/unknown', `wk_${'x'.repeat(22)}`)
    for (const [path, says] of [
      ['/spent-others', 'What this site gives for today is used up.'],
      ['/others', 'This chat belongs to another site.'],
      ['/revoked', 'This chat was switched off.'],
      ['/unknown', 'This chat has no valid key.'],
    ] as const) {
      const frame = await openPanel(page, site, path)
      await frame.getByText(says).first().waitFor(PATIENT)
      expect(begun()).toEqual({ sockets: [], workers: 0, fetched: [] })
    }
    const close = page.frameLocator('weft-chat iframe').getByRole('button', { name: 'Close' })
    await close.click()
    await close.waitFor({ state: 'hidden' })
    await page.route('**/partner.json*', (route) => route.fulfill({ status: 502, body: 'Bad gateway' }))
    const frame = await openPanel(page, site)
    await frame.getByText('The source answered with a page instead of the file.').waitFor(PATIENT)
    await page.unroute('**/partner.json*')
    await button(frame, 'Try again').click()
    await button(frame, 'Use it').waitFor(PATIENT)
  })

  it('where storage is refused it works from memory, and says so', async () => {
    const blocked = await launchBlockedBrowser([...OPEN_FRAMES])
    try {
      await visit(blocked.context)
      tabs.push(await openWorker(working, server, LAYERS))
      const frame = await openPanel(page, site)
      await frame.getByText('This browser keeps nothing for this panel').waitFor(PATIENT)
      await agree(frame, 'Use it')
      await askIn(frame)
      await frame.getByText('Answered by a tab of somebody else, whole').waitFor(PATIENT)
    } finally {
      await blocked.close()
    }
  })
})
