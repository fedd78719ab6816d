/** Rotary embedding: the table against its formula, and that the row order leaves every score as it was. */
import { describe, expect, test } from 'vitest'
import { pairedRows, ropeTable } from '../../../web/engine/rope.ts'
import { type ModelShape, readShape } from '../../../web/engine/shape.ts'
import { Random } from '../../fixtures/random.ts'
import { llama3Factors, tinyModel } from '../../fixtures/tiny-model.ts'
import { directoryOf, must } from '../../support/directory-of.ts'

async function shapeOf(architecture: 'llama' | 'qwen3', headDim: number): Promise<ModelShape> {
  const file = tinyModel({ architecture, types: 'F32', seed: 1, layers: 1, headDim })
  return must(readShape(await directoryOf(file)))
}

test('angles are position * base^(-2 pair / headDim), over the scale and the factor of the pair', async () => {
  const shape = { ...(await shapeOf('llama', 16)), ropeScale: 4 }
  const factors = llama3Factors(16, { scaling: 'llama3', factor: 8, low: 1, high: 4, trained: 64 })
  expect(new Set(factors).size).toBeGreaterThan(2)
  const table = ropeTable(shape, factors, 100, 3)
  for (let position = 100; position < 103; position += 1) {
    for (let pair = 0; pair < 8; pair += 1) {
      const angle = position / 10_000 ** (pair / 8) / 4 / (factors[pair] ?? 1)
      const at = ((position - 100) * 8 + pair) * 2
      expect(table[at]).toBeCloseTo(Math.cos(angle), 6)
      expect(table[at + 1]).toBeCloseTo(Math.sin(angle), 6)
    }
  }
})

test('a part of the table has the bits of the whole', async () => {
  const shape = await shapeOf('llama', 32)
  const none = new Float32Array(0)
  expect(ropeTable(shape, none, 7, 5)).toEqual(ropeTable(shape, none, 0, 12).slice(7 * 32))
})

describe.each(['llama', 'qwen3'] as const)('%s', (architecture) => {
  test.each([16, 80, 128])('scores of heads of %i are those of its own pairing', async (headDim) => {
    const shape = await shapeOf(architecture, headDim)
    const order = pairedRows(shape, 2 * headDim)
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 2 * headDim }, (_, i) => i))
    const random = new Random(headDim)
    const [q, k] = [random.normals(headDim, 1), random.normals(headDim, 1)]
    const half = headDim / 2
    const theirs = (x: Float32Array, position: number) => {
      const out = new Float64Array(headDim)
      for (let pair = 0; pair < half; pair += 1) {
        const [i, j] = architecture === 'llama' ? [2 * pair, 2 * pair + 1] : [pair, pair + half]
        const angle = position * 10_000 ** ((-2 * pair) / headDim)
        const [a, b] = [x[i] ?? 0, x[j] ?? 0]
        out[i] = a * Math.cos(angle) - b * Math.sin(angle)
        out[j] = a * Math.sin(angle) + b * Math.cos(angle)
      }
      return out
    }
    const table = ropeTable(shape, new Float32Array(0), 0, 40)
    const ours = (x: Float32Array, position: number) => {
      const out = new Float64Array(headDim)
      for (let pair = 0; pair < half; pair += 1) {
        const at = (position * half + pair) * 2
        const [cos, sin] = [table[at] ?? 0, table[at + 1] ?? 0]
        const [a, b] = [x[order[2 * pair] ?? 0] ?? 0, x[order[2 * pair + 1] ?? 0] ?? 0]
        out[2 * pair] = a * cos - b * sin
        out[2 * pair + 1] = a * sin + b * cos
      }
      return out
    }
    const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)
    for (const [left, right] of [
      [0, 0],
      [3, 1],
      [39, 20],
    ] as const) {
      expect(dot(ours(q, left), ours(k, right))).toBeCloseTo(dot(theirs(q, left), theirs(k, right)), 4)
    }
  })
})
