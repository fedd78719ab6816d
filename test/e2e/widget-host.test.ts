/**
 * The widget's side in a partner's page, in real Chromium, on an origin of its own: what the tag adds, what it fetches and when, its
 * words to the frame and back, and what it does not believe. The frame is played: it says what a test has it say.
 */
import type { Browser, BrowserContext, Frame, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { EMBED_HERE_MS_MAX, EMBED_QUESTION_CHARACTERS_MAX } from '../../web/wire/limits/partners.ts'
import { expectAccessible } from '../support/accessible.ts'
import { PATIENT } from '../support/chat-screen.ts'
import { launchChromium } from '../support/chromium.ts'
import { type PartnerSite, servePartner } from '../support/partner-page.ts'
import { buildApp, startTestServer, type TestServer } from '../support/server.ts'

const KEY = 'pk_test'
const TAG = `data-weft-key="${KEY}"`
const FRAME = `<!doctype html><html lang="en"><title>Weft</title><body><p>The frame.</p><button>Inside</button><script>
  window.heard = []
  addEventListener('message', ({ data, origin }) => heard.push({ data, origin }))
  window.say = (word, to = '*') => parent.postMessage({ weft: 1, ...word }, to)
</script></body></html>`
/** So that a frame may stand in a page that is isolated. */
const ISOLATED = { 'Cross-Origin-Embedder-Policy': 'require-corp', 'Cross-Origin-Opener-Policy': 'same-origin' }

let server: TestServer
let partner: PartnerSite
let browser: Browser
let context: BrowserContext
let page: Page
let requests: string[]
let complaints: string[]

beforeAll(async () => {
  server = await startTestServer({ appDir: await buildApp() })
  const { origin } = new URL(server.url)
  const policy = `default-src 'none'; script-src ${origin}; frame-src ${origin}; style-src 'none'`
  partner = await servePartner(origin, {
    '/': { tag: TAG },
    '/strict': { tag: TAG, headers: { 'Content-Security-Policy': policy } },
    '/isolated': { tag: TAG, headers: ISOLATED },
    '/themed': {
      tag: `${TAG} data-weft-label="Fragen" data-weft-language="de" data-weft-look="dark" data-weft-side="left"`,
      style: 'weft-chat { --weft-accent: #0a7d5a; --weft-radius: 4px; --weft-ink: url(https://elsewhere.example/) }',
    },
    '/eager': {
      tag: TAG,
      script: `customElements.whenDefined('weft-chat').then(() => {
        const chat = document.querySelector('weft-chat')
        document.documentElement.dataset.early = JSON.stringify([chat.open(), chat.ask('What is weft?')])
      })`,
    },
    '/manual': { tag: `${TAG} data-weft-manual` },
  })
  browser = await launchChromium()
})
afterAll(async () => {
  await browser?.close()
  await partner?.close()
  await server?.close()
})
beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1_024, height: 720 } })
  page = await context.newPage()
  requests = []
  complaints = []
  page.on('request', (request) => requests.push(request.url()))
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  await context.route('**/widget.html*', (route) =>
    route.fulfill({
      body: FRAME,
      contentType: 'text/html',
      headers: { ...ISOLATED, 'Cross-Origin-Resource-Policy': 'cross-origin' },
    }),
  )
})
afterEach(async () => {
  await context.close()
  expect(complaints).toEqual([])
})

const launcher = (name = 'Ask') => page.getByRole('button', { name, exact: true })
const panel = () => page.getByRole('dialog')
const toWeft = () => requests.filter((url) => url.startsWith(server.url))

async function open(path = '/'): Promise<void> {
  await page.goto(partner.url + path)
  await page.evaluate(() => {
    window.told = []
    const names = ['weft-ready', 'weft-open', 'weft-close', 'weft-state', 'weft-answer']
    for (const name of names) addEventListener(name, (event) => window.told.push([name, (event as CustomEvent).detail]))
  })
}

async function frame(): Promise<Frame> {
  const inner = await vi.waitFor(() => {
    const found = page.frames().find((one) => one.url().includes('/widget.html'))
    if (!found) throw new Error('there is no frame')
    return found
  }, PATIENT)
  await inner.waitForFunction('"say" in window')
  return inner
}

async function opened(path = '/'): Promise<Frame> {
  await open(path)
  await page.getByRole('button').click()
  await panel().waitFor()
  return frame()
}

