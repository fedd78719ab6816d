/** The chi-square that the sampler tests rest on, against published quantiles. */
import { expect, test } from 'vitest'
import { chiSquare } from '../support/statistics.ts'

/** `[degrees, quantile, upper tail]` of the usual tables. */
const QUANTILES = [
  [1, 3.841, 0.05],
  [1, 10.828, 0.001],
  [10, 18.307, 0.05],
  [10, 29.588, 0.001],
  [50, 67.505, 0.05],
  [100, 77.929, 0.95],
] as const

test.each(QUANTILES)('%i degrees, %f has an upper tail of %f', (degrees, quantile, tail) => {
  // Equal cells of 1,000 with one moved up and one down by d: the statistic is 2 d^2 / 1,000.
  const cells = degrees + 1
  const moved = Math.sqrt((quantile * 1000) / 2)
  const counts = Array.from({ length: cells }, (_, i) => 1000 + (i === 0 ? moved : i === 1 ? -moved : 0))
  const result = chiSquare(counts, new Array(cells).fill(1 / cells))
  expect(result.degrees).toBe(degrees)
  expect(result.statistic).toBeCloseTo(quantile, 6)
  expect(Math.abs(result.p - tail)).toBeLessThan(tail * 2e-3)
})

test('rare cells are joined and impossible draws counted', () => {
  const result = chiSquare([996, 1, 1, 1, 1, 0], [0.99, 0.0025, 0.0025, 0.0025, 0.0025, 0])
  expect(result.degrees).toBe(2)
  expect(result.impossible).toBe(0)
  expect(chiSquare([5, 1], [1, 0]).impossible).toBe(1)
})
