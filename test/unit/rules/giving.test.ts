/** When a tab gives: every reason against it alone and together, hours over midnight, and what a person waives. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type GivingFacts,
  type GivingLimits,
  REST_REASONS,
  type RestReason,
  restNow,
  restsOf,
  within,
} from '../../../web/rules/giving.ts'
import { DAY_MINUTES } from '../../../web/wire/limits/giving.ts'

const minute = fc.integer({ min: 0, max: DAY_MINUTES - 1 })
const share = fc.double({ min: 0, max: 1, noNaN: true })
const arbitraryLimits: fc.Arbitrary<GivingLimits> = fc.record({
  hours: fc.option(fc.record({ from: minute, to: minute })),
  chargingOnly: fc.boolean(),
  batteryMin: fc.option(share),
  onlyWhileVisible: fc.boolean(),
  pauseWhileActive: fc.boolean(),
})
const arbitraryFacts: fc.Arbitrary<GivingFacts> = fc.record({
  paused: fc.boolean(),
  visible: fc.boolean(),
  active: fc.boolean(),
  minute,
  battery: fc.option(fc.record({ charging: fc.boolean(), level: share })),
  otherModel: fc.boolean(),
})
const NONE: GivingLimits = {
  hours: null,
  chargingOnly: false,
  batteryMin: null,
  onlyWhileVisible: false,
  pauseWhileActive: false,
}
const IDLE: GivingFacts = {
  paused: false,
  visible: true,
  active: false,
  minute: 0,
  battery: null,
  otherModel: false,
}
const nobody = new Set<RestReason>()
const at = (hour: number, minutes = 0) => hour * 60 + minutes

describe('giving', () => {
  it('without limits stops for the person alone, and for another model that is loaded', () => {
    fc.assert(
      fc.property(arbitraryFacts, (facts) => {
        const model = facts.otherModel ? ['model'] : []
        expect(restsOf(facts, NONE)).toEqual([...(facts.paused ? ['person'] : []), ...model])
      }),
    )
  })

  it('rests exactly while something speaks against it that was not waived, and says the first', () => {
    fc.assert(
      fc.property(arbitraryFacts, arbitraryLimits, fc.subarray([...REST_REASONS]), (facts, limits, waived) => {
        const all = restsOf(facts, limits)
        const left = all.filter((why) => !waived.includes(why))
        const rest = restNow(facts, limits, new Set(waived))
        expect(rest?.why ?? null).toBe(left[0] ?? null)
        expect(new Set(all).size).toBe(all.length)
      }),
    )
  })

  it('a stricter limit never lets it give where a looser one did not', () => {
    fc.assert(
      fc.property(arbitraryFacts, arbitraryLimits, fc.constantFrom(...REST_REASONS), (facts, limits, why) => {
        const looser: GivingLimits = {
          ...limits,
          ...(why === 'hours' ? { hours: null } : {}),
          ...(why === 'power' ? { chargingOnly: false } : {}),
          ...(why === 'battery' ? { batteryMin: null } : {}),
          ...(why === 'hidden' ? { onlyWhileVisible: false } : {}),
          ...(why === 'active' ? { pauseWhileActive: false } : {}),
        }
        expect(restsOf(facts, limits)).toEqual(expect.arrayContaining([...restsOf(facts, looser)]))
      }),
    )
  })

  it('where the browser does not tell of a battery, no limit of it holds', () => {
    fc.assert(
      fc.property(arbitraryFacts, arbitraryLimits, (facts, limits) => {
        const rests = restsOf({ ...facts, battery: null }, limits)
        expect(rests).not.toContain('power')
        expect(rests).not.toContain('battery')
      }),
    )
  })

  it.each([
    [{ chargingOnly: true }, { charging: false, level: 1 }, 'power'],
    [{ chargingOnly: true }, { charging: true, level: 0.1 }, null],
    [{ batteryMin: 0.5 }, { charging: false, level: 0.49 }, 'battery'],
    [{ batteryMin: 0.5 }, { charging: false, level: 0.5 }, null],
    [{ batteryMin: 0.5 }, { charging: true, level: 0.1 }, null],
  ] as const)('%j with %j rests for %s', (limits, battery, why) => {
    expect(restNow({ ...IDLE, battery }, { ...NONE, ...limits }, nobody)?.why ?? null).toBe(why)
  })
})

describe('hours', () => {
  it('from and to split the day in two, whichever comes first', () => {
    fc.assert(
      fc.property(minute, minute, minute, (from, to, now) => {
        fc.pre(from !== to)
        expect(within(now, { from, to })).toBe(!within(now, { from: to, to: from }))
        expect(within(from, { from, to })).toBe(true)
        expect(within(to, { from, to })).toBe(false)
      }),
    )
  })

  it('over midnight are the evening and the morning', () => {
    const hours = { from: at(22), to: at(6, 30) }
    const given = [at(21, 59), at(22), at(23, 59), 0, at(6, 29), at(6, 30), at(12)]
    expect(given.map((now) => within(now, hours))).toEqual([false, true, true, true, true, false, false])
    const rest = restNow({ ...IDLE, minute: at(12) }, { ...NONE, hours }, nobody)
    expect(rest).toEqual({ why: 'hours', untilMinute: at(22) })
  })

  it('that are none never come, and no end is promised', () => {
    const hours = { from: at(9), to: at(9) }
    expect(restNow({ ...IDLE, minute: at(9) }, { ...NONE, hours }, nobody)).toEqual({ why: 'hours', untilMinute: null })
  })
})
