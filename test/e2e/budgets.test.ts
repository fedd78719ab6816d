/** The shell stays small: what `npm run budgets` counts, held in every run. Times are reported there and not judged here. */
import type { Browser } from 'playwright'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { SDK_GZIP_BYTES_MAX, SHELL_GZIP_BYTES_MAX } from '../../web/wire/limits/page.ts'
import { EMBED_GZIP_BYTES_MAX } from '../../web/wire/limits/partners.ts'
import { measureSdk, measureShell } from '../bench/app-budgets.ts'
import { launchChromium } from '../support/chromium.ts'
import { buildApp, startTestServer, type TestServer } from '../support/server.ts'

let server: TestServer
let browser: Browser

beforeAll(async () => {
  server = await startTestServer({ appDir: await buildApp() })
  browser = await launchChromium()
})

afterAll(async () => {
  await browser?.close()
  await server?.close()
})

it('a first visit loads no more JavaScript than the shell may have, a page of a partner no more than its script', async () => {
  const { shellGzipBytes, embedGzipBytes, scripts } = await measureShell(browser, server.url)
  expect(scripts.length).toBeGreaterThan(0)
  expect(shellGzipBytes, JSON.stringify(scripts)).toBeLessThanOrEqual(SHELL_GZIP_BYTES_MAX)
  expect(embedGzipBytes).toBeGreaterThan(1_000)
  expect(embedGzipBytes).toBeLessThanOrEqual(EMBED_GZIP_BYTES_MAX)
})

it('the SDK has no more than its own budget', async () => {
  const bytes = await measureSdk(await buildApp())
  expect(bytes).toBeGreaterThan(0)
  expect(bytes).toBeLessThanOrEqual(SDK_GZIP_BYTES_MAX)
})
