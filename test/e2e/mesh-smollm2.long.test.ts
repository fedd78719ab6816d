/**
 * SmolLM2-135M over two and three tabs of real Chromium says what one tab says, greedy and seeded. A software adapter takes
 * a second or so a token, so the answers are short.
 */
import type { Browser } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { type BuiltPage, buildPage } from '../support/build-page.ts'
import { launchChromium } from '../support/chromium.ts'
import { type MeshTabPage, openMeshTab } from '../support/mesh-app.ts'
import { SHARED_DATA, sharedModels } from '../support/prepare.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

const LAYERS = 30
const TOKENS = 6
const SEED = 11
const QUESTION = 'What is the capital of France?'
const TEMPERATURES = [0, 0.8]
const [MODEL = ''] = sharedModels()

let built: BuiltPage
let server: TestServer
let browser: Browser
let expected: readonly (readonly number[])[]
beforeAll(async () => {
  built = await buildPage('mesh-page')
  server = await startTestServer({ dataDir: SHARED_DATA, appDir: built.appDir })
  browser = await launchChromium()
  expected = await alone()
  await browser.close()
})
afterAll(async () => {
  await server?.close()
  await built?.remove()
})
beforeEach(async () => {
  browser = await launchChromium()
})
afterEach(() => browser.close())

const open = async () => {
  const tab = await openMeshTab(browser, server.url)
  tab.page.setDefaultTimeout(0)
  return tab
}

async function alone(): Promise<readonly (readonly number[])[]> {
  const tab = await open()
  const answers: (readonly number[])[] = []
  for (const temperature of TEMPERATURES) {
    answers.push((await tab.call('askAlone', MODEL, QUESTION, TOKENS, temperature, SEED)).tokens)
  }
  await tab.context.close()
  return answers
}

it.each([2, 3])('over %i tabs it says what one tab says', async (stages) => {
  const workers: MeshTabPage[] = []
  for (let index = 0; index < stages; index += 1) {
    const tab = await open()
    expect(await tab.call('contribute', MODEL, LAYERS, LAYERS / stages)).toMatchObject({ ok: true })
    workers.push(tab)
  }
  const asker = await open()
  expect(await asker.call('loadHead', MODEL)).toMatchObject({ ok: true })
  for (const [index, temperature] of TEMPERATURES.entries()) {
    const answer = await asker.call('ask', QUESTION, TOKENS, temperature, SEED)
    expect(answer.tokens.length).toBeGreaterThan(0)
    expect(answer.tokens).toEqual(expected[index])
  }
  const planned = (await asker.call('routeEvents')).filter(({ kind }) => kind === 'planned')
  expect(planned.map(({ detail }) => JSON.parse(detail).length)).toEqual([stages, stages])
  for (const worker of workers) expect(worker.complaints).toEqual([])
})
