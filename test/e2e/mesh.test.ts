/**
 * One model over several tabs: real Chromium, real WebRTC between separate browser contexts, the real server. The text is
 * that of one tab that has the whole model.
 */
import type { Browser } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { type AppServer, serveModels } from '../support/app-page.ts'
import { type BuiltPage, buildPage } from '../support/build-page.ts'
import { launchChromium } from '../support/chromium.ts'
import { type MeshTabPage, openMeshTab } from '../support/mesh-app.ts'

const LAYERS = 4
const QUESTION = 'Tell me about warp and weft.'

let built: BuiltPage
let server: AppServer
let browser: Browser
let tabs: MeshTabPage[]
let modelId: string

beforeAll(async () => {
  built = await buildPage('mesh-page')
  const model = tinyModel({ architecture: 'llama', types: 'Q8_0', seed: 5, contextLength: 512, layers: LAYERS })
  server = await serveModels({ tiny: model }, built.appDir)
  modelId = server.ids[0] ?? ''
})

afterAll(async () => {
  await server?.close()
  await built?.remove()
})

beforeEach(async () => {
  tabs = []
  browser = await launchChromium()
})

afterEach(async () => {
  const complaints = tabs.flatMap((tab) => tab.complaints)
  await browser.close()
  expect(complaints).toEqual([])
})

async function openTab(): Promise<MeshTabPage> {
  const tab = await openMeshTab(browser, server.url)
  tabs.push(tab)
  return tab
}

/** Tabs that serve, one after the other, so that each takes what is still missing. */
async function contributors(count: number, layersMax: number): Promise<readonly MeshTabPage[]> {
  const opened: MeshTabPage[] = []
  for (let index = 0; index < count; index += 1) {
    const tab = await openTab()
    expect(await tab.call('contribute', modelId, LAYERS, layersMax)).toMatchObject({ ok: true })
    opened.push(tab)
  }
  return opened
}

async function asker(): Promise<MeshTabPage> {
  const tab = await openTab()
  expect(await tab.call('loadHead', modelId)).toMatchObject({ ok: true })
  return tab
}

/** What one tab with all layers answers: a route of one stage. */
const answers = new Map<number, Awaited<ReturnType<typeof wholeAnswer>>>()

async function wholeAnswer(temperature: number) {
  const alone = await launchChromium()
  try {
    const worker = await openMeshTab(alone, server.url)
    expect(await worker.call('contribute', modelId, LAYERS, LAYERS)).toMatchObject({
      value: { first: 0, last: LAYERS },
    })
    const asking = await openMeshTab(alone, server.url)
    await asking.call('loadHead', modelId)
    const answer = await asking.call('ask', QUESTION, 60, temperature, 11)
    expect(answer.end).toMatchObject({ reason: 'length' })
    expect(answer.tokens).toHaveLength(60)
    return answer
  } finally {
    await alone.close()
  }
}

async function whole(temperature: number) {
  const known = answers.get(temperature) ?? (await wholeAnswer(temperature))
  answers.set(temperature, known)
  return known
}

describe('a model over tabs', () => {
  it('of which each has some layers says what one tab with all of them says', async () => {
    const expected = [await whole(0), await whole(0.8)]
    const workers = await contributors(2, 2)
    const asking = await asker()
    for (const [index, temperature] of [0, 0.8].entries()) {
      const answer = await asking.call('ask', QUESTION, 60, temperature, 11)
      expect(answer.end).toMatchObject({ reason: 'length' })
      expect(answer.text).toBe(expected[index]?.text)
      expect(answer.tokens).toEqual(expected[index]?.tokens)
    }
    const events = await asking.call('routeEvents')
    expect(events.map(({ kind }) => kind)).toEqual(['planned', 'planned'])
    expect(JSON.parse(events[0]?.detail ?? '')).toEqual([
      { first: 0, last: 2 },
      { first: 2, last: 4 },
    ])
    for (const worker of workers) await worker.until('(await mesh.serving()) === 0')
  })
})
