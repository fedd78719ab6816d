/**
 * The models of a browser for a file of tests: a server that misbehaves on request and counts what was fetched, a
 * context for each test, tabs with `App` and all storage. Registers the test runner's hooks; what is expected stands in
 * the tests.
 */
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest'
import type { AppView, DownloadView, ModelEntry } from '../../web/app-view.ts'
import { manifestId } from '../../web/weights/manifest.ts'
import { CHUNK_BYTES } from '../../web/wire/limits/models.ts'
import { type ModelSummary, summarise } from '../../web/wire/model.ts'
import { launchChromium } from './chromium.ts'
import { type MirrorModel, mirrorModel } from './mirror-model.ts'
import { ModelServer } from './model-server.ts'
import { putModelsPage } from './models-app.ts'
import type { ModelsPage } from './models-page.ts'

declare const models: ModelsPage

export interface ModelsRig {
  readonly context: BrowserContext
  /** The one that the server has: four chunks. */
  readonly model: MirrorModel
  readonly server: ModelServer
  tab(): Promise<Page>
  /** Opens the page again, with what is kept. */
  visit(page: Page): Promise<void>
  /** The mirror lists the same file once more, under this name; gives the id. */
  catalogue(name: string): Promise<string>
  /** Holds back what is asked for from now on; gives how to let it go. */
  shut(): () => void
  allChunks(): number[]
  entryOf(page: Page, key?: string): Promise<ModelEntry | undefined>
  seen(page: Page, key?: string): Promise<readonly string[]>
  isKept(page: Page, key?: string): Promise<unknown>
}

export function useModelsPage(): ModelsRig {
  let browser: Browser
  let context: BrowserContext
  let model: MirrorModel
  let server: ModelServer
  let listed: ModelSummary[]

  beforeAll(async () => {
    ;[browser, model] = await Promise.all([launchChromium(), mirrorModel()])
  })
  afterAll(() => browser?.close())
  beforeEach(async () => {
    server = new ModelServer(model)
    listed = [model.summary]
    await putModelsPage(server)
    await server.start()
    context = await browser.newContext()
  })
  afterEach(async () => {
    await context.close()
    await server.stop()
  })

  const rig: ModelsRig = {
    get context() {
      return context
    },
    get model() {
      return model
    },
    get server() {
      return server
    },
    async tab() {
      const page = await context.newPage()
      await rig.visit(page)
      return page
    },
    async visit(page) {
      await page.goto(server.baseUrl)
      await page.waitForFunction(() => document.title === 'ready')
    },
    async catalogue(name) {
      const manifest = { ...model.manifest, name }
      const id = await manifestId(manifest)
      server.pages.set(`/models/${id}/manifest.json`, ['application/json', JSON.stringify(manifest)])
      server.alias(id)
      listed.push(summarise(id, manifest))
      const index = { models: listed, adding: [], failed: [], defaultId: model.id }
      server.pages.set('/models/index.json', ['application/json', JSON.stringify(index)])
      return id
    },
    shut() {
      let open = () => {}
      server.gate = new Promise((resolve) => {
        open = resolve
      })
      return () => {
        server.gate = null
        open()
      }
    },
    allChunks: () => model.manifest.chunks.map((_, index) => index),
    entryOf: async (page, key = model.id) => (await view(page)).entries.find((entry) => entry.key === key),
    seen: (page, key = model.id) => page.evaluate((of) => models.seen[of] ?? [], key),
    isKept: (page, key = model.id) =>
      page.waitForFunction((of) => models.view().entries.some((entry) => entry.key === of && entry.kept), key),
  }
  return rig
}

/** A string, not a function: what a TypeScript runner adds to functions does not exist in the page. */
export function call<K extends Exclude<keyof ModelsPage, 'seen'>>(
  page: Page,
  name: K,
  ...args: Parameters<ModelsPage[K]>
): Promise<Awaited<ReturnType<ModelsPage[K]>>> {
  return page.evaluate(`models[${JSON.stringify(name)}](...${JSON.stringify(args)})`)
}

export const view = (page: Page): Promise<AppView> => call(page, 'view')
export const downloadOf = async (page: Page): Promise<DownloadView | undefined> => (await view(page)).downloads[0]
export const inState = (page: Page, state: string): Promise<unknown> =>
  page.waitForFunction((wanted) => models.view().downloads[0]?.state === wanted, state)
/** The last chunk is asked for and never sent; all others are here to stay. */
export const allButTheLast = (page: Page): Promise<unknown> =>
  vi.waitUntil(async () => (await call(page, 'keptBytes')) === 3 * CHUNK_BYTES, { timeout: 20_000 })
export const sorted = (list: readonly number[]): number[] => [...list].sort((a, b) => a - b)
