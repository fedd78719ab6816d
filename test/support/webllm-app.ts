/**
 * The WebLLM engine in a Chromium page, for tests in Node that spoil what it is given. Builds `webllm-page.ts` as the app
 * is built, once in a run, and drives it. Knows no model.
 */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, BrowserContext, Frame, Page } from 'playwright'
import { buildRig } from './build-page.ts'
import type { WebLlmPage } from './webllm-page.ts'

let built: Promise<string> | null = null

/** The folder of the built page, with its worker and the package in files of their own. */
export function buildWebLlmPage(): Promise<string> {
  built ??= bundle()
  return built
}

async function bundle(): Promise<string> {
  const outDir = await buildRig('webllm-page')
  copyFileSync(join(outDir, 'webllm-page.html'), join(outDir, 'index.html'))
  return outDir
}

export class WebLlmApp {
  readonly page: Page
  readonly context: BrowserContext
  /** Everything that the page and its workers wrote to the console, and errors that nobody caught. */
  readonly log: string[] = []

  private constructor(context: BrowserContext, page: Page) {
    this.context = context
    this.page = page
    context.on('console', (message) => this.log.push(message.text()))
    page.on('pageerror', (error) => this.log.push(String(error)))
  }

  /** A browser profile of its own. */
  static async open(browser: Browser, url: string): Promise<WebLlmApp> {
    const context = await browser.newContext()
    const app = new WebLlmApp(context, await context.newPage())
    await app.visit(url)
    return app
  }

  async visit(url: string): Promise<void> {
    await this.page.goto(url)
    await this.#frame.waitForFunction('document.title === "ready"')
  }

  /** The page itself, or the frame in it. */
  get #frame(): Frame {
    return this.page.frames().at(-1) ?? this.page.mainFrame()
  }

  /** A string, not a function: what a TypeScript runner adds to functions does not exist in the page. */
  call<K extends keyof WebLlmPage>(
    name: K,
    ...args: Parameters<WebLlmPage[K]>
  ): Promise<Awaited<ReturnType<WebLlmPage[K]>>> {
    return this.#frame.evaluate(`window.webllm[${JSON.stringify(name)}](...${JSON.stringify(args)})`)
  }

  async close(): Promise<void> {
    await this.context.close()
  }
}
