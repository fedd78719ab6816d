/**
 * The sampler on the GPU: 100,000 draws of each setting against the exact distribution, and the same token as the CPU
 * twin except where two scores are within a rounding of each other.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { noiseTable } from '../../web/rules/noise.ts'
import { sample } from '../../web/tokens/sampler.ts'
import { KernelRunner } from '../support/kernel-runner.ts'
import { caseLogits, DRAWS, exactDistribution, P_MIN, SAMPLER_CASES } from '../support/sampler-cases.ts'
import { drawTokens } from '../support/sampler-runner.ts'
import { chiSquare } from '../support/statistics.ts'

/** What the product runs, and what is fast where every barrier costs: as many lanes as a software GPU runs at once. */
const [LANES, LANES_FAST] = [256, 4]
const COMPARED = 400
/** Draws in which the GPU may take the other of two scores that differ in the last bits of `exp` and of the sum. */
const OTHER_PICKS_MAX = 0.001

let runner: KernelRunner
const noise = noiseTable()
beforeAll(async () => {
  runner = await KernelRunner.open()
})

describe.each(SAMPLER_CASES)('$name', (item) => {
  const logits = caseLogits(item)

  test('the tokens of the CPU twin', async () => {
    const got = await drawTokens(runner, item, logits, COMPARED, LANES)
    const first = item.window.length
    const expected = Array.from(got, (_, draw) => sample(logits.slice(), item.spec, first + draw, item.window, noise))
    const others = expected.filter((id, draw) => id !== got[draw])
    console.info(`${item.name}: ${others.length} of ${COMPARED} draws differ from the CPU`)
    expect(others.length, `first tokens ${got.slice(0, 8)} against ${expected.slice(0, 8)}`).toBeLessThanOrEqual(
      COMPARED * OTHER_PICKS_MAX,
    )
  })

  test('100,000 draws', async () => {
    const started = performance.now()
    const got = await drawTokens(runner, item, logits, DRAWS, LANES_FAST)
    const counts = new Uint32Array(item.vocabulary)
    for (const id of got) counts[id] = (counts[id] ?? 0) + 1
    const result = chiSquare(counts, exactDistribution(item, logits))
    const text = `${item.name}, seed ${item.spec.seed}: chi-square ${result.statistic.toFixed(1)} over ${result.degrees}, p ${result.p.toFixed(4)}`
    console.info(`${text} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
    expect(
      counts.reduce((sum, seen) => sum + seen, 0),
      'ids inside the vocabulary',
    ).toBe(DRAWS)
    expect(result.impossible, text).toBe(0)
    expect(result.p, text).toBeGreaterThan(P_MIN)
  })
})
