/**
 * One request of many inputs over several real tabs: eight texts summarised by two workers, one of which is closed in the
 * middle, and texts as vectors of a model of embeddings, told in the order of the inputs.
 */
import { describe, expect, it } from 'vitest'
import { tinyBert } from '../fixtures/tiny-bert.ts'
import type { JobAsk } from '../support/job-page.ts'
import type { MeshTabPage } from '../support/mesh-app.ts'
import { LAYERS, type MeshRig, useMesh } from '../support/mesh-rig.ts'

async function workers(
  mesh: MeshRig,
  ...offer: [layers: number, parallel: number, more?: { readonly kinds: readonly ['embedding'] }]
) {
  const tabs: MeshTabPage[] = [await mesh.openTab(), await mesh.openTab()]
  for (const tab of tabs) expect(await tab.call('offerJobs', mesh.modelId, ...offer)).toMatchObject({ ok: true })
  await mesh.offering(tabs.length)
  return tabs
}

/** Workers that have answered something. */
const atWork = (tabs: readonly MeshTabPage[]) =>
  Promise.all(tabs.map((tab) => tab.call('offers'))).then((all) => all.filter(([offer]) => offer?.tokensPerSecond))

describe('eight texts', () => {
  const mesh = useMesh()

  it('are summarised by two tabs, in order, each as one tab would, also where one of them is closed', async () => {
    const tabs = await workers(mesh, LAYERS, 2)
    const about = { modelId: mesh.modelId, layers: LAYERS, promptTokens: 96, maxTokens: 24, temperature: 0.8 }
    const asks = Array.from({ length: 8 }, (_, at): JobAsk => {
      return { ...about, content: `Summarise: warp ${at} goes over weft ${at * 7}.`, seed: at + 1 }
    })
    const [first, second] = tabs
    if (!first || !second) throw new Error('a worker is missing')
    const expected: string[] = []
    for (const ask of asks) expected.push((await first.call('runHere', ask)).text)
    expect(new Set(expected).size).toBe(asks.length)
    const asker = await mesh.openTab()
    const telling = asker.call('fanOutChats', asks)
    await asker.until('(await mesh.outcomesTold()) >= 2')
    // Both have a part in it, and what it had is done by the other one.
    await expect.poll(async () => (await second.call('offers'))[0]?.held).toBeGreaterThan(0)
    await second.context.close()
    const told = await telling
    expect(told).toEqual(expected.map((value, index) => ({ index, value, code: null })))
    expect(await atWork([first])).toHaveLength(1)
  })
})

describe('texts', () => {
  const mesh = useMesh({ query: '?engine=cpu', model: tinyBert(3) })

  it('come back as their vectors, in order, and one that is too long is lost alone', async () => {
    const words = ['the', 'sea', 'land', 'is', 'wide', 'dry']
    const texts = Array.from({ length: 40 }, (_, at) => `${words[at % 6]} ${words[(at + 1 + (at % 5)) % 6]} ${at}`)
    const tabs = await workers(mesh, 2, 4, { kinds: ['embedding'] })
    const expected = (await tabs[0]?.call('embedHere', mesh.modelId, texts)) ?? []
    const asker = await mesh.openTab()
    const about = { modelId: mesh.modelId, layers: 2, promptTokens: 120, maxTokens: 0 }
    const long = texts.with(21, 'the sea '.repeat(200))
    const told = await asker.call('fanOutTexts', about, long)
    expect(told).toEqual(
      expected.map((value, index) =>
        index === 21 ? { index, value: null, code: 'context-full' } : { index, value, code: null },
      ),
    )
  })
})
