/** Between whom a stage stands, who may come into its neighbours' places, and how many of these a peer may be told. */
import { expect, it } from 'vitest'
import { placeOf, sparesOf } from '../../web/schedule/route-places.ts'
import { SPARES_MAX } from '../../web/wire/limits/mesh.ts'
import { readPeerSays, writePeerSays } from '../../web/wire/peer-control.ts'

const stagesOf = (count: number) =>
  Array.from({ length: count }, (_, first) => ({ span: { first, last: first + 1 }, standby: `standby${first}` }))
const peersOf = (count: number) => Array.from({ length: count }, (_, index) => `stage${index}`)

it('a stage stands between its neighbours, and the ends know each other', () => {
  const places = [0, 1, 2].map((index) => placeOf(stagesOf(3), peersOf(3), index))
  expect(places.map(({ before, after }) => [before, after])).toEqual([
    [null, 'stage1'],
    ['stage0', 'stage2'],
    ['stage1', null],
  ])
  expect(places.every(({ head, tail }) => head === 'stage0' && tail === 'stage2')).toBe(true)
})

it.each([
  [1, 0, []],
  [2, 0, ['standby1']],
  [2, 1, ['standby0']],
  [4, 0, ['standby1', 'standby3']],
  [4, 1, ['standby0', 'standby2']],
  [4, 3, ['standby2', 'standby0']],
] as const)('of %i stages number %i links to %j beforehand', (count, index, spares) => {
  expect(sparesOf(stagesOf(count), peersOf(count), index)).toEqual(spares)
})

it('who has stepped in stands by no more', () => {
  expect(sparesOf(stagesOf(3), ['stage0', 'standby1', 'stage2'], 0)).toEqual(['standby2'])
})

it('spares travel as they are, and no more of them than a stage can need', () => {
  const about = { says: 'spares', request: '0123456789abcdef0123456789abcdef', epoch: 3 } as const
  const few = { ...about, peers: ['one', 'two'] }
  expect(readPeerSays(writePeerSays(few))).toEqual({ ok: true, value: few })
  const many = { ...about, peers: new Array<string>(SPARES_MAX + 1).fill('one') }
  expect(readPeerSays(writePeerSays(many))).toMatchObject({ ok: false, code: 'control-invalid' })
})
