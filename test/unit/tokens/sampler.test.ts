/** The sampler: 100,000 draws of each setting against the exact distribution, and its corners. */
import { describe, expect, test } from 'vitest'
import { noiseTable } from '../../../web/rules/noise.ts'
import { applyMask, penalise, sample, threshold } from '../../../web/tokens/sampler.ts'
import { caseLogits, DRAWS, exactDistribution, P_MIN, SAMPLER_CASES } from '../../support/sampler-cases.ts'
import { chiSquare } from '../../support/statistics.ts'
import { GREEDY } from '../../support/tiny-stage.ts'

const noise = noiseTable()

describe('100,000 draws', { timeout: 60_000 }, () => {
  test.each(SAMPLER_CASES)('$name', (item) => {
    const logits = caseLogits(item)
    const counts = new Uint32Array(item.vocabulary)
    for (let position = 0; position < DRAWS; position += 1) {
      const id = sample(logits.slice(), item.spec, position, item.window, noise)
      counts[id] = (counts[id] ?? 0) + 1
    }
    const result = chiSquare(counts, exactDistribution(item, logits))
    const text = `${item.name}, seed ${item.spec.seed}: chi-square ${result.statistic.toFixed(1)} over ${result.degrees}, p ${result.p.toFixed(4)}`
    console.info(text)
    expect(result.impossible, text).toBe(0)
    expect(result.p, text).toBeGreaterThan(P_MIN)
  })
})

describe('a mask', () => {
  const ALLOWED = [1, 40, 63]
  const mask = new Uint32Array(2)
  for (const id of ALLOWED) mask[id >>> 5] = (mask[id >>> 5] ?? 0) | (1 << (id & 31))

  test.each(SAMPLER_CASES.filter(({ vocabulary }) => vocabulary === 64))(
    'leaves the shares of what it lets pass: $name',
    (item) => {
      const spec = { ...item.spec, topK: 0, topP: 1, minP: 0 }
      const only = (logits: Float32Array) => logits.map((value, id) => (ALLOWED.includes(id) ? value : -1e30))
      const logits = caseLogits(item)
      const counts = new Uint32Array(item.vocabulary)
      for (let position = 0; position < DRAWS / 10; position += 1) {
        const masked = logits.slice()
        applyMask(masked, mask)
        const id = sample(masked, spec, position, item.window, noise)
        counts[id] = (counts[id] ?? 0) + 1
      }
      const result = chiSquare(counts, exactDistribution({ ...item, spec }, only(logits)))
      expect(result.impossible).toBe(0)
      expect(result.p).toBeGreaterThan(P_MIN)
    },
  )

  test('is stronger than every setting', () => {
    for (const temperature of [0, 0.01, 1, 100])
      for (const repetitionPenalty of [0.1, 1, 10]) {
        const logits = new Float32Array(64).fill(50)
        for (const id of ALLOWED) logits[id] = -50
        applyMask(logits, mask)
        const settings = { ...GREEDY, temperature, repetitionPenalty, topK: 5, topP: 0.5, minP: 0.5 }
        expect(ALLOWED).toContain(sample(logits, settings, 9, [0, 1, 2], noise))
      }
  })
})

describe('corners', () => {
  const draw = (logits: readonly number[], settings = GREEDY) =>
    sample(Float32Array.from(logits), settings, 3, [], noise)

  test('greedy takes the best, of equals the lowest id', () => {
    expect(draw([1, 5, 2, 5])).toBe(1)
    expect(draw([-3, -3])).toBe(0)
  })

  test('no finite logit gives no token', () => {
    expect(draw([Number.NaN, Number.NaN])).toBe(-1)
    expect(draw([Number.NaN, 1])).toBe(1)
  })

  test('a penalty counts a token once and moves both signs down', () => {
    const logits = Float32Array.of(2, -2, 1)
    penalise(logits, 2, [0, 1, 0, 1, 1])
    expect([...logits]).toEqual([1, -4, 1])
  })

  test('ties at a border are all kept', () => {
    expect(threshold(Float32Array.of(3, 2, 2, 1), { ...GREEDY, topK: 2 })).toBe(2)
    expect(threshold(Float32Array.of(3, 2, 2, 1), { ...GREEDY, topK: 4 })).toBe(Number.NEGATIVE_INFINITY)
    expect(threshold(Float32Array.of(0, 0, 0, 0), { ...GREEDY, topP: 0.3 })).toBe(0)
  })

  test('the same key draws the same, another seed another sequence', () => {
    const settings = { ...GREEDY, temperature: 1 }
    const run = (seed: bigint) =>
      Array.from({ length: 50 }, (_, at) => sample(new Float32Array(64), { ...settings, seed }, at, [], noise))
    expect(run(1n)).toEqual(run(1n))
    expect(run(1n)).not.toEqual(run(2n))
  })
})
