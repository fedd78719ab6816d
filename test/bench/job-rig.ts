/** The tabs of the jobs bench: real Chromium, real WebRTC between contexts, the real server. Asks nothing by itself. */
import type { Browser } from 'playwright'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { type AppServer, serveModels } from '../support/app-page.ts'
import { type BuiltPage, buildPage } from '../support/build-page.ts'
import { launchChromium } from '../support/chromium.ts'
import type { JobAsk } from '../support/job-page.ts'
import { type MeshTabPage, openMeshTab } from '../support/mesh-app.ts'

export const LAYERS = 4
/** Of the engine that says the same words to whoever asks, so many a second. */
export const TOKEN_MS = 10
export const PREFILL_MS = 40
/** As the fixed engine counts every prompt. */
export const PROMPT_TOKENS = 8
const PARALLEL = 4

/** `fixed`: workers of the fixed engine; `real`: of the tiny model on the software GPU. */
export type Engine = 'fixed' | 'real'

export interface JobWorkerTab {
  readonly tab: MeshTabPage
  readonly peer: string
}

export class JobBench {
  readonly browser: Browser
  readonly modelId: string
  readonly #server: AppServer
  readonly #built: BuiltPage
  readonly #query: string

  private constructor(browser: Browser, server: AppServer, built: BuiltPage, engine: Engine) {
    this.browser = browser
    this.#server = server
    this.#built = built
    this.modelId = server.ids[0] ?? ''
    this.#query = engine === 'fixed' ? `?jobs=fixed&tokenMs=${TOKEN_MS}&prefillMs=${PREFILL_MS}` : ''
  }

  static async start(engine: Engine): Promise<JobBench> {
    const built = await buildPage('mesh-page')
    const model = tinyModel({ architecture: 'llama', types: 'Q8_0', seed: 5, contextLength: 512, layers: LAYERS })
    const server = await serveModels({ tiny: model }, built.appDir)
    return new JobBench(await launchChromium(), server, built, engine)
  }

  asker(): Promise<MeshTabPage> {
    return openMeshTab(this.browser, `${this.#server.url}/${this.#query}`)
  }

  async worker(): Promise<JobWorkerTab> {
    const tab = await this.asker()
    const speed = 1_000 / TOKEN_MS
    if (this.#query !== '') await tab.call('offerFixed', [this.modelId], LAYERS, PARALLEL, speed)
    else {
      const loaded = await tab.call('offerJobs', this.modelId, LAYERS, PARALLEL)
      if (!loaded.ok) throw new Error(loaded.code)
    }
    const peer = await tab.call('peer')
    const { roster } = this.#server.server.hub
    while (roster.peer(peer)?.presence?.offers.length !== 1) await new Promise((resolve) => setTimeout(resolve, 20))
    return { tab, peer }
  }

  question(content: string, maxTokens: number, more: Partial<JobAsk> = {}): JobAsk {
    return { modelId: this.modelId, layers: LAYERS, content, promptTokens: PROMPT_TOKENS, maxTokens, ...more }
  }

  async close(): Promise<void> {
    await this.browser.close()
    await this.#server.close()
    await this.#built.remove()
  }
}

export async function times<T>(count: number, make: (at: number) => Promise<T>): Promise<T[]> {
  const made: T[] = []
  for (let at = 0; at < count; at += 1) made.push(await make(at))
  return made
}
