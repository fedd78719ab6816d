/**
 * One model over several tabs: real Chromium, real WebRTC between separate browser contexts, the real server. The text is
 * that of one tab that has the whole model.
 */
import { describe, expect, it } from 'vitest'
import { LAYERS, useMesh } from '../support/mesh-rig.ts'

const mesh = useMesh()

describe('a model over tabs', () => {
  it.each([2, 4])('%i of which share its layers says what one tab with all of them says', async (count) => {
    const expected = [await mesh.whole(0), await mesh.whole(0.8)]
    const workers = await mesh.contributors(count, LAYERS / count)
    const asking = await mesh.asker()
    for (const [index, temperature] of [0, 0.8].entries()) {
      const answer = await mesh.ask(asking, temperature)
      expect(answer.end).toMatchObject({ reason: 'length' })
      expect(answer.text).toBe(expected[index]?.text)
      expect(answer.tokens).toEqual(expected[index]?.tokens)
    }
    const events = await asking.call('routeEvents')
    expect(events.map(({ kind }) => kind)).toEqual(['planned', 'planned'])
    expect(JSON.parse(events[0]?.detail ?? '')).toHaveLength(count)
    // With the asker goes the route that it kept for a next question.
    await asking.page.close()
    for (const worker of workers) await worker.until('(await mesh.serving()) === 0')
  })

  it('that nobody serves whole is not answered, and says which layers are missing', async () => {
    await mesh.contributors(1, 2)
    const asking = await mesh.asker()
    const { end, text } = await mesh.ask(asking, 0)
    expect(end).toMatchObject({ reason: 'error', code: 'no-holder', detail: '2 to 4' })
    expect(text).toBe('')
  })
})
