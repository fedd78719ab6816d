/**
 * The kernels of attention, `rope_kv` and `attention`, against plain loops in f64: every head width, with and without the
 * norm of heads, positions on both sides of each chunk border. Errors are shares of the largest output.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { fromHalf, toHalf } from '../../web/weights/half.ts'
import { Random } from '../fixtures/random.ts'
import { relativeError } from '../support/compare.ts'
import { normalised, normals, openRunner, SEED } from '../support/kernel-inputs.ts'
import type { KernelRunner } from '../support/kernel-runner.ts'

const ERROR_MAX = {
  /** Two products and a sum. */
  rope: 1e-6,
  /** The cache is f16 and may round a last bit the other way. */
  cache: 1e-3,
  /** `exp` of the driver is the coarsest part. */
  attention: 5e-6,
} as const

let runner: KernelRunner
beforeAll(async () => {
  runner = await openRunner()
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
    expect(relativeError(q, part(0, heads * headDim))).toBeLessThan(ERROR_MAX.rope)
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
