/** Who passed nothing on is left out of the next plans for a rest that doubles, until a route with it has gone well. */
import { expect, it } from 'vitest'
import { Offenders } from '../../../web/schedule/offenders.ts'
import { AVOIDED_MAX, BREAKER_REST_MS, BREAKERS_MAX } from '../../../web/wire/limits/mesh.ts'

it('rests from the first time on, twice as long the second time, and is forgiven', () => {
  const offenders = new Offenders()
  offenders.offended('a', 0, 0)
  expect(offenders.resting(BREAKER_REST_MS - 1)).toEqual(['a'])
  expect(offenders.resting(BREAKER_REST_MS)).toEqual([])
  offenders.offended('a', 0, 0)
  expect(offenders.resting(2 * BREAKER_REST_MS - 1)).toEqual(['a'])
  offenders.didWell(['a', 'b'])
  expect(offenders.resting(0)).toEqual([])
  offenders.offended('a', 0, 0)
  expect(offenders.resting(BREAKER_REST_MS)).toEqual([])
})

it('names the newest of many, and forgets the oldest', () => {
  const offenders = new Offenders()
  for (let count = 0; count <= BREAKERS_MAX; count += 1) offenders.offended(`p${count}`, 0, 0)
  const resting = offenders.resting(1)
  expect(resting).toHaveLength(AVOIDED_MAX)
  expect(resting.at(-1)).toBe(`p${BREAKERS_MAX}`)
})
