/**
 * The app without its server: it starts, answers from a kept model on both engines, and stays under its policy. Weights
 * are in none of the service worker's caches. The server is really closed; nothing is simulated.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SHELL_FILE_BYTES_MAX } from '../../web/wire/limits.ts'
import { ENGINE_CACHE, SHELL_CACHE } from '../../web/wire/shell.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { type AppServer, ask, serveModels } from '../support/app-page.ts'
import { cachedPaths, keptByBrowser } from '../support/app-versions.ts'
import { launchChromium } from '../support/chromium.ts'
import { buildApp, startTestServer, type TestServer } from '../support/server.ts'

const HELLO = { content: 'Tell me about warp and weft.', maxTokens: 12 }

const WAIT = { timeout: 30_000 }

let models: AppServer
let server: TestServer
let browser: Browser
let context: BrowserContext
let page: Page
let complaints: string[]

beforeAll(async () => {
  models = await serveModels({ tiny: tinyModel({ architecture: 'llama', types: 'Q4_1', seed: 5, contextLength: 512 }) })
  browser = await launchChromium()
})

afterAll(async () => {
  await browser?.close()
  await models?.close()
})

beforeEach(async () => {
  // Closed by most tests, so each has its own.
  server = await startTestServer({ dataDir: models.dataDir, appDir: await buildApp() })
  context = await browser.newContext()
  page = await context.newPage()
  complaints = []
  page.on('pageerror', (error) => complaints.push(error.message))
})

afterEach(async () => {
  await context.close()
  await server.close()
  expect(complaints).toEqual([])
})

async function openKept(query = ''): Promise<void> {
  await page.goto(`${server.url}/${query}`)
  await keptByBrowser(page)
}

describe('the app without its server', () => {
  it.each([
    { engine: 'stage', files: [] },
    { engine: 'cpu', files: [expect.stringMatching(/^\/assets\/cpu-wllama-[\w-]+\.wasm$/)] },
  ])('starts and answers on $engine as it did before', async ({ engine, files }) => {
    await openKept(`?engine=${engine}`)
    const before = await ask(page, HELLO)
    expect(before).toMatchObject({ engine, code: null, completionTokens: 12 })
    await expect.poll(() => cachedPaths(page, ENGINE_CACHE), WAIT).toEqual(expect.arrayContaining(files))
    await server.close()
    const answer = await page.reload()
    expect(answer?.fromServiceWorker()).toBe(true)
    expect(await ask(page, HELLO)).toMatchObject({ engine, code: null, text: before.text })
  })

  it('answers on the CPU engine from a model that only the GPU engine has used', async () => {
    await openKept('?engine=stage')
    await ask(page, HELLO)
    await expect.poll(() => cachedPaths(page, ENGINE_CACHE), WAIT).toHaveLength(1)
    await server.close()
    await page.goto(`${server.url}/?engine=cpu`)
    expect(await ask(page, HELLO)).toMatchObject({ engine: 'cpu', code: null, completionTokens: 12 })
  })

  it('keeps an engine that was loaded before the service worker was there', async () => {
    await context.route('**/sw.js', async (route) => {
      await engineLoaded
      await route.continue()
    })
    let loaded = () => {}
    const engineLoaded = new Promise<void>((resolve) => {
      loaded = resolve
    })
    await page.goto(`${server.url}/?engine=cpu`)
    await ask(page, HELLO)
    loaded()
    await keptByBrowser(page)
    await expect.poll(() => cachedPaths(page, ENGINE_CACHE), WAIT).toHaveLength(1)
  })

  it('opens at any place, with what an address hands over', async () => {
    await openKept()
    await server.close()
    for (const place of ['some/place', '#/models', '?new', '?share-text=see%20a.txt', 'deep/er/?engine=cpu#/c/1']) {
      const tab = await context.newPage()
      await tab.goto(`${server.url}/${place}`)
      await tab.getByRole('textbox', { name: 'Message' }).waitFor()
      await tab.close()
    }
  })

  it('is isolated and under the same policy', async () => {
    await openKept()
    const online = (await page.reload())?.headers() ?? {}
    await server.close()
    const offline = (await page.reload())?.headers() ?? {}
    for (const name of ['content-security-policy', 'cross-origin-opener-policy', 'cross-origin-embedder-policy']) {
      expect(offline[name], name).toBe(online[name])
      expect(offline[name], name).toBeTruthy()
    }
    const seen = await page.evaluate(async () => {
      const refused = new Promise<string>((resolve) => {
        document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective))
      })
      const script = document.createElement('script')
      script.textContent = 'globalThis.ran = true'
      document.head.append(script)
      return { isolated: crossOriginIsolated, refused: await refused, ran: 'ran' in globalThis }
    })
    expect(seen).toEqual({ isolated: true, refused: 'script-src-elem', ran: false })
  })
})

