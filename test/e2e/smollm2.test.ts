/**
 * The first promise of the README: SmolLM2-135M-Instruct, from the mirror, on WebGPU, answers a person in the page. A
 * software adapter takes a second or so a token, so there is one short answer and one that is stopped.
 */
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ask } from '../support/app-page.ts'
import { launchChromium } from '../support/chromium.ts'
import { SHARED_DATA } from '../support/prepare.ts'
import { buildApp, startTestServer, type TestServer } from '../support/server.ts'

const QUESTION = 'What is the capital of France?'

let server: TestServer
let browser: Browser
let page: Page

beforeAll(async () => {
  server = await startTestServer({ dataDir: SHARED_DATA, appDir: await buildApp() })
  browser = await launchChromium()
  page = await browser.newPage()
  page.setDefaultTimeout(200_000)
  await page.goto(`${server.url}/?engine=stage`)
})

afterAll(async () => {
  await browser?.close()
  await server?.close()
})

it('answers that the capital of France is Paris', async () => {
  const answer = await ask(page, { content: QUESTION, maxTokens: 16 })
  expect(answer).toMatchObject({ engine: 'stage', code: null, finish: 'stop' })
  expect(answer.text).toContain('Paris')
})

it('answers a person, who can stop it and keeps what was shown', async () => {
  await page.getByRole('textbox', { name: 'Message' }).fill(QUESTION)
  await page.getByRole('button', { name: 'Send' }).click()
  const log = page.getByRole('log', { name: 'Conversation' })
  await log.getByText(/Stage engine/).waitFor()
  await expect
    .poll(async () => ((await log.textContent()) ?? '').length, { timeout: 60_000 })
    .toBeGreaterThan(QUESTION.length + 40)
  const shown = (await log.textContent()) ?? ''
  const begun = (await log.locator('article.assistant .text').textContent()) ?? ''
  const stop = page.getByRole('button', { name: 'Stop' })
  if (await stop.isVisible()) await stop.click()
  await page.getByRole('button', { name: 'Send' }).waitFor()
  expect(shown).toContain(QUESTION)
  const kept = (await log.locator('article.assistant .text').textContent()) ?? ''
  expect(kept.startsWith(begun)).toBe(true)
})
