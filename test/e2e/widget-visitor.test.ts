/**
 * What a visitor of the widget can rely on, in real Chromium: nothing is asked in a frame that nobody sees, data and battery are spared,
 * the keyboard and a screen reader find their way, an outage is no refusal.
 */
import type { Browser, BrowserContext, BrowserContextOptions, FrameLocator, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { PartnerKey } from '../../web/wire/partner-keys.ts'
import { plainSpokenModel } from '../fixtures/spoken-model.ts'
import { expectAccessible } from '../support/accessible.ts'
import { serveAppAndTabs } from '../support/app-and-tabs.ts'
import type { AppServer } from '../support/app-page.ts'
import { PATIENT } from '../support/chat-screen.ts'
import { launchChromium, OPEN_FRAMES } from '../support/chromium.ts'
import {
  agree,
  OPERATOR,
  openPanel,
  openWorker,
  runningLine,
  serveWidget,
  type WidgetSite,
} from '../support/widget-rig.ts'

const QUESTION = 'Tell me about warp and weft.'
const LAYERS = 3

let server: AppServer
let site: WidgetSite
let key: PartnerKey
let browser: Browser
let context: BrowserContext
let page: Page
let requests: string[]

beforeAll(async () => {
  server = await serveAppAndTabs({ plain: plainSpokenModel() }, OPERATOR)
  site = await serveWidget(server)
  key = await site.add('/', { suggested: [QUESTION] })
  await site.add('/others', { origins: ['https://elsewhere.example'] })
  browser = await launchChromium({ args: [...OPEN_FRAMES] })
})
afterAll(async () => {
  await browser?.close()
  await site?.close()
  await server?.close()
})
beforeEach(() => visit())
afterEach(() => context.close())

async function visit(more: BrowserContextOptions = {}): Promise<void> {
  await context?.close()
  context = await browser.newContext({ viewport: { width: 1_024, height: 720 }, reducedMotion: 'reduce', ...more })
  page = await context.newPage()
  requests = []
  page.on('request', (request) => requests.push(new URL(request.url()).pathname))
}

const button = (frame: FrameLocator, name: string) => frame.getByRole('button', { name, exact: true })
const offers = () => server.server.hub.roster.all().flatMap(({ presence }) => presence?.offers ?? [])
const downloads = () => requests.filter((path) => path.endsWith('.gguf') || path.includes('/chunks/'))

it('a page that asks in a frame that nobody sees is not answered, in spite of a consent that is kept', async () => {
  const working = await launchChromium({ args: [...OPEN_FRAMES] })
  try {
    await openWorker(working, server, LAYERS)
    const panel = await openPanel(page, site)
    await agree(panel, 'Use it')
    await panel.getByRole('textbox', { name: 'Message' }).waitFor(PATIENT)
    await page.goto(`${site.url}/`)
    const weft = server.url.replace('127.0.0.1', 'localhost')
    await page.evaluate((address) => {
      const bare = Object.assign(document.createElement('iframe'), { id: 'bare', src: address })
      bare.style.cssText = 'position: fixed; inset: 0; width: 400px; height: 600px; opacity: 0.01'
      document.body.append(bare)
    }, `${weft}/widget.html?key=${key}`)
    const bare = page.frameLocator('#bare')
    const box = bare.getByRole('textbox', { name: 'Message' })
    await box.waitFor(PATIENT)
    await button(bare, QUESTION).waitFor(PATIENT)
    await page.evaluate((text) => {
      const inner = document.querySelector<HTMLIFrameElement>('#bare')?.contentWindow
      inner?.postMessage({ weft: 1, kind: 'ask', text }, '*')
    }, QUESTION)
    await bare.getByText('Loom & Co has written this question. It is not sent.').waitFor(PATIENT)
    expect(await box.inputValue()).toBe(QUESTION)
    expect(await bare.getByRole('article').count()).toBe(0)
    await page.evaluate(() => document.querySelector('#bare')?.removeAttribute('style'))
    await button(bare, 'Send').click(PATIENT)
    await runningLine(bare).getByText('Other people’s devices answer you.').waitFor(PATIENT)
  } finally {
    await working.close()
  }
})

describe('for axe, light and dark', () => {
  it.each(['light', 'dark'] as const)('%s: the question, the chat, a refused page', async (colorScheme) => {
    await visit({ colorScheme })
    const frame = await openPanel(page, site)
    await button(frame, 'Use it').waitFor(PATIENT)
    await expectAccessible(page)
    // So that it is known to look into the frame.
    await frame.locator('h2').evaluate((heading) => heading.after(document.createElement('img')))
    await expect(expectAccessible(page)).rejects.toThrow('image-alt')
    await frame.locator('img').evaluate((image) => image.remove())
    await agree(frame, 'Use it')
    await frame.getByText('Nobody’s device has this model right now.').waitFor(PATIENT)
    await expectAccessible(page)
    await button(frame, 'Your choice').click()
    await frame.getByText('Your choice now').waitFor()
    await expectAccessible(page)
    const refused = await openPanel(page, site, '/others')
    await refused.getByText('This chat belongs to another site.').waitFor(PATIENT)
    await expectAccessible(page)
  })
})

it('who asks sites to save data presses what says so, and is asked for giving last', async () => {
  await context.addInitScript(() => {
    Object.defineProperty(navigator, 'connection', { configurable: true, value: { saveData: true } })
  })
  const frame = await openPanel(page, site)
  await frame.getByText('your browser asks sites to save data').waitFor(PATIENT)
  await agree(frame, 'Use it and give')
  await frame.getByText('Your browser asks sites to save data.').waitFor(PATIENT)
  const names = frame.locator('.note').filter({ hasText: 'To give' }).getByRole('button')
  await expect.poll(() => names.allInnerTexts(), PATIENT).toEqual(['Do not give', 'Download and give all the same'])
  await button(frame, 'Do not give').click()
  await button(frame, 'Answer on this device').click(PATIENT)
  await frame.getByRole('button', { name: /^Download .* all the same$/ }).waitFor(PATIENT)
  expect(downloads()).toEqual([])
  expect(offers()).toEqual([])
  await button(frame, 'Ask others instead').click()
  await button(frame, 'Your choice').click(PATIENT)
  // Not to give is remembered as using it alone.
  await frame.locator('li.now').getByRole('button', { name: 'Use it', exact: true }).waitFor()
})

it('on a battery below half, giving rests and says so; on power it goes on', async () => {
  await context.addInitScript(() => {
    const battery = Object.assign(new EventTarget(), { charging: false, level: 0.3 })
    Object.defineProperty(navigator, 'getBattery', { configurable: true, value: async () => battery })
  })
  const frame = await openPanel(page, site)
  await frame.getByText('It rests on a battery below half').waitFor(PATIENT)
  await agree(frame, 'Use it and give')
  await button(frame, 'Download and give').click(PATIENT)
  await runningLine(frame).getByText('Giving rests').waitFor(PATIENT)
  expect(downloads()).toEqual([])
  expect(offers()).toEqual([])
  await frame.locator('html').evaluate(async () => {
    const battery = await (navigator as unknown as { getBattery(): Promise<EventTarget> }).getBattery()
    Object.assign(battery, { charging: true }).dispatchEvent(new Event('chargingchange'))
  })
  await runningLine(frame).getByText('Giving to others').waitFor(PATIENT)
  await expect.poll(() => offers().length, PATIENT).toBe(1)
})

it('where the browser tells neither what covers nor the battery, neither is promised', async () => {
  await context.addInitScript(() => {
    Reflect.deleteProperty(IntersectionObserverEntry.prototype, 'isVisible')
    Reflect.deleteProperty(Navigator.prototype, 'getBattery')
  })
  const frame = await openPanel(page, site)
  await frame.getByText('does not tell whether something covers it').waitFor(PATIENT)
  expect(await frame.getByText('below half').count()).toBe(0)
})

it('by the keyboard: an order, a way back, and nobody is lost', async () => {
  let frame = await openPanel(page, site)
  const focused = () => frame.locator(':focus')
  await button(frame, 'Use it').waitFor(PATIENT)
  await button(frame, 'Close').focus()
  for (const name of ['Use it', 'Use it and give']) {
    await page.keyboard.press('Tab')
    await expect.poll(() => focused().innerText(), PATIENT).toBe(name)
  }
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
  await page.keyboard.press('Enter')
  await agree(frame, 'Use it')
  await expect.poll(() => focused().getAttribute('aria-label'), PATIENT).toBe('What runs')
  await page.keyboard.press('Tab')
  await expect.poll(() => focused().innerText(), PATIENT).toBe('Your choice')
  await page.keyboard.press('Enter')
  await expect.poll(() => focused().innerText(), PATIENT).toBe('What may run here?')
  await frame.getByText('Your choice now').waitFor()
  await page.keyboard.press('Escape')
  await expect.poll(() => focused().getAttribute('aria-label'), PATIENT).toBe('What runs')
  frame = await openPanel(page, site, '/others')
  await button(frame, 'Close').focus()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
})

it('an outage is none of the key, and is tried again', async () => {
  await page.route('**/partner.json*', (route) => route.fulfill({ status: 503, json: { code: 'ledger-away' } }))
  const frame = await openPanel(page, site)
  await frame.getByText('This chat cannot be looked up right now.').waitFor(PATIENT)
  await page.unroute('**/partner.json*')
  await button(frame, 'Try again').click()
  await button(frame, 'Use it').waitFor(PATIENT)
  await page.route('**/widget.html*', async (route) => {
    const address = route
      .request()
      .url()
      .replace(/key=.*/, 'key=none')
    const response = await route.fetch({ url: address })
    await route.fulfill({
      response,
      status: 503,
      body: (await response.text()).replace('partner-unknown', 'ledger-away'),
    })
  })
  const other = await openPanel(page, site)
  await other.getByText('This chat cannot be looked up right now.').waitFor(PATIENT)
  await page.unroute('**/widget.html*')
  await button(other, 'Try again').click()
  await button(other, 'Use it').waitFor(PATIENT)
})
