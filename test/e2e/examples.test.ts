/**
 * The pages of docs/examples as they stand: two on Weft's own origin with a real model and service worker, the script tag on an
 * origin of its own.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { useBrowser } from '../support/app-hooks.ts'
import { type AppServer, serveModels } from '../support/app-page.ts'
import { keptByBrowser } from '../support/app-versions.ts'
import { type AppWithPages, appWithPages, exampleText } from '../support/app-with-pages.ts'

const browser = useBrowser()
let pages: AppWithPages
let server: AppServer
let partner: Server

beforeAll(async () => {
  pages = await appWithPages()
  const tiny = tinyModel({ architecture: 'llama', types: 'Q4_1', seed: 5, contextLength: 1_024 })
  server = await serveModels({ tiny }, pages.appDir)
  const page = await exampleText('script-tag.html', server.url)
  partner = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end(page))
  await new Promise<void>((resolve) => partner.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  partner?.close()
  await server?.close()
  await pages?.remove()
})

it('openai.html asks by plain fetch, and says what is missing until a tab of Weft is open', async () => {
  const page = await browser.open(`${server.url}/examples/openai.html`)
  const output = page.locator('output')
  await page.getByLabel('Question').fill('What is a weft?')
  await page.getByRole('button', { name: 'Ask' }).click()
  await expect.poll(() => output.textContent()).toContain('Weft is not open in this browser')
  const weft = await browser.open(`${server.url}/?engine=stage`)
  await keptByBrowser(weft)
  await page.getByRole('button', { name: 'Ask' }).click()
  await expect.poll(() => output.getAttribute('data-state')).toBe('done')
  expect((await output.textContent())?.length).toBeGreaterThan(10)
})

it('own-origin.html uses the app in its frame by the SDK', async () => {
  const page = await browser.open(`${server.url}/examples/own-origin.html`)
  await page.frameLocator('iframe').getByRole('textbox', { name: 'Message' }).waitFor()
  await page.getByLabel('Text').fill('What a fine day.')
  await page.getByRole('button').click()
  await expect.poll(() => page.locator('output').textContent()).toMatch(/^(positive|neutral|negative)$/)
})

it('script-tag.html gets a launcher, which opens the panel of its key', async () => {
  const page = await browser.open(`http://127.0.0.1:${(partner.address() as AddressInfo).port}/`)
  await page.getByRole('button').click()
  await page.getByRole('dialog').waitFor()
  await expect
    .poll(() => page.locator('weft-chat iframe').getAttribute('src'))
    .toMatch(/\/widget\.html\?.*wk_0123456789abcdefghijkl/)
})
