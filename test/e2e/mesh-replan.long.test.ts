/**
 * The only tab with some of the layers is closed in the middle of an answer, nobody stands by for it, and a tab that comes
 * later takes them: real Chromium, real WebRTC, the real server. The text is that of one tab.
 */
import { expect, it } from 'vitest'
import { LAYERS, TOKENS, useMesh } from '../support/mesh-rig.ts'

const mesh = useMesh()

it.each([0, 1])(
  'stage %i, the only one with its layers, is closed, and the answer goes on over another',
  async (dies) => {
    const expected = await mesh.whole(0.8)
    const tabs = await mesh.contributors(2, LAYERS / 2)
    const asking = await mesh.asker()
    const answering = mesh.ask(asking, 0.8)
    await asking.until('(await mesh.streamed()).tokens >= 10')
    await tabs[dies]?.page.close()
    await asking.until('(await mesh.routeState()) === "searching"')
    await mesh.present(2)
    const [heir] = await mesh.contributors(1, LAYERS / 2)
    const answer = await answering
    const happened = await asking.call('routeEvents')
    expect(answer.end, JSON.stringify(happened)).toMatchObject({ reason: 'length' })
    expect(happened.map(({ kind }) => kind)).toEqual([
      'planned',
      'lost',
      'searching',
      'rerouted',
      'replaced',
      'recovered',
    ])
    expect(happened.find(({ kind }) => kind === 'replaced')?.peer).toBe(await heir?.call('peer'))
    expect(answer.tokens).toEqual(expected.tokens)
    expect(answer.tokens).toHaveLength(TOKENS)
    expect(answer.text).toBe(expected.text)
  },
)