const say = (inner: Frame, word: object) => inner.evaluate((given) => window.say(given), word)
const heard = (inner: Frame) => inner.evaluate(() => window.heard)
const told = () => page.evaluate(() => window.told)
/** What a page that has the element calls. */
const call = (verb: 'open' | 'ask' | 'setContext' | 'suggest', given: unknown = null) =>
  page.evaluate(
    ([name, value]) => {
      const chat = document.querySelector('weft-chat') as unknown as Record<string, (value: unknown) => object>
      return chat[name]?.(value)
    },
    [verb, given] as const,
  )

describe('before the visitor acts', () => {
  it('there is a launcher, and nothing was fetched but the script, kept or moved', async () => {
    await open()
    await launcher().waitFor()
    const before = await page.evaluate(() => [document.documentElement.scrollHeight, document.body.scrollWidth])
    await page.evaluate(() => document.querySelector('weft-chat')?.remove())
    expect(await page.evaluate(() => [document.documentElement.scrollHeight, document.body.scrollWidth])).toEqual(
      before,
    )
    expect(toWeft()).toEqual([`${server.url}/embed.js`])
    expect(await context.cookies()).toEqual([])
    const shifts = await page.evaluate(() => performance.getEntriesByType('layout-shift').length)
    expect(shifts).toBe(0)
  })

  it('the page cannot open it', async () => {
    await open('/eager')
    // Asked by the page's own script: what a test asks for counts as a visitor's act.
    const early = page.locator('[data-early]')
    await early.waitFor({ state: 'attached' })
    expect(JSON.parse((await early.getAttribute('data-early')) ?? '')).toMatchObject([
      { ok: false, code: 'embed-no-visitor' },
      { ok: false, code: 'embed-no-visitor' },
    ])
    expect(await panel().count()).toBe(0)
    expect(page.frames()).toHaveLength(1)
    expect(toWeft()).toEqual([`${server.url}/embed.js`])
  })

  it('a page may place its own', async () => {
    await open('/manual')
    await page.evaluate(() => customElements.whenDefined('weft-chat').then(() => {}))
    expect(await page.locator('weft-chat').count()).toBe(0)
    await page.evaluate(() => document.body.append(document.createElement('weft-chat')))
    await launcher().click()
    await frame()
  })
})

describe('the frame', () => {
  it('is a sandboxed one of Weft, with the key, made by the first press', async () => {
    const inner = await opened()
    const address = new URL(inner.url())
    expect(address.origin).toBe(new URL(server.url).origin)
    expect(address.searchParams.get('key')).toBe(KEY)
    const sandbox = await page.locator('iframe').getAttribute('sandbox')
    expect(sandbox?.split(' ').sort()).toEqual([
      'allow-forms',
      'allow-popups',
      'allow-popups-to-escape-sandbox',
      'allow-same-origin',
      'allow-scripts',
      'allow-storage-access-by-user-activation',
    ])
    await expectAccessible(page)
  })

  it('is told who it talks to, and what the page has said before, the newest of each kind', async () => {
    await open()
    await launcher().waitFor()
    for (const text of ['old', 'The page.']) expect(await call('setContext', text)).toEqual({ ok: true, value: null })
    expect(await call('suggest', ['One?'])).toMatchObject({ ok: true })
    await launcher().click()
    const inner = await frame()
    expect(await call('ask', 'What is weft?')).toMatchObject({ ok: true })
    expect(await heard(inner)).toEqual([])
    await say(inner, { kind: 'here', version: 1 })
    await expect.poll(() => heard(inner), PATIENT).toHaveLength(5)
    const said = await heard(inner)
    expect(new Set(said.map(({ origin }) => origin))).toEqual(new Set([partner.url]))
    expect(said[0]?.data).toMatchObject({ kind: 'hello', version: 1, look: 'system', language: 'en', theme: {} })
    expect(said.slice(1).map(({ data }) => data)).toEqual(
      expect.arrayContaining([
        { weft: 1, kind: 'context', text: 'The page.' },
        { weft: 1, kind: 'suggest', questions: ['One?'] },
        { weft: 1, kind: 'shown', shown: true },
        { weft: 1, kind: 'ask', text: 'What is weft?' },
      ]),
    )
  })

  it('has the look of the page, without what is none', async () => {
    const warnings: string[] = []
    page.on('console', (message) => message.type() === 'warning' && warnings.push(message.text()))
    const inner = await opened('/themed')
    await say(inner, { kind: 'here', version: 1 })
    await expect.poll(() => heard(inner), PATIENT).not.toHaveLength(0)
    const [hello] = await heard(inner)
    expect(hello?.data).toMatchObject({ look: 'dark', language: 'de', theme: { accent: '#0a7d5a', radius: '4px' } })
    expect(hello?.data).not.toHaveProperty('theme.ink')
    expect(warnings.join()).toContain('--weft-ink')
    await launcher('Fragen').waitFor()
    const box = await launcher('Fragen').boundingBox()
    expect(box?.x).toBeLessThan(100)
    await expectAccessible(page)
  })

  it('tells the page how it stands, and closes; the keyboard is where it was', async () => {
    const inner = await opened()
    await say(inner, { kind: 'here', version: 1 })
    await say(inner, { kind: 'state', consent: 'use', work: 'answering', refused: null })
    await say(inner, { kind: 'answered', reason: 'stop' })
    await inner.getByRole('button', { name: 'Inside' }).focus()
    await say(inner, { kind: 'close' })
    await panel().waitFor({ state: 'hidden' })
    await expect.poll(told, PATIENT).toEqual([
      ['weft-open', null],
      ['weft-ready', null],
      ['weft-state', { consent: 'use', work: 'answering', refused: null }],
      ['weft-answer', { reason: 'stop' }],
      ['weft-close', null],
    ])
    expect(await launcher().evaluate((button) => button.matches(':focus'))).toBe(true)
    await page.keyboard.press('Enter')
    await panel().waitFor()
    expect(requests.filter((url) => url.includes('/widget.html'))).toHaveLength(1)
  })

  it('that says nothing does not answer', async () => {
    await page.clock.install()
    await open()
    await launcher().click()
    await frame()
    await page.clock.fastForward(EMBED_HERE_MS_MAX)
    await panel()
      .getByText(`${new URL(server.url).host} does not answer.`)
      .waitFor()
    await launcher().click()
    await panel().waitFor({ state: 'hidden' })
    await page.setViewportSize({ width: 390, height: 760 })
    await launcher().click()
    await panel().getByRole('button', { name: 'Close' }).click()
    await panel().waitFor({ state: 'hidden' })
  })
})

