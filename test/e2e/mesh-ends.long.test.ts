/**
 * Private ends over real tabs: the asker's own GPU has the first and the last layer, two others the middle that it asked
 * for. The text is that of one tab.
 */
import { expect, it } from 'vitest'
import { LAYERS, useMesh } from '../support/mesh-rig.ts'

const mesh = useMesh()

it('the ends stay with the asker, tabs that come are sent to the middle, and the text is the same', async () => {
  const expected = [await mesh.whole(0), await mesh.whole(0.8)]
  const asking = await mesh.asker()
  const early = await mesh.askPrivately(asking, 0)
  expect(early.end).toMatchObject({ reason: 'error', code: 'no-holder', detail: `1 to ${LAYERS - 1}` })
  const workers = await mesh.contributors(2, 1)
  for (const [index, temperature] of [0, 0.8].entries()) {
    const answer = await mesh.askPrivately(asking, temperature)
    expect(answer.end, JSON.stringify(answer.end)).toMatchObject({ reason: 'length' })
    expect(answer.tokens).toEqual(expected[index]?.tokens)
    expect(answer.text).toBe(expected[index]?.text)
  }
  const planned = (await asking.call('routeEvents')).filter(({ kind }) => kind === 'planned')
  const stages: readonly { readonly peer: string }[] = JSON.parse(planned.at(-1)?.detail ?? '[]')
  const [self, ...others] = await Promise.all([asking, ...workers].map((tab) => tab.call('peer')))
  expect(stages.map(({ peer }) => peer)).toEqual([self, ...others, self])
})
