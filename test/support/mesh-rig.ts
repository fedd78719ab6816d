/**
 * A mesh for a file of tests: the real server with a tiny model, one browser for each test, tabs that serve and tabs that
 * ask. Registers the test runner's hooks.
 */
import type { Browser, BrowserContext } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import type { IceConfig } from '../../signal/sockets/turn.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { type AppServer, serveModels } from './app-page.ts'
import { type BuiltPage, buildPage } from './build-page.ts'
import { launchChromium } from './chromium.ts'
import { type MeshTabPage, openMeshTab } from './mesh-app.ts'

export const LAYERS = 4
export const TOKENS = 120
const QUESTION = 'Tell me about warp and weft.'
const SEED = 11

export type Answer = Awaited<ReturnType<typeof askIn>>

export interface MeshRig {
  readonly modelId: string
  /** Of the server. */
  readonly url: string
  openTab(): Promise<MeshTabPage>
  /** Tabs that serve, one after the other, so that each takes what is still missing. */
  contributors(count: number, layersMax: number): Promise<readonly MeshTabPage[]>
  asker(): Promise<MeshTabPage>
  ask(tab: MeshTabPage, temperature: number): Promise<Answer>
  askPrivately(tab: MeshTabPage, temperature: number): Promise<Answer>
  /** Resolves when the server knows of so many tabs. */
  present(count: number): Promise<void>
  /** Resolves when the server knows of so many tabs that answer whole jobs. */
  offering(count: number): Promise<void>
  /** What one tab that has all layers answers; asked once a file. */
  whole(temperature: number): Promise<Answer>
}

function askIn(tab: MeshTabPage, temperature: number) {
  return tab.call('ask', QUESTION, TOKENS, temperature, SEED)
}

export interface MeshWish {
  /** A GGUF file; a tiny language model of `LAYERS` layers. */
  readonly model?: Uint8Array
  /** Of the tabs' address. */
  readonly query?: string
  /** Of each tab's context, before its first page. */
  readonly prepare?: (context: BrowserContext) => Promise<void>
  readonly ice?: () => IceConfig
  /** Of the browser. */
  readonly flags?: readonly string[]
}

export function useMesh({ model, query = '', prepare, ice, flags = [] }: MeshWish = {}): MeshRig {
  let built: BuiltPage
  let server: AppServer
  let browser: Browser
  let tabs: MeshTabPage[] = []
  const answers = new Map<number, Answer>()

  beforeAll(async () => {
    built = await buildPage('mesh-page')
    const shape = { architecture: 'llama', types: 'Q8_0', seed: 5, contextLength: 512, layers: LAYERS } as const
    server = await serveModels({ tiny: model ?? tinyModel(shape) }, built.appDir, ice ? { ice: ice() } : {})
  })
  afterAll(async () => {
    await server?.close()
    await built?.remove()
  })
  beforeEach(async () => {
    // Tabs of the test before were closed without a word.
    await expect.poll(() => server.server.hub.roster.size, { timeout: 30_000 }).toBe(0)
    tabs = []
    browser = await launchChromium({ args: [...flags] })
  })
  afterEach(async () => {
    const complaints = tabs.flatMap((tab) => tab.complaints)
    await browser.close()
    expect(complaints).toEqual([])
  })

  const modelId = () => server.ids[0] ?? ''
  const serve = async (tab: MeshTabPage, layersMax: number) => {
    const serving = await tab.call('contribute', modelId(), LAYERS, layersMax)
    if (!serving.ok) console.log(await tab.call('signals'))
    expect(serving).toMatchObject({ ok: true })
  }
  const loadHead = async (tab: MeshTabPage) => {
    expect(await tab.call('loadHead', modelId())).toMatchObject({ ok: true })
  }
  async function wholeAnswer(temperature: number): Promise<Answer> {
    const alone = await launchChromium()
    try {
      const worker = await openMeshTab(alone, `${server.url}/${query}`, prepare)
      await serve(worker, LAYERS)
      const asking = await openMeshTab(alone, `${server.url}/${query}`, prepare)
      await loadHead(asking)
      const answer = await askIn(asking, temperature)
      expect(answer.end, JSON.stringify(answer.end, null, 1)).toMatchObject({ reason: 'length' })
      expect(answer.tokens).toHaveLength(TOKENS)
      return answer
    } finally {
      await alone.close()
      await expect.poll(() => server.server.hub.roster.size, { timeout: 30_000 }).toBe(0)
    }
  }

  const rig: MeshRig = {
    get modelId() {
      return modelId()
    },
    get url() {
      return server.url
    },
    async openTab() {
      const tab = await openMeshTab(browser, `${server.url}/${query}`, prepare)
      tabs.push(tab)
      return tab
    },
    async contributors(count, layersMax) {
      const opened: MeshTabPage[] = []
      for (let index = 0; index < count; index += 1) {
        const tab = await rig.openTab()
        await serve(tab, layersMax)
        opened.push(tab)
      }
      return opened
    },
    async asker() {
      const tab = await rig.openTab()
      await loadHead(tab)
      return tab
    },
    ask: askIn,
    async present(count) {
      await expect.poll(() => server.server.hub.roster.size, { timeout: 30_000 }).toBe(count)
    },
    async offering(count) {
      const { roster } = server.server.hub
      const offering = () => roster.all().filter(({ presence }) => (presence?.offers.length ?? 0) > 0).length
      await expect.poll(offering, { timeout: 30_000 }).toBe(count)
    },
    askPrivately: (tab, temperature) => tab.call('askPrivately', QUESTION, TOKENS, temperature, SEED),
    async whole(temperature) {
      const known = answers.get(temperature) ?? (await wholeAnswer(temperature))
      answers.set(temperature, known)
      return known
    },
  }
  return rig
}
