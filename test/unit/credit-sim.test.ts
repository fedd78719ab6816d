/** A few seeds of the simulation of credits: whatever is lost, doubled, reordered or crashed, the books hold and a ring loses. */
import { describe, expect, it } from 'vitest'
import { ledgerIdOf } from '../../web/wire/ledger-events.ts'
import { Agenda } from '../support/credit-sim/agenda.ts'
import { concentrationOf } from '../support/credit-sim/concentration.ts'
import { runWorld } from '../support/credit-sim/credit-run.ts'
import { SimTally } from '../support/credit-sim/sim-tally.ts'
import { SMALL_WORLD, SMALL_WORLD_RUN } from '../support/credit-sim/small-world.ts'

describe('a small world of credits', () => {
  it.each([1, 2, 3, 4])('keeps its books, seed %d', async (seed) => {
    // It throws by itself where postings do not sum to zero, a part is paid twice, a receipt is lost or a credit is left over.
    const { ring, receipts, crashes, requests } = await runWorld({ ...SMALL_WORLD, seed }, SMALL_WORLD_RUN)
    expect(ring.workedMicro).toBeGreaterThan(ring.beganMicro)
    expect(ring.endedMicro).toBeLessThan(ring.beganMicro)
    expect(ring.honestMicro).toBeGreaterThan(ring.beganMicro)
    // All that can go wrong did.
    expect(Math.min(crashes.before + crashes.after, receipts.lost, receipts.doubled, receipts.again)).toBeGreaterThan(0)
    expect(Math.min(requests.paid, requests.own)).toBeGreaterThan(0)
    const refused = Object.keys(receipts.refused).join()
    for (const code of ['posting-taken', 'receipt-inflated', 'receipt-price', 'receipt-unsigned'])
      expect(refused).toContain(`foul ${code}`)
  })

  it('is the same again by the same seed', async () => {
    const run = () => runWorld({ ...SMALL_WORLD, epochs: 1, people: 60, seed: 9 }, SMALL_WORLD_RUN)
    expect(await run()).toEqual(await run())
  })
})

describe('the second account of postings', () => {
  const event = { type: 'grant', device: 'd', owner: 'a', micro: 5n, forMs: 1, atMs: 0 } as const
  const given = [
    { kind: 'treasury', owner: '', micro: -5n },
    { kind: 'user', owner: 'a', micro: 5n },
  ] as const

  it.each<[string, (tally: SimTally) => void, RegExp]>([
    ['the same event twice', (tally) => tally.observe(event, given), /twice/],
    [
      'postings that come to something',
      (tally) => tally.observe({ ...event, device: 'e' }, given.slice(1)),
      /sum to 5/,
    ],
    [
      'less than nothing',
      (tally) =>
        tally.observe({ ...event, device: 'e' }, [
          { kind: 'user', owner: 'b', micro: -5n },
          { kind: 'burn', owner: '', micro: 5n },
        ]),
      /has -5/,
    ],
  ])('notices %s', (_title, then, words) => {
    const tally = new SimTally()
    tally.observe(event, given)
    expect(tally.has(ledgerIdOf(event))).toBe(true)
    expect(() => then(tally)).toThrow(words)
  })
})

describe('concentration', () => {
  it('is none where all have the same, and nearly all where one has everything', () => {
    const same = concentrationOf(Array.from({ length: 100 }, () => 7n))
    expect(same.gini).toBeCloseTo(0)
    expect(same.richest10).toBeCloseTo(0.1)
    const one = concentrationOf([...Array.from({ length: 99 }, () => 0n), 50n])
    expect(one).toEqual({ gini: 0.99, richest1: 1, richest10: 1 })
    expect(concentrationOf([0n])).toEqual({ gini: 0, richest1: 0, richest10: 0 })
  })
})

describe('an agenda', () => {
  it('gives what is due in the order of time, then of asking', () => {
    const agenda = new Agenda<string>()
    for (const [atMs, what] of [
      [5, 'c'],
      [1, 'a'],
      [9, 'e'],
      [5, 'd'],
      [2, 'b'],
    ] as const)
      agenda.put(atMs, what)
    expect(Array.from({ length: 4 }, () => agenda.next(5)?.what).join('')).toBe('abcd')
    expect(agenda.next(5)).toBeNull()
    expect(agenda.next()?.what).toBe('e')
  })
})
