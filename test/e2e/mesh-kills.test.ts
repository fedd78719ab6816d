/**
 * A stage dies in the middle of an answer, as tabs do: closed, crashed, its worker gone, frozen. The asker sees the text of
 * an undisturbed run, and no token twice or not at all.
 */
import { describe, expect, it } from 'vitest'
import { freezeTab } from '../support/app-page.ts'
import type { MeshTabPage } from '../support/mesh-app.ts'
import { LAYERS, TOKENS, useMesh } from '../support/mesh-rig.ts'

const mesh = useMesh()

/** Real ends of a tab; the value undoes what would keep the browser from closing. */
const KILLS: Readonly<Record<string, (tab: MeshTabPage) => Promise<() => void>>> = {
  'is closed': async ({ page }) => {
    await page.close()
    return () => {}
  },
  crashes: async ({ page }) => {
    await page.goto('chrome://crash').catch(() => {})
    return () => {}
  },
  'loses its worker': async ({ page }) => {
    const engine = page.workers().find((worker) => worker.url().includes('engine'))
    await engine?.evaluate('close()').catch(() => {})
    return () => {}
  },
  freezes: ({ page }) => freezeTab(page),
}

describe.each(Object.keys(KILLS))('a stage that %s in the middle of an answer', (kill) => {
  it.each([0, 1])('as number %i of two costs no character', async (index) => {
    const expected = await mesh.whole(0.8)
    // The first two are the route; the others hold the same and stand by.
    const tabs = await mesh.contributors(4, LAYERS / 2)
    const asking = await mesh.asker()
    const answering = mesh.ask(asking, 0.8)
    await asking.until('(await mesh.streamed()).tokens >= 10')
    const planned = (await asking.call('routeEvents')).findLast(({ kind }) => kind === 'planned')
    const stages: readonly { readonly peer: string }[] = JSON.parse(planned?.detail ?? '[]')
    const peers = await Promise.all(tabs.map((tab) => tab.call('peer')))
    const victim = tabs[peers.indexOf(stages[index]?.peer ?? '')]
    if (!victim) throw new Error(`no tab has stage ${index} of ${planned?.detail}; tabs are ${peers.join(', ')}`)
    const undo = await KILLS[kill]?.(victim)
    const answer = await answering
    undo?.()
    // A busy machine may keep another stage silent for a second as well; that costs no character either.
    const kinds = (await asking.call('routeEvents')).map(({ kind }) => kind)
    expect(answer.end).toMatchObject({ reason: 'length' })
    expect([kinds[0], kinds.at(-1)]).toEqual(['lost', 'recovered'])
    expect(kinds).toContain('replaced')
    expect(answer.tokens).toEqual(expected.tokens)
    expect(answer.tokens).toHaveLength(TOKENS)
    expect(answer.text).toBe(expected.text)
  })
})
