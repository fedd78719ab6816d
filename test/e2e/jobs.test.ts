/**
 * Whole jobs between tabs: real Chromium, real WebRTC between contexts, the real server. The answer is the one of a tab that
 * computes alone, also where its worker is closed in the middle.
 */
import { describe, expect, it } from 'vitest'
import type { MeshTabPage } from '../support/mesh-app.ts'
import { LAYERS, TOKENS, useMesh } from '../support/mesh-rig.ts'

const QUESTION = 'Tell me about warp and weft.'
const SEED = 11

const mesh = useMesh()

async function worker(parallel = 4): Promise<MeshTabPage> {
  const tab = await mesh.openTab()
  expect(await tab.call('offerJobs', mesh.modelId, LAYERS, parallel)).toMatchObject({ ok: true })
  return tab
}

const ask = (tab: MeshTabPage, temperature: number, seed = SEED) =>
  tab.call('askJob', mesh.modelId, LAYERS, QUESTION, TOKENS, temperature, seed)

describe('a whole job', () => {
  it('is answered by another tab as this one would answer it', async () => {
    const whole = await mesh.whole(0.8)
    await worker()
    const asker = await mesh.openTab()
    const answer = await ask(asker, 0.8)
    expect({ text: answer.text, tokens: answer.tokens }).toEqual({ text: whole.text, tokens: whole.tokens })
    expect(answer.end).toMatchObject({ reason: whole.end?.reason })
  })

  it('goes on at the next tab with the same tokens when its worker is closed in the middle', async () => {
    const whole = await mesh.whole(0.8)
    const workers = [await worker(), await worker()]
    const asker = await mesh.openTab()
    const answering = ask(asker, 0.8)
    await asker.until('(await mesh.streamed()).tokens > 20')
    const peers = await Promise.all(workers.map((tab) => tab.call('peer')))
    const stands = await asker.call('jobStands')
    const stand = stands.findLast(({ state }) => state === 'running')
    const first = workers[peers.indexOf(stand?.state === 'running' ? stand.peer : '')]
    await first?.context.close()
    const answer = await answering
    expect({ text: answer.text, tokens: answer.tokens }).toEqual({ text: whole.text, tokens: whole.tokens })
    const who = (await asker.call('jobStands')).flatMap((one) => (one.state === 'running' ? [one.peer] : []))
    expect(new Set(who)).toEqual(new Set(peers))
  })

  it('of three askers on two workers is answered for each', async () => {
    const whole = await mesh.whole(0.8)
    await worker()
    await worker()
    const askers = [await mesh.openTab(), await mesh.openTab(), await mesh.openTab()]
    const answers = await Promise.all(askers.map((tab) => ask(tab, 0.8)))
    for (const { text, tokens } of answers) expect({ text, tokens }).toEqual({ text: whole.text, tokens: whole.tokens })
  })
})