describe('not believed', () => {
  it('words of the page itself, of another frame, and what is malformed', async () => {
    const inner = await opened()
    await say(inner, { kind: 'here', version: 1 })
    await expect.poll(() => heard(inner), PATIENT).not.toHaveLength(0)
    await page.evaluate(() => {
      postMessage({ weft: 1, kind: 'close' }, '*')
      const other = document.createElement('iframe')
      other.srcdoc = '<script>parent.postMessage({ weft: 1, kind: "close" }, "*")</script>'
      document.body.append(other)
    })
    for (const word of [{ kind: 'eval' }, { kind: 'state', consent: 'all' }, { kind: 'answered', reason: '<b>' }])
      await say(inner, word)
    // After all of them, so that they have come.
    await say(inner, { kind: 'answered', reason: 'stop' })
    await expect.poll(async () => (await told()).at(-1)).toEqual(['weft-answer', { reason: 'stop' }])
    expect((await told()).map(([name]) => name)).toEqual(['weft-open', 'weft-ready', 'weft-answer'])
    expect(await panel().isVisible()).toBe(true)
  })

  it('what a page says beyond the caps, where it says it', async () => {
    const inner = await opened()
    await say(inner, { kind: 'here', version: 1 })
    await expect.poll(() => heard(inner), PATIENT).not.toHaveLength(0)
    const count = (await heard(inner)).length
    const long = 'x'.repeat(EMBED_QUESTION_CHARACTERS_MAX + 1)
    for (const [verb, given] of [
      ['ask', long],
      ['ask', 7],
      ['suggest', [long]],
      ['suggest', null],
      ['setContext', {}],
    ] as const)
      expect(await call(verb, given)).toMatchObject({ ok: false, code: 'embed-word' })
    expect(await call('ask', 'Short?')).toMatchObject({ ok: true })
    await expect.poll(async () => (await heard(inner)).length, PATIENT).toBe(count + 1)
  })
})

describe('on pages of all kinds', () => {
  it.each(['/strict', '/isolated'])('%s', async (path) => {
    const inner = await opened(path)
    await say(inner, { kind: 'here', version: 1 })
    await expect.poll(() => heard(inner), PATIENT).not.toHaveLength(0)
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(path === '/isolated')
    const box = await page.locator('iframe').boundingBox()
    expect(box?.width).toBeGreaterThan(380)
  })

  it('on a phone the panel is the screen, and the way back lies in the frame', async () => {
    await page.setViewportSize({ width: 360, height: 640 })
    await opened()
    const box = () => page.locator('iframe').boundingBox()
    await expect.poll(box, PATIENT).toEqual({ x: 0, y: 0, width: 360, height: 640 })
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
  })
})

declare global {
  interface Window {
    told: [string, object | null][]
    heard: { data: object; origin: string }[]
    say: (word: object) => void
  }
}
