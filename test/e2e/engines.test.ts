/**
 * Which engine answers, in the product: the CPU where a software GPU does not count, the stage engine where the server
 * allows it, what a person picks, and each named under the answer. SmolLM2 on the CPU answers at reading speed here.
 */
import type { Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SHORT, useBrowser, useModels } from '../support/app-hooks.ts'
import { ask } from '../support/app-page.ts'
import { SHARED_DATA } from '../support/prepare.ts'
import { buildApp, startTestServer, type TestServer } from '../support/server.ts'

/** Allows the software GPU of the test browser. */
const allowing = useModels('llama')
const browser = useBrowser({ console: true })
/** As it ships: a software GPU counts as none. */
let strict: TestServer
let page: Page

beforeAll(async () => {
  strict = await startTestServer({ dataDir: SHARED_DATA, appDir: await buildApp(), allowSoftwareAdapter: false })
})

afterAll(() => strict?.close())

async function visit(url: string): Promise<void> {
  page = await browser.open(url)
  page.setDefaultTimeout(100_000)
}

const facts = () => page.getByRole('log', { name: 'Conversation' })

/** Sends, reads a little and stops: what is drawn may ramble until its length limit. */
async function send(text: string): Promise<void> {
  const answers = facts().locator('article.assistant')
  const before = await answers.count()
  await page.getByRole('textbox', { name: 'Message' }).fill(text)
  await page.getByRole('button', { name: 'Send' }).click()
  const again = page.getByRole('button', { name: 'Send' })
  const answer = answers.nth(before).locator('.text')
  const long = async () => (await answer.count()) > 0 && ((await answer.textContent()) ?? '').length > 24
  await expect.poll(async () => (await again.isVisible()) || (await long()), { timeout: 180_000 }).toBe(true)
  const stop = page.getByRole('button', { name: 'Stop' })
  if (await stop.isVisible()) await stop.click({ timeout: 2_000 }).catch(() => {})
  await again.waitFor()
}

describe('without a GPU', () => {
  it('SmolLM2 answers on the CPU, and the page says so before and after', async () => {
    await visit(strict.url)
    await page.getByText(/Only a software GPU is available here\. Answers come from the CPU/).waitFor()
    await send('What is the capital of France?')
    await facts()
      .getByText(/CPU engine, \d+ threads?/)
      .waitFor()
    await facts()
      .getByText(/tokens\/s/)
      .waitFor()
    // The page draws with a seed of its own; greedily the answer is known.
    const answer = await ask(page, { content: 'What is the capital of France?', maxTokens: 16 })
    expect(answer).toMatchObject({ engine: 'cpu', code: null })
    expect(answer.text).toContain('Paris')
    await expect
      .poll(() => page.getByRole('combobox', { name: 'Engine' }).locator('option:checked').textContent())
      .toMatch(/Automatic: CPU engine/)
  })

  it('a person who asks for the GPU all the same gets the reason', async () => {
    await visit(`${strict.url}/?engine=stage`)
    await page.getByText('software-adapter').first().waitFor()
    expect((await ask(page, SHORT)).code).toBe('software-adapter')
    await page.getByRole('button', { name: 'Choose the engine for me' }).click()
    expect(await ask(page, SHORT)).toMatchObject({ engine: 'cpu', code: null })
  })
})

describe('with a GPU', () => {
  it('the stage engine answers, then what the person picks, then the stage engine again', async () => {
    await visit(allowing.url)
    const engine = page.getByRole('combobox', { name: 'Engine' })
    await send('One.')
    await facts()
      .getByText(/Stage engine on/)
      .waitFor()
    await engine.selectOption('cpu')
    await send('Two.')
    await facts()
      .getByText(/CPU engine, \d/)
      .waitFor()
    await engine.selectOption('stage')
    await send('Three.')
    await expect
      .poll(() =>
        facts()
          .getByText(/Stage engine on/)
          .count(),
      )
      .toBe(2)
  })

  it('both engines read the same ids, so a greedy answer begins alike', async () => {
    await visit(`${allowing.url}/?engine=stage`)
    const stage = await ask(page, SHORT)
    await visit(`${allowing.url}/?engine=cpu`)
    const cpu = await ask(page, SHORT)
    expect([stage.engine, cpu.engine]).toEqual(['stage', 'cpu'])
    expect(cpu.promptTokens).toBe(stage.promptTokens)
    expect(cpu.text.slice(0, 4)).toBe(stage.text.slice(0, 4))
  })
})

describe('a model that', () => {
  it('no engine can run is refused with a code, whichever is asked', async () => {
    await visit(`${allowing.url}/?engine=webllm`)
    const [tiny = ''] = allowing.ids
    expect((await ask(page, { ...SHORT, model: tiny })).code).toBe('engine-mismatch')
  })
})
