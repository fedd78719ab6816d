/** What work costs by the policy, what is burned of it, and how much the treasury may give out. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  burnOf,
  CREDIT_POLICIES,
  CREDIT_POLICY as POLICY,
  priceOf,
  treasuryFloorMicro,
  type Work,
} from '../../../web/rules/credit-policy.ts'
import { MICRO_PER_CREDIT } from '../../../web/wire/ledger-events.ts'

const GIGA = 1_000_000_000
const whole: Work = { promptTokens: 0, outputTokens: 1_000, activeParameters: GIGA, layers: 24, layersAll: 24 }

it('every version is known by its number, and the newest is what is paid from now on', () => {
  const versions = CREDIT_POLICIES.map(({ version }) => version)
  expect(versions).toEqual(versions.map((_, at) => versions.length - at))
  expect(CREDIT_POLICIES[0]).toBe(POLICY)
})

describe('the price of work', () => {
  it('is one credit for a thousand tokens of a model of a billion parameters, and a tenth of that to read them', () => {
    expect(priceOf(POLICY, whole)).toBe(MICRO_PER_CREDIT)
    expect(priceOf(POLICY, { ...whole, promptTokens: 1_000, outputTokens: 0 })).toBe(MICRO_PER_CREDIT / 10n)
    expect(priceOf(POLICY, { ...whole, activeParameters: 135_000_000 })).toBe(135_000n)
  })

  it('never falls with work, is never nothing for some, and of stages is that of the whole but for rounding', () => {
    const count = fc.integer({ min: 0, max: 4_096 })
    const layers = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 })
    const parameters = fc.integer({ min: 1_000, max: 700 * GIGA })
    fc.assert(
      fc.property(count, count, layers, parameters, (promptTokens, outputTokens, spans, activeParameters) => {
        const layersAll = spans.reduce((sum, one) => sum + one, 0)
        const work = { promptTokens, outputTokens, activeParameters, layersAll }
        const price = priceOf(POLICY, { ...work, layers: layersAll })
        const stages = spans.map((layers) => priceOf(POLICY, { ...work, layers }))
        const sum = stages.reduce((total, one) => total + one, 0n)
        expect(price > 0n).toBe(promptTokens + outputTokens > 0)
        expect(sum >= price && sum < price + BigInt(spans.length)).toBe(true)
        expect(priceOf(POLICY, { ...work, outputTokens: outputTokens + 1, layers: layersAll }) >= price).toBe(true)
      }),
    )
  })
})

describe('of what is paid', () => {
  it('a twentieth is burned, rounded up, and never more than all', () => {
    expect(burnOf(POLICY, MICRO_PER_CREDIT)).toBe(50_000n)
    expect([0n, 1n, 20n, 21n].map((micro) => burnOf(POLICY, micro))).toEqual([0n, 1n, 1n, 2n])
  })

  it('who pays oneself over two devices, again and again, has less each time', () => {
    let left = POLICY.grantMicro
    for (let round = 0; round < 100; round += 1) {
      const before = left
      left -= burnOf(POLICY, left)
      expect(left).toBeLessThan(before)
    }
    expect(left * 100n).toBeLessThan(POLICY.grantMicro)
  })
})

it('the treasury gives out nothing before its first epoch, and one issue more with each', () => {
  const { epochZeroMs, epochMs, issueMicroPerEpoch } = POLICY
  const floors = [-1, 0, epochMs - 1, epochMs, 10 * epochMs].map((ms) => treasuryFloorMicro(POLICY, epochZeroMs + ms))
  expect(floors).toEqual([
    0n,
    -issueMicroPerEpoch,
    -issueMicroPerEpoch,
    -2n * issueMicroPerEpoch,
    -11n * issueMicroPerEpoch,
  ])
})
