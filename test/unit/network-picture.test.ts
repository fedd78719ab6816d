/** Where the Network picture draws whom: counts without names, own routes by name, a loss and who took over. */
import { describe, expect, it } from 'vitest'
import type { RouteStageView, RouteView } from '../../web/app-mesh-view.ts'
import { HEIGHT, type PictureWish, pictureOf } from '../../web/ui/mesh/network-picture.ts'

const RANGES = [
  { span: { first: 0, last: 10 }, holders: 2, msPerLayer: 1 },
  { span: { first: 10, last: 20 }, holders: 2, msPerLayer: 1 },
]
const WISH: PictureWish = { ranges: RANGES, layers: 20, routes: [], self: 'key/self', own: null, width: 640 }

function stage(first: number, last: number, more: Partial<RouteStageView>): RouteStageView {
  return { span: { first, last }, peer: '', standby: null, lost: [], state: 'ready', ...more }
}

function route(stages: readonly RouteStageView[]): RouteView {
  return { request: 'r', modelId: 'm', stages, tokens: 0, searching: false, running: true, news: [], times: null }
}

const kinds = (wish: PictureWish) => pictureOf(wish).threads.map(({ kind, peer }) => [kind, peer])

describe('the picture', () => {
  it('has a thread for each holder, with a band where its layers are', () => {
    const { threads, more } = pictureOf(WISH)
    expect(threads.map(({ kind }) => kind)).toEqual(['other', 'other', 'other', 'other'])
    expect(threads.map(({ x }) => x)).toEqual([...threads.map(({ x }) => x)].sort((a, b) => a - b))
    expect(threads[1]?.bottom).toBeLessThan(threads[2]?.top ?? 0)
    expect([more, new Set(threads.map(({ key }) => key)).size]).toEqual([0, 4])
    for (const { x, top, bottom } of threads) {
      expect(x > 0 && x < 640 && top > 0 && bottom < HEIGHT).toBe(true)
    }
  })

  it('knows this tab and the peers of its routes, who are among those that were counted', () => {
    const routes = [route([stage(0, 10, { peer: 'key/a', standby: 'key/b' }), stage(10, 20, { peer: 'key/c' })])]
    expect(kinds({ ...WISH, routes, own: { first: 10, last: 20 } })).toEqual([
      ['standby', 'key/b'],
      ['route', 'key/a'],
      ['route', 'key/c'],
      ['own', 'key/self'],
    ])
  })

  it('shows who was lost beside who took over', () => {
    const lost = route([stage(0, 10, { peer: 'key/a', lost: ['key/a'], state: 'lost', standby: 'key/b' })])
    expect(kinds({ ...WISH, ranges: RANGES.slice(0, 1), routes: [lost] }).slice(0, 2)).toEqual([
      ['lost', 'key/a'],
      ['standby', 'key/b'],
    ])
    expect(pictureOf({ ...WISH, routes: [lost] }).wefts[0]?.broken).toBe(true)
    const mended = route([stage(0, 10, { peer: 'key/b', lost: ['key/a'] })])
    expect(kinds({ ...WISH, ranges: [], routes: [mended] })).toEqual([
      ['lost', 'key/a'],
      ['route', 'key/b'],
    ])
    expect(pictureOf({ ...WISH, routes: [mended] }).wefts[0]?.broken).toBe(false)
  })

  it('leads a route from this tab over its bands and back, and moves when a token came', () => {
    const routes = [route([stage(0, 10, { peer: 'key/a' }), stage(10, 20, { peer: 'key/c' })])]
    const { wefts, threads } = pictureOf({ ...WISH, routes })
    const [a, c] = ['key/a', 'key/c'].map((peer) => threads.find((thread) => thread.peer === peer))
    expect(wefts[0]?.path.startsWith('M')).toBe(true)
    for (const thread of [a, c]) expect(wefts[0]?.path).toContain(`${thread?.x} `)
    expect(wefts[0]?.knots.map(([x]) => x)).toEqual([a?.x, c?.x])
  })

  it('leaves out those without a name where there is no room, and says how many', () => {
    const crowd = RANGES.map((range) => ({ ...range, holders: 100_000 }))
    const routes = [route([stage(0, 10, { peer: 'key/a' })])]
    const { threads, more } = pictureOf({ ...WISH, ranges: crowd, routes, width: 320 })
    expect(threads.length + more).toBe(200_000)
    expect(threads.length).toBeLessThan(20)
    expect(threads.some(({ peer }) => peer === 'key/a')).toBe(true)
    expect(new Set(threads.map(({ span }) => span.first)).size).toBe(2)
  })
})
