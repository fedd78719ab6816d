/**
 * Each kernel against plain loops in f64 on random inputs: every layout, odd sizes, rows 1 to 70, every head width, and
 * positions on both sides of each chunk border of attention. Errors are shares of the largest output. The subgroup and
 * half variants run where the adapter has the features; where it has not, that is printed and counted.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import type { SourceVariant } from '../../web/engine/kernels/table.ts'
import { dequantize } from '../../web/weights/dequantize.ts'
import { fromHalf, toHalf } from '../../web/weights/half.ts'
import { type LayoutShape, layoutOf, packRows } from '../../web/weights/repack.ts'
import { type QuantizableType, quantize } from '../fixtures/quantize.ts'
import { Random } from '../fixtures/random.ts'
import { bitDifference, relativeError } from '../support/compare.ts'
import { KernelRunner } from '../support/kernel-runner.ts'
import { unpackLayout } from '../support/unpack-layout.ts'

/** Largest error by kernel. Weights are compared as packed, so that only arithmetic is left. */
const ERROR_MAX = {
  /** Weights times scale, one rounding. */
  embed: 1e-6,
  /** Sums of up to 800 products in f32, in two orders. */
  matvec: 2e-6,
  matmul: 2e-6,
  norm: 1e-6,
  /** Two products and a sum; the cache is f16 and may round a last bit the other way. */
  rope_kv: 1e-6,
  cache: 1e-3,
  /** `exp` of the driver is the coarsest part. */
  attention: 5e-6,
  /** Weights through f16 registers: 2^-11 of each. */
  half: 2e-3,
} as const

const SEED = 20_261_121
const TYPES: readonly QuantizableType[] = [
  'F32',
  'F16',
  'BF16',
  'Q4_0',
  'Q4_1',
  'Q5_0',
  'Q5_1',
  'Q8_0',
  'Q4_K',
  'Q5_K',
  'Q6_K',
]
const EPILOGUES = ['store', 'add', 'swiglu', 'bias'] as const
const VARIANTS: readonly (readonly [feature: string | null, SourceVariant])[] = [
  [null, { reduction: 'workgroup', half: false }],
  ['subgroups', { reduction: 'subgroup', half: false }],
  ['shader-f16', { reduction: 'workgroup', half: true }],
]

let runner: KernelRunner
beforeAll(async () => {
  runner = await KernelRunner.open()
  console.info(`seed ${SEED}; features: ${runner.features.join(', ') || 'none'}`)
})

const normals = (random: Random, count: number, scale = 1) => Float32Array.from(random.normals(count, scale))
const filler = new Float32Array(4)

interface Matrix {
  readonly shape: LayoutShape
  readonly quants: Uint8Array<ArrayBuffer>
  readonly scales: Uint32Array<ArrayBuffer>
  readonly values: Float64Array
}

function matrix(type: QuantizableType, columns: number, rows: number, random: Random): Matrix {
  const shape = layoutOf(type)
  if (!shape) throw new Error(`${type} has no layout`)
  const bytes = quantize(type, random.normals(columns * rows, 1 / Math.sqrt(columns), 0.01))
  expect(dequantize(type, bytes, columns * rows).length).toBe(columns * rows)
  const packed = packRows(shape, columns, rows, (row) => ({ type, bytes, row }))
  const scales = packed.scales.length > 0 ? packed.scales : new Uint32Array(4)
  return { shape, quants: packed.quants, scales, values: unpackLayout(shape, packed, columns * rows).values }
}

const overridesOf = ({ shape }: Matrix) => (shape.layout === 'q8' ? { SCALE_UNITS: shape.group / 8 } : {})

/** Columns that leave part of a workgroup idle; K types need whole blocks. */
const columnsOf = (type: QuantizableType) => (type.endsWith('_K') ? [256, 768] : [32, 160, 800])

function normalised(x: Float32Array, gain: Float32Array, row: number, columns: number): number[] {
  const part = Array.from(x.subarray(row * columns, (row + 1) * columns))
  const factor = 1 / Math.sqrt(part.reduce((sum, value) => sum + value * value, 0) / columns + 1e-5)
  return part.map((value, i) => value * factor * (gain[i] ?? 0))
}

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
  const limit = (plain: number) => (variant.half ? ERROR_MAX.half : plain)
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
        expect(error, JSON.stringify(spec)).toBeLessThan(limit(ERROR_MAX.matvec))
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
        expect(error, JSON.stringify(spec)).toBeLessThan(limit(ERROR_MAX.matmul))
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
  expect(relativeError(new Float32Array(data).slice(0, 5), exact)).toBeLessThan(ERROR_MAX.matvec)
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
  expect(relativeError(hidden, exact)).toBeLessThan(ERROR_MAX.embed)
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
  expect(relativeError(new Float32Array(data), exact)).toBeLessThan(ERROR_MAX.norm)
})

const HEADS = [
  { headDim: 32, heads: 6, kvHeads: 2 },
  { headDim: 64, heads: 9, kvHeads: 3 },
  { headDim: 80, heads: 2, kvHeads: 2 },
  { headDim: 96, heads: 4, kvHeads: 1 },
  { headDim: 128, heads: 4, kvHeads: 2 },
  { headDim: 256, heads: 2, kvHeads: 1 },
] as const

const pairs = (values: Float64Array | Float32Array) =>
  Uint32Array.from(
    { length: values.length / 2 },
    (_, i) => (toHalf(values[2 * i] ?? 0) | (toHalf(values[2 * i + 1] ?? 0) << 16)) >>> 0,
  )
