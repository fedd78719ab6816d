/** Who counts as mute, and when: the bound grows with what is awaited, and the blame falls where a frame was seen last. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { muteBoundMs, type StandsAt, suspects } from '../../../web/rules/mute.ts'
import { MUTE_MS_MIN } from '../../../web/wire/limits/mesh.ts'

const at = (got: number, passed: number): StandsAt => ({ got, passed })

describe('the bound', () => {
  it('has a floor, and is never reached by who is twenty times slower than measured', () => {
    expect(muteBoundMs(1, 0)).toBe(MUTE_MS_MIN)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 512 }), fc.double({ min: 0, max: 60_000, noNaN: true }), (rows, rowMs) => {
        expect(muteBoundMs(rows, rowMs)).toBeGreaterThan(20 * rows * rowMs)
        expect(muteBoundMs(rows, rowMs)).toBeGreaterThanOrEqual(MUTE_MS_MIN)
      }),
    )
  })
})

describe('a frame that ends at 8 is held up by', () => {
  it.each<[string, readonly (StandsAt | null)[], readonly number[]]>([
    ['the first that has it and has not passed it on', [at(8, 8), at(8, 7), at(7, 7)], [1]],
    ['who says that it was passed on, where the next one never got it', [at(8, 8), at(7, 7), at(7, 7)], [0, 1]],
    ['the first, where it never came that far', [at(7, 7), at(7, 7), at(7, 7)], [0]],
    ['who says nothing of it', [at(8, 8), null, at(7, 7)], [1]],
    ['the tail', [at(8, 8), at(8, 8), at(8, 7)], [2]],
    ['nobody who can be named, where all have passed it on', [at(8, 8), at(8, 8), at(8, 8)], []],
  ])('%s', (_, stages, found) => {
    expect(suspects(stages, 8)).toEqual(found)
  })
})
