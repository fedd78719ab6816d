/** What an asker believes of a plan with private ends, and which middles a server remembers. */
import { describe, expect, it } from 'vitest'
import { keepsEnds } from '../../../web/rules/private-ends.ts'
import { WantedMiddles } from '../../../web/rules/wanted-middles.ts'
import { MIDDLE_WANTED_MS, MIDDLES_OF_MODEL_MAX, MIDDLES_WANTED_MAX } from '../../../web/wire/limits/mesh.ts'

const ENDS = { first: 1, last: 1 }
const stage = (peer: string, first: number, last: number, standby: string | null = null) => ({
  peer,
  span: { first, last },
  standby,
})

describe('a plan', () => {
  it('that leaves both ends with the asker is believed', () => {
    expect(keepsEnds([stage('me', 0, 1), stage('a', 1, 3, 'b'), stage('me', 3, 4)], 'me', ENDS, 4)).toBe(true)
  })

  it.each([
    ['has another peer at the start', [stage('a', 0, 1), stage('b', 1, 3), stage('me', 3, 4)]],
    ['has another peer at the end', [stage('me', 0, 1), stage('b', 1, 3), stage('a', 3, 4)]],
    ['has a standby for an end', [stage('me', 0, 1, 'a'), stage('b', 1, 3), stage('me', 3, 4)]],
    ['gives the asker more than it has', [stage('me', 0, 2), stage('b', 2, 3), stage('me', 3, 4)]],
    ['gives the asker a stage in the middle', [stage('me', 0, 1), stage('me', 1, 3), stage('me', 3, 4)]],
    ['is one whole stage of the asker', [stage('me', 0, 4)]],
    ['is empty', []],
  ])('that %s is not', (_, stages) => {
    expect(keepsEnds(stages, 'me', ENDS, 4)).toBe(false)
  })
})

describe('middles that are looked for', () => {
  const middle = (last: number) => ({ first: 1, last })

  it('are remembered for a while, each once, those that most look for first', () => {
    const wanted = new WantedMiddles()
    wanted.add('a', 'm', middle(3), 0)
    wanted.add('b', 'm', middle(4), 5)
    wanted.add('c', 'm', middle(4), 5)
    wanted.add('d', 'other', middle(9), 5)
    expect(wanted.of('m', 10)).toEqual([middle(4), middle(3)])
    expect(wanted.of('m', MIDDLE_WANTED_MS)).toEqual([middle(4)])
    expect(wanted.of('m', MIDDLE_WANTED_MS + 5)).toEqual([])
  })

  it('are one an asker and have a bound: nobody pushes out more than one of others', () => {
    const wanted = new WantedMiddles()
    wanted.add('honest', 'm', middle(3), 0)
    for (let last = 3; last < 100; last += 1) wanted.add('greedy', 'm', middle(last), 0)
    expect(wanted.of('m', 1)).toEqual([middle(3), middle(99)])
    for (let index = 0; index < MIDDLES_WANTED_MAX; index += 1) wanted.add(`${index}`, 'm', middle(5 + (index % 9)), 0)
    expect(wanted.of('m', 1)).toHaveLength(MIDDLES_OF_MODEL_MAX)
    expect(wanted.of('m', 1)).not.toContainEqual(middle(3))
  })
})
