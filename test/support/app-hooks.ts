/**
 * The set-up that end-to-end tests of the product share: one server with tiny models for a file, a browser for each of
 * its tests, and no complaint of a page left unread. Registers the test runner's hooks; what is asked stands in the tests.
 */
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { type TinyModelSpec, tinyModel } from '../fixtures/tiny-model.ts'
import { type AppServer, serveModels } from './app-page.ts'
import { launchChromium } from './chromium.ts'

/** Seeded, so that their text means nothing but every token counts. */
const TINY: Readonly<Record<'llama' | 'qwen3', TinyModelSpec>> = {
  llama: { architecture: 'llama', types: 'Q4_1', seed: 5, contextLength: 1024 },
  qwen3: { architecture: 'qwen3', types: 'Q8_0', seed: 6, headDim: 32 },
}

/** An answer that is long enough to be interrupted in its middle: over 60 tokens, the same ones by this seed. */
export const LONG = { content: 'Tell me about warp and weft.', temperature: 0.8, seed: 11, maxTokens: 160 }
export const SHORT = { content: 'Hello there.', maxTokens: 12 }

export type UsedServer = Pick<AppServer, 'url' | 'ids' | 'dataDir'>

/** A server for the file, whose mirror holds these. Its ids are in the order of the names. */
export function useModels(...names: readonly (keyof typeof TINY)[]): UsedServer {
  return useFiles(() => Object.fromEntries(names.map((name) => [name, tinyModel(TINY[name])])))
}

/** The same with models of the test's own, as files. */
export function useFiles(make: () => Readonly<Record<string, Uint8Array>>): UsedServer {
  let server: AppServer
  beforeAll(async () => {
    server = await serveModels(make())
  })
  afterAll(() => server?.close())
  return {
    get url() {
      return server.url
    },
    get ids() {
      return server.ids
    },
    get dataDir() {
      return server.dataDir
    },
  }
}

export interface UsedBrowser {
  /** A new page of this test's browser, at this address. */
  open(url: string): Promise<Page>
}

export interface BrowserWish {
  /** An error there fails the test too. Errors that nobody caught always do. */
  readonly console?: boolean
  readonly context?: BrowserContextOptions
  /** Before the first page. */
  readonly prepare?: (context: BrowserContext) => Promise<void>
}

export function useBrowser(wish: BrowserWish = {}): UsedBrowser {
  let browser: Browser
  let context: BrowserContext
  let complaints: string[]
  beforeEach(async () => {
    complaints = []
    // Of its own for each test: a crashed GPU process stays with the browser.
    browser = await launchChromium()
    context = await browser.newContext(wish.context)
    context.on('weberror', (found) => complaints.push(found.error().message))
    context.on('console', (message) => {
      if (wish.console && message.type() === 'error') complaints.push(message.text())
    })
    await wish.prepare?.(context)
  })
  afterEach(async () => {
    await browser.close()
    expect(complaints).toEqual([])
  })
  return {
    async open(url) {
      const page = await context.newPage()
      await page.goto(url)
      return page
    },
  }
}
