/** Whose turn it is at a worker: by what each asker had, interactive first, and nobody waits for ever. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type TurnWish, tokensAtStart, turnOrder, turnTaken } from '../../../web/rules/job-turns.ts'
import { JOB_TURNS_BEFORE_BATCH } from '../../../web/wire/limits/jobs.ts'

const NOBODY = { served: new Map<string, number>(), inARow: 0 }
const wish = (asker: string, order: number, more: Partial<TurnWish> = {}): TurnWish => {
  return { asker, class: 'interactive', tokens: 100, order, ...more }
}
const wishes = fc
  .array(
    fc.record({
      asker: fc.constantFrom('a', 'b', 'c', 'd'),
      class: fc.constantFrom('interactive' as const, 'batch' as const),
      tokens: fc.nat(2_000),
    }),
    { maxLength: 12 },
  )
  .map((list) => list.map((one, order): TurnWish => ({ ...one, order })))
const had = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(5_000)).map((all) => new Map(Object.entries(all)))

describe('the order of turns', () => {
  it('is by what each asker had, then by who came first, and askers take turns', () => {
    const order = (list: readonly TurnWish[], served = new Map<string, number>()) =>
      turnOrder(list, { served, inARow: 0 }).map(({ asker, order: at }) => `${asker}${at}`)
    expect(order([wish('a', 0), wish('a', 1), wish('b', 2)])).toEqual(['a0', 'b2', 'a1'])
    expect(order([wish('a', 0), wish('b', 1)], new Map([['a', 5]]))).toEqual(['b1', 'a0'])
    expect(order([wish('a', 0, { tokens: 300 }), wish('a', 1), wish('b', 2), wish('b', 3)])).toEqual([
      'a0',
      'b2',
      'b3',
      'a1',
    ])
  })

  it('puts interactive jobs first, and one that nobody waits for after so many of them', () => {
    const many = Array.from({ length: 2 * JOB_TURNS_BEFORE_BATCH }, (_, order) => wish('a', order))
    const order = turnOrder([...many, wish('b', 99, { class: 'batch' })], NOBODY)
    expect(order.findIndex((one) => one.class === 'batch')).toBe(JOB_TURNS_BEFORE_BATCH)
  })

  it('puts what nobody pays for behind, and as it is among its own', () => {
    const unpaid = [wish('a', 0, { class: 'batch', unpaid: true }), wish('b', 1, { unpaid: true })]
    expect(turnOrder(unpaid, NOBODY).map(({ order }) => order)).toEqual([1, 0])
    expect(turnOrder([...unpaid, wish('c', 2)], NOBODY).map(({ order }) => order)).toEqual([2, 1, 0])
    const many = Array.from({ length: 2 * JOB_TURNS_BEFORE_BATCH }, (_, order) => wish('c', order))
    const order = turnOrder([...many, wish('b', 99, { unpaid: true })], NOBODY)
    expect(order.findIndex((one) => one.unpaid)).toBe(JOB_TURNS_BEFORE_BATCH)
  })

  it('has everybody once, nobody of an asker before an earlier one of its class, and a batch job within the bound', () => {
    fc.assert(
      fc.property(wishes, had, fc.nat(JOB_TURNS_BEFORE_BATCH), (list, served, inARow) => {
        const order = turnOrder(list, { served, inARow })
        expect([...order].sort((a, b) => a.order - b.order)).toEqual(list)
        let row = inARow
        for (const [at, one] of order.entries()) {
          const later = order.slice(at + 1)
          expect(later.some((two) => two.asker === one.asker && two.class === one.class && two.order < one.order)).toBe(
            false,
          )
          row = turnTaken(row, one, later)
          expect(row).toBeLessThanOrEqual(JOB_TURNS_BEFORE_BATCH)
        }
      }),
    )
  })

  it('gives askers who always want more the same, whatever each job costs', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 2, maxLength: 5 }), (costs) => {
        const served = new Map<string, number>()
        for (let turn = 0; turn < 2_000; turn += 1) {
          const list = costs.map((tokens, at) => wish(`${at}`, turn * 10 + at, { tokens }))
          const [first] = turnOrder(list, { served, inARow: 0 })
          if (first) served.set(first.asker, (served.get(first.asker) ?? 0) + first.tokens)
        }
        const shares = [...served.values()]
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(Math.max(...costs))
      }),
      { numRuns: 20 },
    )
  })

  it('lets nobody save up turns, and nobody new take all of them', () => {
    expect(tokensAtStart(undefined, 700)).toBe(700)
    expect(tokensAtStart(50, 700)).toBe(700)
    expect(tokensAtStart(900, 700)).toBe(900)
  })
})
