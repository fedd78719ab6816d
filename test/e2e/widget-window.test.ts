/**
 * A window of Weft that a visitor opens from the frame in a partner's page: real server, real second window, real engine. It is linked by a
 * code that works once, asks for its own consent, is stopped from the frame, and nobody but the visitor opens it.
 */
import type { Browser, BrowserContext, FrameLocator, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { plainSpokenModel } from '../fixtures/spoken-model.ts'
import type { AppServer } from '../support/app-page.ts'
import { serveModels } from '../support/app-page.ts'
import { PATIENT } from '../support/chat-screen.ts'
import { launchChromium, OPEN_FRAMES } from '../support/chromium.ts'
import { agree, OPERATOR, openPanel, runningLine, serveWidget, type WidgetSite } from '../support/widget-rig.ts'

const OPENS = 'Go on giving in a window of Weft'
const ENDED = 'This code opens nothing: it was used, is older than two minutes, or is mistyped.'

let server: AppServer
let site: WidgetSite
let browser: Browser
let context: BrowserContext
let page: Page
let frame: FrameLocator
/** What the partner's page and its frame have said to the server of pairings. */
let pairWords: string[]
let complaints: string[]

beforeAll(async () => {
  server = await serveModels({ plain: plainSpokenModel() }, undefined, OPERATOR)
  site = await serveWidget(server)
  await site.add('/')
  browser = await launchChromium({ args: [...OPEN_FRAMES] })
})
afterAll(async () => {
  await browser?.close()
  await site?.close()
  await server?.close()
})
beforeEach(async () => {
  // Tabs of the test before were closed without a word.
  await expect.poll(() => server.server.hub.connected, PATIENT).toBe(0)
  context = await browser.newContext({ viewport: { width: 1_024, height: 720 } })
  page = await context.newPage()
  pairWords = []
  complaints = []
  context.on('weberror', (found) => complaints.push(found.error().stack ?? ''))
  page.on('websocket', (socket) => {
    socket.on('framesent', ({ payload }) => {
      if (String(payload).includes('["pair"')) pairWords.push(String(payload))
    })
  })
  frame = await openPanel(page, site)
  await agree(frame, 'Use it and give')
})
afterEach(async () => {
  await context.close()
  expect(complaints).toEqual([])
})

const offers = () => server.server.hub.roster.all().flatMap(({ presence }) => presence?.offers ?? [])
const button = (at: FrameLocator | Page, name: string) => at.getByRole('button', { name, exact: true })
const opens = () => button(frame, OPENS)

/** A press of the visitor, and the window that it opens. */
async function openWindow(name = OPENS): Promise<Page> {
  // A browser opens a window within seconds of the press only, and a page that has yet to join takes its time.
  await expect.poll(() => server.server.hub.connected, PATIENT).toBe(1)
  const opened = context.waitForEvent('page', PATIENT)
  await agree(frame, name)
  return opened
}

async function link(window: Page): Promise<void> {
  await button(window, 'Link with that chat').click(PATIENT)
  await button(window, 'Agree and connect').click(PATIENT)
}

it('is linked once its person says so, asks for its own consent, is seen and stopped from the frame, and its end is told', async () => {
  await opens().waitFor(PATIENT)
  const sockets: string[] = []
  context.on('page', (fresh) => fresh.on('websocket', (socket) => sockets.push(socket.url())))
  const window = await openWindow()
  await window.getByRole('region', { name: 'Opened from the chat on Loom & Co' }).waitFor(PATIENT)
  // The code stands in the address no more, and nothing has begun by it.
  expect(new URL(window.url()).hash).toBe('#/contribute')
  expect(await window.evaluate(() => [opener === null, 'weft' in globalThis])).toEqual([true, true])
  expect(sockets).toEqual([])
  expect(offers()).toEqual([])
  const address = (await frame.getByRole('link', { name: 'open it here' }).getAttribute('href')) ?? ''
  await link(window)
  await window.getByRole('region', { name: 'Linked with the chat on Loom & Co' }).waitFor(PATIENT)
  await frame.getByText('A window of Weft is linked with this chat and gives nothing now.').waitFor(PATIENT)
  expect(offers()).toEqual([])

  await button(window, 'Contribute this GPU').click(PATIENT)
  await runningLine(frame)
    .getByText(/You give in a window of Weft: .+, 0 tokens so far\./)
    .waitFor(PATIENT)
  // Once, and not in the frame as well.
  await expect.poll(() => offers().length, PATIENT).toBe(1)
  await window.getByText('That chat shows what this window gives, and can stop it.').waitFor()

  await button(frame, 'Stop all').click(PATIENT)
  await window.getByText('Stopped from the chat on Loom & Co.').waitFor(PATIENT)
  await frame.getByText('A window of Weft is linked with this chat and gives nothing now.').waitFor(PATIENT)
  await runningLine(frame).getByText('Nothing runs.').waitFor(PATIENT)
  await expect.poll(() => offers().length, PATIENT).toBe(0)

  // The same code again, in one more window.
  const second = await context.newPage()
  await second.goto(address)
  await button(second, 'Link with that chat').click(PATIENT)
  await second.getByText(ENDED).waitFor(PATIENT)
  await second.close()

  await window.close()
  await frame.getByText('The window of Weft was closed or unlinked. Nothing is given here now.').waitFor(PATIENT)
  expect(await button(frame, 'Give here again').count()).toBe(0)
})

it('takes a code that is typed, says what is wrong with another one, and is unlinked by its person', async () => {
  await opens().waitFor(PATIENT)
  const opened = await openWindow()
  const code =
    (await frame
      .locator('strong')
      .filter({ hasText: /^\w{4}-\w{4}-\w{4}$/ })
      .textContent()) ?? ''
  await opened.close()
  const window = await context.newPage()
  await window.goto(`${server.url.replace('127.0.0.1', 'localhost')}/#/contribute`)
  const type = async (text: string) => {
    await window.getByText('A code from a chat on another site').click(PATIENT)
    await window.getByRole('textbox', { name: 'Code', exact: true }).fill(text)
    await button(window, 'Use this code').click()
  }
  await type('not a code')
  await window.getByText(ENDED).waitFor()
  await button(window, 'Go on without it').click()
  await type('0000-0000-0000')
  await window.getByRole('region', { name: 'Opened from a chat on another site' }).waitFor()
  await link(window)
  await window.getByText(ENDED).waitFor(PATIENT)
  await button(window, 'Go on without it').click()
  await type(code.toLowerCase())
  await button(window, 'Link with that chat').click(PATIENT)
  await window.getByRole('region', { name: 'Linked with the chat on Loom & Co' }).waitFor(PATIENT)
  await frame.getByText('A window of Weft is linked with this chat').waitFor(PATIENT)
  await button(window, 'Unlink').click()
  await frame.getByText('The window of Weft was closed or unlinked.').waitFor(PATIENT)
  await button(frame, 'Give here again').click(PATIENT)
  await frame.getByText('To give, this device downloads').waitFor(PATIENT)
})

it('is opened by no page: not by its words, not by a press of a script, not by one on what is covered', async () => {
  await opens().waitFor(PATIENT)
  await page.evaluate(() => {
    const inner = document.querySelector('weft-chat')?.shadowRoot?.querySelector('iframe')?.contentWindow
    for (const kind of ['offer', 'pair', 'window', 'take', 'consent'])
      inner?.postMessage({ weft: 1, kind, code: '0'.repeat(12) }, '*')
  })
  await opens().evaluate((inside: HTMLElement) => {
    inside.click()
    inside.dispatchEvent(new MouseEvent('click', { bubbles: true }))
  })
  const box = await opens().boundingBox()
  await page.addStyleTag({ content: 'weft-chat { opacity: 0.02 }' })
  await expect
    .poll(async () => {
      await page.mouse.click((box?.x ?? 0) + (box?.width ?? 0) / 2, (box?.y ?? 0) + (box?.height ?? 0) / 2)
      return frame.getByText('Wait a moment, then press again').count()
    }, PATIENT)
    .toBe(1)
  expect([context.pages().length, pairWords]).toEqual([1, []])
})
