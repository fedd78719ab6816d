/**
 * The app without its server: it starts, answers from a kept model on both engines, and stays under its policy. Weights
 * are in none of the service worker's caches. The server is really closed; nothing is simulated.
 */
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SHELL_FILE_BYTES_MAX } from '../../web/wire/limits/page.ts'
import { ENGINE_CACHE, SDK_CACHE, SHELL_CACHE } from '../../web/wire/shell.ts'
import { mlcModel } from '../fixtures/mlc-model.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { type AppServer, ask, serveModels } from '../support/app-page.ts'
import { buildVersion, cachedPaths, keptByBrowser } from '../support/app-versions.ts'
import { askByHand, composer, lastAnswer, settingsOf, shownMessages, untilEnded } from '../support/chat-screen.ts'
import { launchChromium, launchProfile } from '../support/chromium.ts'
import { addMlcFolder } from '../support/mlc-folder.ts'
import { buildApp, startTestServer, type TestServer } from '../support/server.ts'

const HELLO = { content: 'Tell me about warp and weft.', maxTokens: 12 }

const WAIT = { timeout: 30_000 }

interface Manifest {
  readonly icons: readonly { src: string; sizes: string; purpose: string }[]
  readonly shortcuts: readonly { url: string }[]
  readonly screenshots: readonly { src: string; sizes: string; form_factor: string }[]
}

let models: AppServer
let mlcId: string
let server: TestServer
let browser: Browser
let context: BrowserContext
let page: Page
let complaints: string[]

