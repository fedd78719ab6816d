/**
 * The projections, `matvec` and `matmul`, against plain loops in f64: every layout, odd sizes, rows 1 to 70, every epilogue.
 * Errors are shares of the largest output. The subgroup and half variants run where the adapter has the features; where
 * it has not, that is printed and counted.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import type { SourceVariant } from '../../web/engine/kernels/table.ts'
import type { QuantizableType } from '../fixtures/quantize.ts'
import { Random } from '../fixtures/random.ts'
import { bitDifference, relativeError } from '../support/compare.ts'
import { filler, matrix, normalised, normals, openRunner, overridesOf, SEED, TYPES } from '../support/kernel-inputs.ts'
import type { KernelRunner } from '../support/kernel-runner.ts'

/** Sums of up to 800 products in f32, in two orders. Weights are compared as packed, so that only arithmetic is left. */
const ERROR_MAX = 2e-6
/** Weights through f16 registers: 2^-11 of each. */
const HALF_ERROR_MAX = 2e-3

const EPILOGUES = ['store', 'add', 'swiglu', 'bias'] as const
const VARIANTS: readonly (readonly [feature: string | null, SourceVariant])[] = [
  [null, { reduction: 'workgroup', half: false }],
  ['subgroups', { reduction: 'subgroup', half: false }],
  ['shader-f16', { reduction: 'workgroup', half: true }],
]

let runner: KernelRunner
beforeAll(async () => {
  runner = await openRunner()
})

/** Columns that leave part of a workgroup idle; K types need whole blocks. */
const columnsOf = (type: QuantizableType) => (type.endsWith('_K') ? [256, 768] : [32, 160, 800])

interface Product {
  readonly type: QuantizableType
  readonly columns: number
  readonly rows: number
  readonly outputs: number
  readonly epilogue: (typeof EPILOGUES)[number]
  readonly norm: boolean
}

/** One projection in f64 and on the GPU; returns the error and the bits. */
async function product(name: 'matvec' | 'matmul', spec: Product, variant: SourceVariant) {
  const { type, columns, rows, outputs, epilogue, norm } = spec
  const random = new Random(SEED + columns + rows + outputs)
  const w = matrix(type, columns, outputs, random)
  const x = normals(random, rows * columns)
  const gain = normals(random, columns)
  const bias = normals(random, outputs + 3)
  const made = epilogue === 'swiglu' ? outputs / 2 : outputs
  const [offset, stride] = [3, made + 5]
  const before = normals(random, rows * stride)
  const exact = Float64Array.from(before)
  for (let row = 0; row < rows; row += 1) {
    const input = norm ? normalised(x, gain, row, columns) : Array.from(x.subarray(row * columns, (row + 1) * columns))
    const sums = Array.from({ length: outputs }, (_, output) =>
      input.reduce((sum, value, i) => sum + value * (w.values[output * columns + i] ?? 0), 0),
    )
    for (let i = 0; i < made; i += 1) {
      const at = row * stride + offset + i
      const [gate = 0, up = 0] = [sums[2 * i], sums[2 * i + 1]]
      if (epilogue === 'swiglu') exact[at] = (gate / (1 + Math.exp(-gate))) * up
      else
        exact[at] =
          (sums[i] ?? 0) + (epilogue === 'add' ? (before[at] ?? 0) : epilogue === 'bias' ? (bias[offset + i] ?? 0) : 0)
    }
  }
  const shared = {
    EPILOGUE: { store: 0, bias: 0, add: 1, swiglu: 2 }[epilogue],
    BIAS: Number(epilogue === 'bias'),
    ...overridesOf(w),
  }
  const overrides = name === 'matvec' ? { ...shared, NORM: Number(norm) } : shared
  const params = { units: columns / 8, outputs, offset, stride, epsilon: 1e-5 }
  const bound = name === 'matvec' ? [w.quants, w.scales, x, gain, bias, before] : [w.quants, w.scales, x, bias, before]
  const grid =
    name === 'matvec'
      ? ([rows, Math.ceil(outputs / 4)] as const)
      : ([Math.ceil(rows / 32), Math.ceil(outputs / 64)] as const)
  const request = { name, layout: w.shape.layout, overrides }
  const [data = new ArrayBuffer(0)] = await runner.run(
    { request, position: 0, rows, params, bound, grid, read: [bound.length - 1] },
    variant,
  )
  const got = new Float32Array(data).subarray(0, exact.length)
  return { error: relativeError(got, exact), got }
}

