/**
 * A partner's page that wants more than its visitor has agreed to: forged, huge and many words, a covered and a faded question of
 * consent, presses by script, a look into the frame. All of it fails closed.
 */
import type { Browser, BrowserContext, FrameLocator, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { EMBED_WORDS_BURST } from '../../web/wire/limits/partners.ts'
import { PATIENT } from '../support/chat-screen.ts'
import { launchChromium, OPEN_FRAMES } from '../support/chromium.ts'
import { buildApp, startTestServer, type TestServer } from '../support/server.ts'
import { agree, OPERATOR, openPanel, serveWidget, type WidgetSite } from '../support/widget-rig.ts'

let server: TestServer
let site: WidgetSite
let browser: Browser
let context: BrowserContext
let page: Page
let sockets: string[]
let frame: FrameLocator

beforeAll(async () => {
  server = await startTestServer({ appDir: await buildApp(), ...OPERATOR })
  site = await serveWidget(server)
  await site.add('/')
  await site.add('/own', { scope: 'own' })
  browser = await launchChromium({ args: [...OPEN_FRAMES] })
})
afterAll(async () => {
  await browser?.close()
  await site?.close()
  await server?.close()
})
beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1_024, height: 720 } })
  page = await context.newPage()
  sockets = []
  page.on('websocket', (socket) => sockets.push(socket.url()))
  frame = await openPanel(page, site)
  await use().waitFor(PATIENT)
})
afterEach(async () => {
  expect(sockets).toEqual([])
  await context.close()
})

const use = () => frame.getByRole('button', { name: 'Use it', exact: true })
const suggested = (text: string) => frame.getByText(`suggests to ask: “${text}”`)
const post = (words: readonly object[], from: 'page' | 'frame' = 'page') =>
  page.evaluate(
    ([given, where]) => {
      const inner = document.querySelector('weft-chat')?.shadowRoot?.querySelector('iframe')?.contentWindow
      if (where === 'page') for (const word of given) inner?.postMessage({ weft: 1, ...word }, '*')
      else {
        const other = document.createElement('iframe')
        document.body.append(other)
        Object.assign(other.contentWindow ?? {}, { inner, given })
        const script = document.createElement('script')
        script.textContent = 'for (const word of given) inner.postMessage({ weft: 1, ...word }, "*")'
        other.contentDocument?.body.append(script)
      }
    },
    [words, from] as const,
  )

/** Where a press of a real mouse lands on the button, whatever lies over it. */
async function pressUse(): Promise<void> {
  const box = await use().boundingBox()
  await page.mouse.click((box?.x ?? 0) + (box?.width ?? 0) / 2, (box?.y ?? 0) + (box?.height ?? 0) / 2)
}

it('words of another window, malformed and huge ones are not taken; one that is well made is', async () => {
  await post([{ kind: 'ask', text: 'Forged?' }], 'frame')
  await post([
    { kind: 'ask', text: 'x'.repeat(10_000_000) },
    { kind: 'ask', text: { toString: 'x' } },
    { kind: 'consent', consent: 'give' },
    { kind: 'state', consent: 'give', work: 'giving', refused: null },
    { kind: 'suggest', questions: Array.from({ length: 100_000 }, () => 'x') },
    { kind: 'settings', look: 'dark', language: 'en', theme: { surface: 'url(https://elsewhere.example/)' } },
    { kind: 'ask', text: 'Taken?' },
  ])
  await suggested('Taken?').waitFor(PATIENT)
  expect(await suggested('Forged?').count()).toBe(0)
  await use().waitFor()
})

it('a page that floods is not heard again, and its visitor can go on', async () => {
  await post(Array.from({ length: EMBED_WORDS_BURST * 20 }, (_, index) => ({ kind: 'ask', text: `Number ${index}` })))
  await frame.getByText('suggests to ask: “Number').waitFor(PATIENT)
  await post([{ kind: 'ask', text: 'After all?' }])
  await frame.getByRole('button', { name: 'Not now' }).click()
  await frame.getByText('Nothing was loaded and nothing was sent.').waitFor()
  expect(await suggested('After all?').count()).toBe(0)
})

it('no colour of the page hides the question', async () => {
  const theme = { surface: '#ffffff', ink: '#fefefe', accent: '#ffffff' }
  await post([
    { kind: 'settings', look: 'light', language: 'de', theme },
    { kind: 'ask', text: 'Seen?' },
  ])
  await suggested('Seen?').waitFor(PATIENT)
  const seen = await frame.locator('html').evaluate((root: HTMLElement) => {
    const { backgroundColor, color } = getComputedStyle(root)
    return { backgroundColor, color, lang: root.lang }
  })
  expect(seen.lang).toBe('de')
  expect(seen.color).not.toContain('0.99')
  expect(seen.color).not.toBe('rgb(254, 254, 254)')
})

it('the page cannot look into the frame, nor press in it by script', async () => {
  const looked = await page.evaluate(() => {
    const inner = document.querySelector('weft-chat')?.shadowRoot?.querySelector('iframe')
    const tries = [
      () => inner?.contentWindow?.document.body.textContent,
      () => inner?.contentWindow?.localStorage.length,
    ]
    return tries.map((look) => {
      try {
        return typeof look()
      } catch {
        return 'refused'
      }
    })
  })
  expect(looked).toEqual(['refused', 'refused'])
  // In the frame itself: what any script of it would press.
  await use().evaluate((button: HTMLElement) => {
    button.click()
    button.dispatchEvent(new MouseEvent('click', { bubbles: true }))
  })
  await use().waitFor()
})

it('a press on what is faded or covered does not count, nor one in a frame too small; then it does', async () => {
  const waits = frame.getByText('the button has to be in sight, covered by nothing')
  const dress = (css: string) =>
    page.evaluate((text) => {
      document.querySelector('#trick')?.remove()
      const style = Object.assign(document.createElement('style'), { id: 'trick', textContent: text })
      document.head.append(style)
    }, css)
  for (const css of [
    'weft-chat { opacity: 0.02 }',
    'body::after { content: "Win a prize"; position: fixed; inset: 0; z-index: 2147483647; background: white; pointer-events: none }',
    'weft-chat { filter: brightness(1.5) }',
  ]) {
    await dress(css)
    await expect
      .poll(async () => {
        await pressUse()
        return waits.count()
      }, PATIENT)
      .toBe(1)
    await frame.getByRole('heading', { name: 'Before anything runs' }).waitFor()
    // Gone again before the next trick, so that each is seen to do it.
    await dress('')
    await frame.getByRole('button', { name: 'Not now' }).click()
  }
  expect(sockets).toEqual([])
  await context.close()
  context = await browser.newContext({ viewport: { width: 230, height: 720 } })
  page = await context.newPage()
  page.on('websocket', (socket) => sockets.push(socket.url()))
  frame = await openPanel(page, site, '/own')
  const own = frame.getByRole('button', { name: 'Use it on this device', exact: true })
  await own.click(PATIENT)
  await frame.getByText('This panel is too small to read.').waitFor(PATIENT)
  await page.setViewportSize({ width: 400, height: 720 })
  await agree(frame, 'Use it on this device')
  await frame.getByRole('textbox', { name: 'Message' }).waitFor(PATIENT)
})