const unpaired = (words: Uint32Array) =>
  Float64Array.from({ length: words.length * 2 }, (_, i) => fromHalf((words[i >> 1] ?? 0) >>> (16 * (i & 1))))

describe.each(HEADS)('heads of $headDim, $heads over $kvHeads', ({ headDim, heads, kvHeads }) => {
  const width = (heads + 2 * kvHeads) * headDim

  test.each([false, true])('rope_kv, head norm %s', async (headNorm) => {
    const random = new Random(SEED + headDim)
    const [rows, position] = [3, 5]
    const qkv = normals(random, rows * width)
    const rope = normals(random, (position + rows) * headDim)
    const gain = normals(random, 2 * headDim)
    const cache = new Uint32Array(((position + rows) * kvHeads * headDim) / 2).fill(0x3c003c00)
    const request = { name: 'rope_kv', overrides: { HEAD_DIM: headDim, HEAD_NORM: Number(headNorm) } } as const
    const params = { heads, kv_heads: kvHeads, epsilon: 1e-5 }
    const bound = [qkv, rope, gain, cache, cache]
    const out = await runner.run({
      request,
      position,
      rows,
      params,
      bound,
      grid: [rows, heads + 2 * kvHeads],
      read: [0, 3, 4],
    })
    const [got = new ArrayBuffer(0), keys = new ArrayBuffer(0), values = new ArrayBuffer(0)] = out

    const exact = Float64Array.from(qkv)
    for (let row = 0; row < rows; row += 1) {
      for (let head = 0; head < heads + kvHeads; head += 1) {
        const start = row * width + head * headDim
        if (headNorm)
          exact.set(normalised(qkv.subarray(start), gain.subarray(head < heads ? 0 : headDim), 0, headDim), start)
        for (let i = 0; i < headDim; i += 2) {
          const at = (position + row) * headDim + i
          const [cos = 0, sin = 0, a = 0, b = 0] = [rope[at], rope[at + 1], exact[start + i], exact[start + i + 1]]
          exact[start + i] = a * cos - b * sin
          exact[start + i + 1] = a * sin + b * cos
        }
      }
    }
    const part = (from: number, count: number) =>
      Float64Array.from(
        Array.from({ length: rows }, (_, row) =>
          Array.from(exact.subarray(row * width + from, row * width + from + count)),
        ).flat(),
      )
    const q = Float64Array.from(
      Array.from({ length: rows }, (_, row) =>
        Array.from(new Float32Array(got).subarray(row * width, row * width + heads * headDim)),
      ).flat(),
    )
    expect(relativeError(q, part(0, heads * headDim))).toBeLessThan(ERROR_MAX.rope_kv)
    const kvWidth = kvHeads * headDim
    const cached = (data: ArrayBuffer) => unpaired(new Uint32Array(data)).subarray(position * kvWidth)
    expect(relativeError(cached(keys), part(heads * headDim, kvWidth))).toBeLessThan(ERROR_MAX.cache)
    expect(relativeError(cached(values), part((heads + kvHeads) * headDim, kvWidth))).toBeLessThan(ERROR_MAX.cache)
    // Earlier positions are not touched.
    expect([...new Uint32Array(keys).subarray(0, (position * kvWidth) / 2)].every((word) => word === 0x3c003c00)).toBe(
      true,
    )
  })

  test('attention on both sides of chunk borders', async () => {
    const random = new Random(SEED + headDim)
    const positions = 200
    const kvWidth = kvHeads * headDim
    const keys = pairs(random.normals(positions * kvWidth, 1))
    const values = pairs(random.normals(positions * kvWidth, 1))
    const [k, v] = [unpaired(keys), unpaired(values)]
    const workgroup = Math.max(64, 2 ** Math.ceil(Math.log2(headDim / 2)))
    const request = { name: 'attention', overrides: { HEAD_DIM: headDim, WORKGROUP: workgroup } } as const
    const scale = 1 / Math.sqrt(headDim)
    for (const [position, rows] of [
      [0, 3],
      [62, 4],
      [126, 5],
      [190, 2],
    ] as const) {
      const qkv = normals(random, rows * width)
      const bound = [qkv, keys, values, new Float32Array(rows * heads * headDim)]
      const params = { heads, kv_heads: kvHeads, scale }
      const [data = new ArrayBuffer(0)] = await runner.run({
        request,
        position,
        rows,
        params,
        bound,
        grid: [rows, heads],
        read: [3],
      })
      const exact = new Float64Array(rows * heads * headDim)
      for (let row = 0; row < rows; row += 1) {
        for (let head = 0; head < heads; head += 1) {
          const kv = Math.floor((head * kvHeads) / heads) * headDim
          const weights = Array.from({ length: position + row + 1 }, (_, at) => {
            let score = 0
            for (let i = 0; i < headDim; i += 1)
              score += (qkv[row * width + head * headDim + i] ?? 0) * (k[at * kvWidth + kv + i] ?? 0)
            return Math.exp(score * scale)
          })
          const total = weights.reduce((a, b) => a + b)
          for (let i = 0; i < headDim; i += 1) {
            const sum = weights.reduce((part, weight, at) => part + weight * (v[at * kvWidth + kv + i] ?? 0), 0)
            exact[(row * heads + head) * headDim + i] = sum / total
          }
        }
      }
      expect(relativeError(new Float32Array(data), exact), `position ${position}`).toBeLessThan(ERROR_MAX.attention)
    }
  })
})
