/**
 * What a frame in a partner's page keeps and where, in a real Chromium: granted Weft's own storage it finds the model that the person
 * has there, and asks the engine of Weft's own tab; refused, it keeps its own and says the size of what is missing.
 */
import type { BrowserContext, FrameLocator, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { TABS_CHANNEL } from '../../web/schedule/tab-wire.ts'
import { plainSpokenModel } from '../fixtures/spoken-model.ts'
import { serveAppAndTabs } from '../support/app-and-tabs.ts'
import { SHORT } from '../support/app-hooks.ts'
import { type AppServer, ask } from '../support/app-page.ts'
import { type BlockedBrowser, launchGrantedBrowser, launchRefusingBrowser } from '../support/blocked-browser.ts'
import { PATIENT } from '../support/chat-screen.ts'
import { OPEN_FRAMES } from '../support/chromium.ts'
import { agree, OPERATOR, openPanel, runningLine, serveWidget, type WidgetSite } from '../support/widget-rig.ts'

const QUESTION = 'Tell me about warp and weft.'

let server: AppServer
let site: WidgetSite
let browser: BlockedBrowser
let context: BrowserContext
/** Addresses of bytes of a model that were asked for. */
let fetched: string[]

beforeAll(async () => {
  server = await serveAppAndTabs({ plain: plainSpokenModel() }, OPERATOR)
  site = await serveWidget(server)
  await site.add('/', { scope: 'own' })
})
afterAll(async () => {
  await site?.close()
  await server?.close()
})
afterEach(() => browser?.close())

async function begin(launch: (args: readonly string[]) => Promise<BlockedBrowser>): Promise<void> {
  browser = await launch(OPEN_FRAMES)
  context = browser.context
  fetched = []
  context.on('request', (request) => request.url().endsWith('/model.gguf') && fetched.push(request.url()))
}

/** A tab of Weft itself, of the frame's origin, that has answered once. */
async function openWeft(): Promise<Page> {
  const page = await context.newPage()
  await page.goto(server.url.replace('127.0.0.1', 'localhost'))
  expect(await ask(page, SHORT)).toMatchObject({ code: null })
  return page
}

const button = (frame: FrameLocator, name: string) => frame.getByRole('button', { name, exact: true })

async function askIn(frame: FrameLocator): Promise<void> {
  await frame.getByRole('textbox', { name: 'Message' }).fill(QUESTION)
  await button(frame, 'Send').click(PATIENT)
  await runningLine(frame).getByText('This device answers you.').waitFor(PATIENT)
}

const answered = (frame: FrameLocator) =>
  frame
    .locator('article.assistant .text')
    .last()
    .getByText(/\w{20}/)
    .waitFor(PATIENT)

describe('a frame that is granted Weft’s own storage', () => {
  it('finds the model there, at the next visit too, and never downloads it', async () => {
    await begin(launchGrantedBrowser)
    const weft = await openWeft()
    expect(fetched.length).toBeGreaterThan(0)
    fetched.length = 0
    await weft.close()
    const page = await context.newPage()
    let frame = await openPanel(page, site)
    await agree(frame, 'Use it on this device')
    await frame.getByText('Models here are those of Weft in this browser').waitFor(PATIENT)
    await askIn(frame)
    await answered(frame)
    frame = await openPanel(page, site)
    await frame.getByText('Models here are those of Weft in this browser').waitFor(PATIENT)
    await askIn(frame)
    await answered(frame)
    expect(fetched).toEqual([])
    // What was said there is in no conversation of Weft.
    const again = await openWeft()
    await again.getByRole('textbox', { name: 'Message' }).waitFor(PATIENT)
    expect(await again.getByText(QUESTION).count()).toBe(0)
    expect(fetched).toEqual([])
  })

  it('asks the engine of Weft’s tab, and goes on by its own when that is closed', async () => {
    await begin(launchGrantedBrowser)
    const weft = await openWeft()
    await weft.evaluate((name) => {
      window.chatsOfOthers = 0
      new BroadcastChannel(name).addEventListener('message', ({ data }) => {
        if (data.kind === 'call' && data.call.method === 'chat') window.chatsOfOthers += 1
      })
    }, TABS_CHANNEL)
    const page = await context.newPage()
    const frame = await openPanel(page, site)
    await agree(frame, 'Use it on this device')
    await askIn(frame)
    await expect.poll(() => weft.evaluate(() => window.chatsOfOthers), PATIENT).toBe(1)
    await answered(frame)
    await weft.close()
    await button(frame, 'Send').waitFor(PATIENT)
    await askIn(frame)
    await answered(frame)
    await runningLine(frame).getByText('Nothing runs.').waitFor(PATIENT)
  })
})

describe('a frame that is refused', () => {
  it('keeps its own, and asks before it downloads what Weft has already', async () => {
    await begin(launchRefusingBrowser)
    await openWeft()
    fetched.length = 0
    const page = await context.newPage()
    const frame = await openPanel(page, site)
    await agree(frame, 'Use it on this device')
    const download = frame.getByRole('button', { name: /^Download / })
    await download.waitFor(PATIENT)
    await frame.getByText('It is kept for this panel on this site alone.').waitFor(PATIENT)
    expect(fetched).toEqual([])
    await download.click()
    await askIn(frame)
    await answered(frame)
    expect(fetched.length).toBeGreaterThan(0)
  })
})

declare global {
  interface Window {
    chatsOfOthers: number
  }
}
