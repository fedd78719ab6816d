/**
 * The CPU engine under the product's own server: its policy for the one worker that starts others from blobs, threads
 * with isolation and one without, nothing of llama.cpp before it is needed, and no word on the console.
 */
import { readdir, readFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { useModels } from '../support/app-hooks.ts'
import { type BuiltPage, buildPage } from '../support/build-page.ts'
import { launchChromium } from '../support/chromium.ts'
import { openCpuPage } from '../support/cpu-app.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

const models = useModels('llama')
let app: BuiltPage
let server: TestServer
let browser: Browser
let id = ''

beforeAll(async () => {
  id = models.ids[0] ?? ''
  app = await buildPage('cpu-page')
  server = await startTestServer({ dataDir: models.dataDir, appDir: app.appDir })
  browser = await launchChromium()
})

afterAll(async () => {
  await browser?.close()
  await server?.close()
  await app?.remove()
})

describe('in an isolated page', () => {
  it('answers with several threads under the strict policy, and loads again without the network', async () => {
    const { call, complaints, requests, page } = await openCpuPage(browser, server.url)
    expect(await call('isolated')).toBe(true)
    expect(await call('probe')).toMatchObject({ ok: true, value: { software: false } })
    expect(await call('inspect', id)).toMatchObject({ ok: true, value: { fits: true } })
    // Until a model is loaded, nothing of llama.cpp was fetched.
    expect(requests.filter((path) => path.includes('llama'))).toEqual([])
    const loaded = await call('load', id)
    // One core has no second thread to offer.
    const words = cpus().length > 1 ? /^CPU, \d+ threads$/ : /^CPU, 1 thread$/
    expect(loaded).toMatchObject({
      ok: true,
      value: { engine: 'cpu', adapter: expect.stringMatching(words), notice: null },
    })
    expect(requests.filter((path) => path.endsWith('.wasm'))).toHaveLength(1)
    const answer = await call('ask', 'Tell me about the sea.', 12)
    expect(answer.end).toMatchObject({ reason: 'length', usage: { completionTokens: 12 } })
    expect(answer.text).not.toBe('')
    const fetches = requests.filter((path) => path.endsWith('.gguf')).length
    expect(fetches).toBeGreaterThan(0)
    await page.reload()
    await page.waitForFunction('document.title === "ready"')
    expect((await call('cached')).map((model) => model.id)).toEqual([id])
    expect(await call('load', id)).toMatchObject({ ok: true })
    expect((await call('ask', 'Tell me about the sea.', 12)).text).toBe(answer.text)
    expect(requests.filter((path) => path.endsWith('.gguf'))).toHaveLength(fetches)
    expect(complaints).toEqual([])
  })
})

describe('in a page that is not isolated', () => {
  it('answers with one thread, says so, and says the same', async () => {
    const alone = await openCpuPage(browser, server.url, { isolated: false })
    expect(await alone.call('isolated')).toBe(false)
    const adapter = 'CPU, 1 thread (this page is not isolated)'
    expect(await alone.call('load', id)).toMatchObject({ ok: true, value: { adapter } })
    const answer = await alone.call('ask', 'Tell me about the sea.', 12)
    expect(answer.end).toMatchObject({ reason: 'length', usage: { completionTokens: 12 } })
    expect(alone.complaints).toEqual([])
  })
})

describe('an engine that cannot start', () => {
  it('says so where its WASM does not come, and starts without a reload once it does', async () => {
    const { call, page } = await openCpuPage(browser, server.url)
    await page.context().route('**/*.wasm', (route) => route.abort())
    expect(await call('load', id)).toMatchObject({ ok: false, code: 'engine-failed' })
    await page.context().unroute('**/*.wasm')
    expect(await call('load', id)).toMatchObject({ ok: true })
    expect((await call('ask', 'Hello', 4)).end).toMatchObject({ usage: { completionTokens: 4 } })
  })

  it('says so where a host forbids workers from blobs', async () => {
    const { call, page } = await openCpuPage(browser, server.url)
    await page.context().route('**/cpu-worker-*.js', async (route) => {
      const response = await route.fetch()
      const policy = `default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'`
      await route.fulfill({ response, headers: { ...response.headers(), 'content-security-policy': policy } })
    })
    expect(await call('load', id)).toMatchObject({ ok: false, code: 'engine-failed' })
  })

  it('refuses a mirror that lies, before llama.cpp sees a byte', async () => {
    const { call, page, requests } = await openCpuPage(browser, server.url)
    await page.context().route('**/model.gguf', async (route) => {
      const response = await route.fetch()
      const body = await response.body()
      body[body.length - 1] = (body[body.length - 1] ?? 0) ^ 1
      await route.fulfill({ response, body })
    })
    expect(await call('load', id)).toMatchObject({ ok: false, code: 'chunk-hash-mismatch' })
    expect(requests.filter((path) => path.endsWith('.wasm'))).toEqual([])
    await page.context().unroute('**/model.gguf')
    expect(await call('load', id)).toMatchObject({ ok: true })
  })
})

describe('the built app', () => {
  it('gives blob workers to the script of the CPU worker alone', async () => {
    const files = (await readdir(join(app.appDir, 'assets'))).map((name) => `/assets/${name}`)
    const mayStartBlobs: string[] = []
    for (const path of ['/', '/index.html', '/some/place', '/models/index.json', '/cpu/worker.ts', ...files]) {
      const policy = (await fetch(server.url + path)).headers.get('content-security-policy') ?? ''
      expect(policy, path).toContain(`script-src 'self' 'wasm-unsafe-eval'`)
      if (/worker-src[^;]*blob:/.test(policy)) mayStartBlobs.push(path)
    }
    expect(mayStartBlobs).toEqual([expect.stringMatching(/^\/assets\/cpu-worker-[\w-]+\.js$/)])
  })

  it('keeps llama.cpp out of the page and out of the worker until a model is loaded', async () => {
    const assets = join(app.appDir, 'assets')
    const withLlama: string[] = []
    for (const name of await readdir(assets)) {
      if (name.endsWith('.js') && (await readFile(join(assets, name), 'utf8')).includes('wllama.wasm'))
        withLlama.push(name)
    }
    expect(withLlama).toEqual([expect.stringMatching(/^llama-/)])
  })
})