describe('what is kept', () => {
  it('is the whole shell, and of large files those of engines that are used: no weights, no list, no other host', async () => {
    await openKept('?engine=stage')
    await ask(page, HELLO)
    await page.evaluate(async () => {
      // What a page does with models: the list, a manifest, a piece of a file.
      const list = (await (await fetch('/models/index.json')).json()) as { models: { id: string }[] }
      const id = list.models[0]?.id ?? ''
      await (await fetch(`/models/${id}/manifest.json`)).arrayBuffer()
      await (await fetch(`/models/${id}/model.gguf`)).arrayBuffer()
      await (await fetch(`/models/${id}/model.gguf`, { headers: { range: 'bytes=0-99' } })).arrayBuffer()
    })
    await expect.poll(() => cachedPaths(page, ENGINE_CACHE), WAIT).toHaveLength(1)
    const appDir = await buildApp()
    const built = await readdir(appDir, { recursive: true, withFileTypes: true })
    const shell: string[] = []
    for (const file of built.filter((entry) => entry.isFile())) {
      const path = join(file.parentPath, file.name)
      const name = path.slice(appDir.length)
      const isShell = name !== '/sw.js' && !name.startsWith('/screenshots/')
      if (isShell && (await stat(path)).size <= SHELL_FILE_BYTES_MAX) shell.push(name)
    }
    expect(await cachedPaths(page, SHELL_CACHE)).toEqual(shell.sort())
    const others = (await cachedPaths(page)).filter((path) => !shell.includes(path))
    expect(others).toEqual([expect.stringMatching(/^\/assets\/cpu-wllama-/), '/config.json'])
  })

  it('is fetched by the service worker from this server only', async () => {
    const response = await fetch(`${server.url}/sw.js`)
    expect(response.headers.get('content-security-policy')).toBe(
      `default-src 'none'; script-src 'self'; connect-src 'self'`,
    )
    expect(response.headers.get('cache-control')).toBe('no-cache')
    const manifest = await fetch(`${server.url}/manifest.webmanifest`)
    expect(manifest.headers.get('content-type')).toBe('application/manifest+json')
    expect(manifest.headers.get('cache-control')).toBe('no-cache')
  })

  it('never stands between a person and the mirror', async () => {
    await openKept()
    const list = await page.goto(`${server.url}/models/index.json`)
    expect(list?.fromServiceWorker()).toBe(false)
    expect(await list?.json()).toHaveProperty('models')
  })
})

describe('a browser', () => {
  it('can install it', async () => {
    await openKept()
    const session = await context.newCDPSession(page)
    const { url, errors, data } = await session.send('Page.getAppManifest')
    expect(url).toBe(`${server.url}/manifest.webmanifest`)
    expect(errors).toEqual([])
    const { installabilityErrors } = await session.send('Page.getInstallabilityErrors')
    // A context of a test is private to the browser, which is the one thing that it may object to.
    expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito')).toEqual([])
    const manifest = JSON.parse(data ?? '') as Record<'icons' | 'screenshots', { src: string; sizes: string }[]>
    for (const { src, sizes } of [...manifest.icons, ...manifest.screenshots]) {
      if (sizes === 'any') continue
      const real = await page.evaluate(async (path) => {
        const picture = await createImageBitmap(await (await fetch(path)).blob())
        return `${picture.width}x${picture.height}`
      }, src)
      expect(real, src).toBe(sizes)
    }
  })
})
