/** Lists of removed devices: their number rises, nobody falls out of one while a statement could still hold, and two become one. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { areAtOdds, isRemoved, listOfBoth, listWith, newerList } from '../../../web/rules/removals.ts'
import { MEMBERSHIP_MS, ROOM_REMOVED_MAX } from '../../../web/wire/limits/rooms.ts'
import type { Removals } from '../../../web/wire/removals.ts'

const about = { room: 'r', owner: 'owner' }
const keys = fc.constantFrom(...'abcdefgh')
type List = NonNullable<ReturnType<typeof listWith>>
const begin = (names: readonly string[], nowMs = 0) =>
  names.reduce<List | null>((list, key) => listWith(list, key, nowMs), null)
const signed = (list: List, signature: string): Removals => ({ ...about, ...list, signature })
const holds = (key: string, listNumber: number, list: List | null) =>
  !isRemoved({ ...about, key, untilMs: 1, listNumber, signature: '' }, list)

describe('a list', () => {
  it('takes back what was signed before it, and nothing that is signed after it', () => {
    fc.assert(
      fc.property(
        fc.array(keys, { minLength: 1, maxLength: 20 }),
        keys,
        fc.nat({ max: 24 }),
        (names, key, listNumber) => {
          const list = begin(names)
          const last = names.lastIndexOf(key) + 1
          expect(list?.number).toBe(names.length)
          expect(holds(key, listNumber, list)).toBe(listNumber >= last)
        },
      ),
    )
    expect(holds('owner', 0, begin(['owner']))).toBe(true)
    expect(holds('a', 0, null)).toBe(true)
  })

  it('keeps a device for as long as a statement lasts, has so many places, and gives them back', () => {
    const full = begin(Array.from({ length: ROOM_REMOVED_MAX }, (_, at) => `${at}`))
    expect(full?.removed).toHaveLength(ROOM_REMOVED_MAX)
    expect(listWith(full, 'more', MEMBERSHIP_MS - 1)).toBeNull()
    expect(listWith(full, '7', 1)?.removed).toHaveLength(ROOM_REMOVED_MAX)
    expect(listWith(full, 'more', MEMBERSHIP_MS)).toEqual({
      number: ROOM_REMOVED_MAX + 1,
      removed: [{ key: 'more', number: ROOM_REMOVED_MAX + 1, untilMs: 2 * MEMBERSHIP_MS }],
    })
  })
})

it('of two lists all take the same, whichever came first, and never one with a lower number', () => {
  const lists = fc.record({
    names: fc.array(keys, { minLength: 1, maxLength: 4 }),
    signature: fc.constantFrom('s', 't'),
  })
  fc.assert(
    fc.property(lists, lists, (x, y) => {
      const [a, b] = [x, y].map(({ names, signature }) => signed(begin(names) as List, signature)) as [
        Removals,
        Removals,
      ]
      const newer = newerList(a, b)
      expect(newer.number).toBe(Math.max(a.number, b.number))
      expect(newer.signature).toBe(newerList(b, a).signature)
      expect(areAtOdds(a, b)).toBe(a.number === b.number && a.signature !== b.signature)
    }),
  )
})

it('two lists with one number become one in which all are out who are out in either', () => {
  fc.assert(
    fc.property(fc.array(keys, { maxLength: 6 }), keys, keys, keys, (names, x, y, key) => {
      const [a, b] = [begin([...names, x]) as List, begin([...names, y]) as List]
      const both = listOfBoth(a, b)
      expect(both.number).toBe(names.length + 2)
      for (let at = 0; at <= names.length + 1; at += 1)
        expect(holds(key, at, both)).toBe(holds(key, at, a) && holds(key, at, b))
    }),
  )
})
