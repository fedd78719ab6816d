/**
 * The page that ships over a played engine, as a person meets it: opened, asked, looked at. Registers the test runner's
 * hooks: one server and browser for a file, a context for each test, no complaint of the page left unread.
 */
import type { Browser, BrowserContext, Locator, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import type { ChatEvent } from '../../web/wire/chat.ts'
import { expectAccessible } from './accessible.ts'
import { launchChromium } from './chromium.ts'
import { fakeModel } from './fake-engine.ts'
import type { Fake } from './fake-page.ts'
import { type FakePageServer, serveFakePage } from './fake-page-server.ts'

export const small = fakeModel(1, { name: 'Small-Instruct', license: 'Apache-2.0' })
export const large = fakeModel(2, { name: 'Large-Instruct', fileBytes: 42e9 })
export const mirror = { models: [small, large], adding: [], failed: [], defaultId: small.id }
export const PHONE = { width: 320, height: 568 }
const DESK = { width: 1_024, height: 720 }

interface Scene {
  readonly mirror?: object
  readonly facts?: object
  readonly settings?: object
  readonly kept?: readonly object[]
}

export class PlayedPage {
  readonly page: Page
  readonly context: BrowserContext
  readonly url: string

  constructor(page: Page, url: string) {
    this.page = page
    this.context = page.context()
    this.url = url
  }

  /** With the fakes set up; the models of the mirror are known, the large one does not fit. */
  async open(scene: Scene = {}, hash = ''): Promise<void> {
    const setup = { mirror, facts: null, settings: null, kept: [], models: [small, large], ...scene }
    await this.page.addInitScript((given) => {
      window.fakeSetup = ({ engine, catalogue }: Fake) => {
        engine.knows(given.models)
        const tooLarge = { gpuBytes: 44e9, gpuBytesMax: 2e9, fits: false }
        engine.inspections.set(given.models[1]?.id ?? '', { ok: true, value: tooLarge })
        catalogue.mirror = { ok: true, value: given.mirror as never }
        if (given.facts) engine.facts = given.facts as never
        if (given.settings) catalogue.settings = { ok: true, value: given.settings as never }
        engine.kept = given.kept as never
      }
    }, setup)
    await this.page.goto(this.url + hash)
  }

  get message(): Locator {
    return this.page.getByRole('textbox', { name: 'Message', exact: true })
  }

  get send(): Locator {
    return this.button('Send')
  }

  get stop(): Locator {
    return this.button('Stop')
  }

  get model(): Locator {
    return this.page.getByRole('combobox', { name: 'Model' })
  }

  get conversation(): Locator {
    return this.page.getByRole('log', { name: 'Conversation' })
  }

  /** The list of conversations. */
  get list(): Locator {
    return this.page.getByRole('navigation', { name: 'Conversations' })
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true })
  }

  untilLoading(): Promise<void> {
    return this.page.evaluate(() => window.fake.engine.until(() => window.fake.engine.loading))
  }

  untilAnswering(): Promise<void> {
    return this.page.evaluate(() => window.fake.engine.until(() => window.fake.engine.answering))
  }

  finishLoad(): Promise<void> {
    return this.page.evaluate(() => window.fake.engine.finishLoad())
  }

  emit(event: ChatEvent): Promise<void> {
    return this.page.evaluate((given) => window.fake.engine.emit(given), event)
  }

  /** This text, then a good end. */
  answer(text: string): Promise<void> {
    return this.page.evaluate((given) => window.fake.engine.answer(given), text)
  }

  /** What the engine was asked last. */
  request() {
    return this.page.evaluate(() => {
      const last = window.fake.engine.requests.at(-1)
      // Numbers of 64 bits do not travel.
      return last ? { ...last, sampling: { ...last.sampling, seed: 0 } } : null
    })
  }

  async askWithLoad(question: string): Promise<void> {
    await this.message.fill(question)
    await this.send.click()
    await this.untilLoading()
    await this.finishLoad()
    await this.untilAnswering()
  }

  /** A question and its whole answer; the first one of a page loads the model. */
  async ask(question: string, answer: string): Promise<void> {
    await this.message.fill(question)
    await this.send.click()
    await this.page.evaluate(async () => {
      const { engine } = window.fake
      await engine.until(() => engine.loading || engine.answering)
      if (engine.loading) engine.finishLoad()
      await engine.until(() => engine.answering)
    })
    await this.answer(answer)
    await this.send.waitFor()
  }

  expectAccessible(): Promise<void> {
    return expectAccessible(this.page)
  }

  async expectNoSideways(): Promise<void> {
    const over = await this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    expect(over).toBeLessThanOrEqual(0)
  }

  /** Light, dark and on a phone: readable, and nothing to scroll sideways for. Leaves it dark and narrow. */
  async expectSound(): Promise<void> {
    await this.expectNoSideways()
    await this.expectAccessible()
    await this.page.emulateMedia({ colorScheme: 'dark' })
    await this.expectAccessible()
    await this.page.setViewportSize(PHONE)
    await this.expectNoSideways()
    await this.expectAccessible()
  }
}

interface UsedPage {
  readonly current: PlayedPage
}

export function usePlayedPage(): UsedPage {
  let server: FakePageServer
  let browser: Browser
  let context: BrowserContext
  let current: PlayedPage
  let complaints: string[]

  beforeAll(async () => {
    server = await serveFakePage()
    browser = await launchChromium()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })
  beforeEach(async () => {
    context = await browser.newContext({ viewport: DESK })
    complaints = []
    context.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
    })
    context.on('weberror', (found) => complaints.push(found.error().message))
    current = new PlayedPage(await context.newPage(), server.url)
  })
  afterEach(async () => {
    await context.close()
    expect(complaints).toEqual([])
  })
  return {
    get current() {
      return current
    },
  }
}