describe.each(VARIANTS)('products, needing %s', (feature, variant) => {
  const limit = variant.half ? HALF_ERROR_MAX : ERROR_MAX
  const lacking = () => {
    if (feature === null || runner.features.includes(feature)) return false
    console.info(`not run here: the adapter has no ${feature}`)
    return true
  }
  // The variants differ in one piece of source each: the plain one tries all sizes, the others the first.
  const types = feature === null ? TYPES : (['F16', 'Q4_1', 'Q6_K'] as const)

  test.for(types)('matvec %s', async (type, { skip }) => {
    if (lacking()) return skip()
    const sizes = feature === null ? columnsOf(type) : columnsOf(type).slice(-1)
    for (const [i, columns] of sizes.entries()) {
      for (const [rows, outputs, norm] of [
        [1, 6, true],
        [3, 70, false],
        [70, 4, true],
      ] as const) {
        const epilogue = EPILOGUES[(i + rows) % EPILOGUES.length] ?? 'store'
        const spec = { type, columns, rows, outputs, epilogue, norm }
        const { error } = await product('matvec', spec, variant)
        expect(error, JSON.stringify(spec)).toBeLessThan(limit)
      }
    }
  })

  // `matmul` does not reduce: for it there is no subgroup variant.
  test.for(variant.reduction === 'subgroup' ? [] : types)('matmul %s', async (type, { skip }) => {
    if (lacking()) return skip()
    const sizes = feature === null ? columnsOf(type) : columnsOf(type).slice(-1)
    for (const [i, columns] of sizes.entries()) {
      for (const [rows, outputs] of [
        [1, 6],
        [33, 66],
        [70, 130],
      ] as const) {
        const epilogue = EPILOGUES[(i + rows) % EPILOGUES.length] ?? 'store'
        const spec = { type, columns, rows, outputs, epilogue, norm: false }
        const { error } = await product('matmul', spec, variant)
        expect(error, JSON.stringify(spec)).toBeLessThan(limit)
      }
    }
  })

  test('rows do not change bits', async ({ skip }) => {
    if (lacking()) return skip()
    const spec = { type: 'Q4_1', columns: 160, outputs: 10, epilogue: 'store', norm: true } as const
    const random = new Random(SEED)
    const w = matrix(spec.type, spec.columns, spec.outputs, random)
    const x = normals(random, 64 * spec.columns)
    const of = async (first: number, rows: number) => {
      const bound = [
        w.quants,
        w.scales,
        x.slice(first * spec.columns, (first + rows) * spec.columns),
        x,
        filler,
        new Float32Array(rows * 10),
      ]
      const params = { units: spec.columns / 8, outputs: 10, offset: 0, stride: 10, epsilon: 1e-5 }
      const request = { name: 'matvec', layout: w.shape.layout, overrides: { NORM: 1 } } as const
      const [data = new ArrayBuffer(0)] = await runner.run(
        { request, position: 0, rows, params, bound, grid: [rows, 3], read: [5] },
        variant,
      )
      return new Float32Array(data)
    }
    const all = await of(0, 64)
    for (const row of [0, 1, 7, 63])
      expect(bitDifference((await of(row, 1)).slice(0, 10), all.slice(row * 10, row * 10 + 10))).toBeNull()
  })
})

test('matvec LAST computes the last row alone, into row 0', async () => {
  const random = new Random(SEED)
  const w = matrix('F32', 64, 5, random)
  const x = normals(random, 3 * 64)
  const request = { name: 'matvec', layout: 'f32', overrides: { LAST: 1 } } as const
  const params = { units: 8, outputs: 5, offset: 0, stride: 5, epsilon: 1e-5 }
  const bound = [w.quants, w.scales, x, filler, filler, new Float32Array(8)]
  const [data = new ArrayBuffer(0)] = await runner.run({
    request,
    position: 0,
    rows: 3,
    params,
    bound,
    grid: [1, 2],
    read: [5],
  })
  const exact = Array.from({ length: 5 }, (_, o) =>
    Array.from({ length: 64 }, (_, i) => (x[128 + i] ?? 0) * (w.values[o * 64 + i] ?? 0)).reduce((a, b) => a + b),
  )
  expect(relativeError(new Float32Array(data).slice(0, 5), exact)).toBeLessThan(ERROR_MAX)
})