beforeAll(async () => {
  models = await serveModels({ tiny: tinyModel({ architecture: 'llama', types: 'Q4_1', seed: 5, contextLength: 512 }) })
  mlcId = await addMlcFolder(mlcModel(), models.dataDir)
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

const offline = () => page.getByRole('banner').getByText('Offline', { exact: true })

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

  it('keeps what runs an MLC model as soon as such a model is kept', async () => {
    // The made-up model runs nowhere, so that the page offers no button for it.
    const built = await buildVersion('reachable')
    await server.close()
    server = await startTestServer({ dataDir: models.dataDir, appDir: built.appDir })
    try {
      await openKept()
      await page.waitForFunction((id) => globalThis.testApp.view.entries.some(({ key }) => key === id), mlcId)
      expect(await page.evaluate((id) => globalThis.testApp.models.download(id).ok, mlcId)).toBe(true)
      const library = expect.stringMatching(/^\/assets\/webllm-/)
      await expect.poll(() => cachedPaths(page, ENGINE_CACHE), WAIT).toEqual([library])
    } finally {
      await built.remove()
    }
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

  it('shows what was said, says that the server is gone and answers by hand; once it is back, says nothing', async () => {
    await settingsOf(context, { answerTokensMax: 12 })
    await openKept('?engine=stage')
    await askByHand(page, 'Hello.')
    await untilEnded(page)
    const before = await shownMessages(page)
    await expect.poll(() => offline().count()).toBe(0)
    await server.close()
    await page.reload()
    await offline().waitFor()
    await expect.poll(() => shownMessages(page), WAIT).toEqual(before)
    await askByHand(page, 'And again.')
    expect(await untilEnded(page)).not.toBe('')
    await lastAnswer(page).getByText('Stage engine on').waitFor()
    const port = Number(new URL(server.url).port)
    server = await startTestServer({ dataDir: models.dataDir, appDir: await buildApp(), port })
    // What a browser says when a cable is in again.
    await page.evaluate(() => dispatchEvent(new Event('online')))
    await offline().waitFor({ state: 'detached' })
  })

  it('has the SDK for pages that have loaded it once', async () => {
    await openKept()
    const kinds = () =>
      page.evaluate('import("/sdk/weft.js").then(({ createWeft }) => typeof createWeft().helpers.summarise)')
    expect(await kinds()).toBe('function')
    await expect.poll(() => cachedPaths(page, SDK_CACHE), WAIT).toEqual(['/sdk/weft.js'])
    await server.close()
    await page.reload()
    await composer(page).waitFor()
    expect(await kinds()).toBe('function')
  })

  it('opens at any place', async () => {
    await openKept()
    await server.close()
    for (const place of ['some/place', '#/models', '#/settings', '?new', 'deep/er/?engine=cpu#/c/1']) {
      await page.goto(`${server.url}/${place}`)
      await page.reload()
      await page.getByRole('heading', { name: 'Weft', level: 1 }).waitFor()
    }
  })

  it('opens where the shortcuts of the installed app point', async () => {
    const text = await readFile(join(await buildApp(), 'manifest.webmanifest'), 'utf8')
    const { shortcuts } = JSON.parse(text) as Manifest
    await openKept()
    await server.close()
    const titles: string[] = []
    for (const { url } of shortcuts) {
      const tab = await context.newPage()
      await tab.goto(server.url + url)
      await tab.getByRole('heading', { name: 'Weft', level: 1 }).waitFor()
      titles.push(await tab.title())
      await tab.close()
    }
    expect(titles).toEqual(['Weft', 'Models · Weft'])
  })

  it('puts a shared text into the composer, once and unsent, beside what was being written', async () => {
    await openKept()
    await composer(page).fill('My own words')
    await server.close()
    await page.goto(`${server.url}/?share-title=A+page&share-text=See+a.txt&share-url=https%3A%2F%2Fa.example%2F`)
    const draft = 'My own words\n\nA page\nSee a.txt\nhttps://a.example/'
    await expect.poll(() => composer(page).inputValue(), WAIT).toBe(draft)
    expect(new URL(page.url()).search).toBe('')
    await page.reload()
    await expect.poll(() => composer(page).inputValue(), WAIT).toBe(draft)
    await expect.poll(() => page.getByRole('article').count()).toBe(0)
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
    const threads = (await cachedPaths(page, SHELL_CACHE)).find((path) => path.startsWith('/assets/cpu-worker-')) ?? ''
    const ownPolicy = (path: string) =>
      page.evaluate(async (file) => (await fetch(file)).headers.get('content-security-policy'), path)
    expect(await ownPolicy(threads)).toMatch(/^default-src 'none'; .*worker-src 'self' blob:/)
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
      // The last are what other pages load.
      const isShell =
        !/^\/(sw\.js|screenshots\/.*|embed\.js|sdk\/.*|(widget|admin).*|assets\/(widget|admin)\/.*)$/.test(name)
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
  it('draws the page before anything is registered', async () => {
    await openKept()
    const loaded = await page.evaluate(() => {
      const chunk = performance.getEntriesByType('resource').find(({ name }) => name.includes('workbox-window'))
      const [navigation] = performance.getEntriesByType('navigation')
      return { chunk: chunk?.startTime, load: (navigation as PerformanceNavigationTiming).loadEventStart }
    })
    expect(loaded.chunk).toBeGreaterThanOrEqual(loaded.load)
  })

  it('without locks gets an ordinary page', async () => {
    await context.addInitScript(() => {
      Reflect.deleteProperty(Navigator.prototype, 'locks')
    })
    await page.goto(server.url)
    await composer(page).waitFor()
    await page.waitForLoadState('networkidle')
    expect(await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length)).toBe(0)
  })

  it('can install it', async () => {
    // A profile as a person has one: a private window cannot install anything.
    const folder = await mkdtemp(join(tmpdir(), 'weft-profile-'))
    const profile = await launchProfile(folder)
    try {
      const tab = await profile.newPage()
      await tab.goto(server.url)
      await keptByBrowser(tab)
      const session = await profile.newCDPSession(tab)
      const { url, errors, data } = await session.send('Page.getAppManifest')
      expect(url).toBe(`${server.url}/manifest.webmanifest`)
      expect(errors).toEqual([])
      const { installabilityErrors } = await session.send('Page.getInstallabilityErrors')
      expect(installabilityErrors).toEqual([])
      const { icons, shortcuts, screenshots } = JSON.parse(data ?? '') as Manifest
      for (const purpose of ['any', 'maskable']) {
        const sizes = icons.filter((icon) => icon.purpose === purpose).map((icon) => icon.sizes)
        expect(sizes, purpose).toEqual(expect.arrayContaining(['192x192', '512x512']))
      }
      expect(screenshots.map((picture) => picture.form_factor).sort()).toEqual(['narrow', 'wide'])
      expect(shortcuts.length).toBeGreaterThan(0)
      for (const { src, sizes } of [...icons, ...screenshots]) {
        if (sizes === 'any') continue
        const real = await tab.evaluate(async (path) => {
          const picture = await createImageBitmap(await (await fetch(path)).blob())
          return `${picture.width}x${picture.height}`
        }, src)
        expect(real, src).toBe(sizes)
      }
    } finally {
      await profile.close()
      await rm(folder, { recursive: true, force: true })
    }
  })
})
