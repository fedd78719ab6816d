/**
 * One answer in Markdown on a page of its own, under the product's policy. Registers the test runner's hooks: one
 * server and browser for a file, a context for each test, and nothing complained of, refused or fetched without the
 * test's word.
 */
import type { Browser, BrowserContext, Locator, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { launchChromium } from './chromium.ts'
import { type FakePageServer, serveFakePage } from './fake-page-server.ts'
import type {} from './markdown-page.svelte.ts'

declare global {
  interface Window {
    /** What the policy has refused. */
    refused: string[]
  }
}

export const PHONE = { width: 320, height: 568 }

export interface MarkdownRig {
  readonly url: string
  readonly context: BrowserContext
  readonly page: Page
  /** What the page has said so far; what is left at the end fails the test. */
  readonly complaints: string[]
  show(text: string, running?: boolean): Promise<void>
  drawn(): Locator
  drawnText(): Promise<string>
  untilTinted(): Promise<void>
  sidewaysPixels(): Promise<number>
}

export function useMarkdown(): MarkdownRig {
  let server: FakePageServer
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let complaints: string[]
  /** Every address that the page has asked for, but the ones it is made of. */
  let asked: string[]

  beforeAll(async () => {
    server = await serveFakePage('markdown-page.svelte.ts')
    browser = await launchChromium()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })
  beforeEach(async () => {
    context = await browser.newContext({ viewport: { width: 1024, height: 720 } })
    page = await context.newPage()
    complaints = []
    asked = []
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    context.on('request', (request) => {
      if (!request.url().startsWith(server.url)) asked.push(request.url())
    })
    await page.addInitScript(() => {
      window.refused = []
      document.addEventListener('securitypolicyviolation', (event) => window.refused.push(event.blockedURI))
    })
    await page.goto(server.url)
  })
  afterEach(async () => {
    const refused = await page.evaluate(() => window.refused)
    await context.close()
    expect({ complaints, refused, asked }).toEqual({ complaints: [], refused: [], asked: [] })
  })

  const drawn = () => page.locator('.markdown')
  return {
    get url() {
      return server.url
    },
    get context() {
      return context
    },
    get page() {
      return page
    },
    get complaints() {
      return complaints
    },
    show(text, running = false) {
      return page.evaluate((given) => window.answer.show(given.text, given.running), { text, running })
    },
    drawn,
    async drawnText() {
      return (await drawn().textContent()) ?? ''
    },
    untilTinted() {
      return drawn().locator('code .keyword').first().waitFor()
    },
    sidewaysPixels() {
      return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    },
  }
}
