/**
 * What comes before and between the projections, `embed` and `norm`, against plain loops in f64: every layout, and widths
 * from one unit to many. Errors are shares of the largest output.
 */
import { beforeAll, expect, test } from 'vitest'
import { Random } from '../fixtures/random.ts'
import { relativeError } from '../support/compare.ts'
import { matrix, normalised, normals, openRunner, overridesOf, SEED, TYPES } from '../support/kernel-inputs.ts'
import type { KernelRunner } from '../support/kernel-runner.ts'

/** Of `embed`: weights times scale, one rounding; of `norm` hardly more. */
const ERROR_MAX = 1e-6

let runner: KernelRunner
beforeAll(async () => {
  runner = await openRunner()
})

test.each(TYPES)('embed %s, in two slices', async (type) => {
  const random = new Random(SEED)
  const columns = type.endsWith('_K') ? 256 : 96
  const w = matrix(type, columns, 12, random)
  const tokens = Uint32Array.of(99, 99, 3, 11, 3, 0, 7)
  const request = { name: 'embed', layout: w.shape.layout, overrides: overridesOf(w) } as const
  const perRow = { quants: w.quants.length / 12, scales: w.shape.group === 0 ? 0 : w.scales.length / 12 }
  let hidden = new Float32Array(5 * columns).fill(-7)
  for (const [first, rows] of [
    [0, 7],
    [7, 5],
  ] as const) {
    const quants = w.quants.slice(first * perRow.quants, (first + rows) * perRow.quants)
    const scales = perRow.scales > 0 ? w.scales.slice(first * perRow.scales, (first + rows) * perRow.scales) : w.scales
    const params = { first, rows, units: columns / 8 }
    const bound = [quants, scales, tokens, hidden]
    const [data = new ArrayBuffer(0)] = await runner.run({
      request,
      position: 2,
      rows: 5,
      params,
      bound,
      grid: [5, 1],
      read: [3],
    })
    hidden = new Float32Array(data)
  }
  const exact = [3, 11, 3, 0, 7].flatMap((id) => Array.from(w.values.subarray(id * columns, (id + 1) * columns)))
  expect(relativeError(hidden, exact)).toBeLessThan(ERROR_MAX)
})

test.each([8, 72, 800])('norm of %i columns', async (columns) => {
  const random = new Random(SEED + columns)
  const [x, gain] = [normals(random, 7 * columns, 3), normals(random, columns)]
  const params = { units: columns / 8, epsilon: 1e-5 }
  const bound = [x, gain, new Float32Array(7 * columns)]
  const [data = new ArrayBuffer(0)] = await runner.run({
    request: { name: 'norm' },
    position: 0,
    rows: 7,
    params,
    bound,
    grid: [7, 1],
    read: [2],
  })
  const exact = [0, 1, 2, 3, 4, 5, 6].flatMap((row) => normalised(x, gain, row, columns))
  expect(relativeError(new Float32Array(data), exact)).toBeLessThan(ERROR_MAX)
})
