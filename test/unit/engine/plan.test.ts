/** From directory to matrices: what is fused, how it is cut, what is refused by name, and that the estimate is the sum of what is loaded. */
import { describe, expect, test } from 'vitest'
import { readSlice } from '../../../web/engine/load.ts'
import { type MatrixPlan, planStage, ROWS_A_WORKGROUP, type StagePlan } from '../../../web/engine/plan.ts'
import type { LayerRange } from '../../../web/engine/stage.ts'
import type { Directory } from '../../../web/weights/directory.ts'
import { layoutOf, quantBytesPerRow } from '../../../web/weights/repack.ts'
import { BINDING_BYTES_MAX } from '../../../web/wire/limits/engine.ts'
import type { Failure } from '../../../web/wire/result.ts'
import { FIXTURES } from '../../fixtures/fixtures.ts'
import { type TinyModelSpec, tinyModel } from '../../fixtures/tiny-model.ts'
import { directoryOf, must } from '../../support/directory-of.ts'
import { MemorySource } from '../../support/memory-source.ts'
import { type Change, changedFile, GGML_TYPE_NAMES } from '../../support/tiny-file.ts'

const SMALL: TinyModelSpec = { architecture: 'llama', types: 'F32', seed: 1, layers: 2 }
const WIDE: TinyModelSpec = { architecture: 'llama', types: 'Q4_K', seed: 1, layers: 2 }

async function refusal(spec: TinyModelSpec, change: Change): Promise<Failure> {
  const result = planStage(await directoryOf(changedFile(spec, change)))
  if (result.ok) throw new Error('it was accepted')
  return result
}

function matricesOf(plan: StagePlan): MatrixPlan[] {
  const all = [
    plan.embedding,
    plan.head,
    ...plan.layers.flatMap((layer) => [...layer.qkv, layer.out, layer.gateUp, layer.down]),
  ]
  return [...new Set(all)].filter((item) => item !== null)
}

/** What the GPU would get, by packing it. */
async function loadedBytes(plan: StagePlan, file: Uint8Array): Promise<number> {
  const source = new MemorySource(file)
  let bytes = 0
  for (const item of matricesOf(plan)) {
    for (let cut = 0; cut + 1 < item.cuts.length; cut += 1) {
      const packed = await readSlice(source, item, item.cuts[cut] ?? 0, item.cuts[cut + 1] ?? 0)
      bytes += packed.quants.byteLength + packed.scales.byteLength
    }
  }
  const vectors = [
    plan.ropeFactors,
    plan.finalNorm,
    ...plan.layers.flatMap((layer) => [layer.attentionNorm, layer.qkvBias, layer.headNorm, layer.ffnNorm]),
  ]
  return bytes + vectors.reduce((sum, item) => sum + 4 * (item?.length ?? 0), 0)
}

describe('the estimate', () => {
  test.each(FIXTURES)('$name: equals what is packed, whole and in parts', async ({ build }) => {
    const file = build()
    const directory = await directoryOf(file)
    const whole = must(planStage(directory))
    expect(whole.weightBytes).toBe(await loadedBytes(whole, file))
    const ranges: LayerRange[] = Array.from({ length: whole.shape.layers }, (_, first) => ({ first, last: first + 1 }))
    let layers = 0
    for (const range of ranges) {
      const part = must(planStage(directory, range))
      expect(part.weightBytes).toBe(await loadedBytes(part, file))
      layers += part.kvBytesPerPosition
    }
    expect(layers).toBe(whole.kvBytesPerPosition)
    expect(whole.kvBytesPerPosition).toBe(whole.shape.layers * whole.shape.kvHeads * whole.shape.headDim * 2 * 2)
  })
})

describe('what is fused', () => {
  test('a uniform file has one matrix for q, k and v; each row of a file is used once', async () => {
    const plan = must(planStage(await directoryOf(tinyModel(SMALL))))
    for (const layer of plan.layers) {
      expect(layer.qkv.length).toBe(1)
      for (const item of [...layer.qkv, layer.gateUp, layer.out, layer.down]) {
        const used = new Set(Array.from(item.rows, (row, i) => `${item.source[i]}:${row}`))
        expect(used.size).toBe(item.rows.length)
        expect(item.rows.length).toBe(item.tensors.reduce((sum, tensor) => sum + (tensor.shape[1] ?? 0), 0))
      }
      expect([...layer.gateUp.source.slice(0, 4)]).toEqual([0, 1, 0, 1])
      expect([...layer.gateUp.rows.slice(0, 4)]).toEqual([0, 0, 1, 1])
    }
    expect(plan.head).toBe(plan.embedding)
  })

  test('a mixed file has one matrix for each layout of q, k and v', async () => {
    const plan = must(planStage(await directoryOf(tinyModel({ ...WIDE, types: 'mixed' }))))
    expect(plan.layers.map((layer) => layer.qkv.map((item) => item.shape.layout))).toEqual([['q4', 'q8'], ['q4']])
  })

  test('gate and up of two types meet in their common layout', async () => {
    const file = changedFile(WIDE, { tensors: { 'blk.0.ffn_up.weight': { type: 'Q6_K' } } })
    const plan = must(planStage(await directoryOf(file)))
    expect(plan.layers[0]?.gateUp.shape).toEqual({ layout: 'q8', group: 16 })
    expect(plan.layers[1]?.gateUp.shape).toEqual({ layout: 'q4', group: 32 })
  })
})

describe('ranges', () => {
  test('hold only their own tensors; the parts hold each layer once', async () => {
    const directory = await directoryOf(tinyModel({ ...SMALL, layers: 3, tied: false }))
    const names = (first: number, last: number) =>
      must(planStage(directory, { first, last })).tensors.map(({ name }) => name)
    const middle = names(1, 2)
    expect(middle.every((name) => name.startsWith('blk.1.'))).toBe(true)
    expect(names(0, 1)).toContain('token_embd.weight')
    expect(names(0, 1)).not.toContain('output.weight')
    const tail = names(2, 3)
    expect(tail).toEqual(expect.arrayContaining(['output.weight', 'output_norm.weight']))
    expect(tail).not.toContain('token_embd.weight')
    expect([...names(0, 1), ...middle, ...tail].sort()).toEqual(directory.tensors.map(({ name }) => name).sort())
  })

  test('a tail of a tied model has the embedding as its head', async () => {
    const plan = must(planStage(await directoryOf(tinyModel(SMALL)), { first: 1, last: 2 }))
    expect(plan.embedding).toBeNull()
    expect(plan.head?.tensors[0]?.name).toBe('token_embd.weight')
  })

  test('outside of the model are a bug of the caller', async () => {
    const directory = await directoryOf(tinyModel(SMALL))
    for (const [first, last] of [
      [0, 3],
      [1, 1],
      [-1, 1],
    ] as const)
      expect(() => planStage(directory, { first, last })).toThrow('layers')
  })
})

test('matrices above the binding limit are cut by rows at whole workgroups', () => {
  const [width, vocabulary] = [4096, 151_936]
  const entry = (name: string, type: string, ...shape: number[]) => ({ name, type, shape, offset: 0, bytes: 0 })
  const tensors = [
    entry('token_embd.weight', 'Q8_0', width, vocabulary),
    entry('output_norm.weight', 'F32', width),
    entry('blk.0.attn_norm.weight', 'F32', width),
    entry('blk.0.ffn_norm.weight', 'F32', width),
    entry('blk.0.attn_q.weight', 'Q8_0', width, width),
    entry('blk.0.attn_k.weight', 'Q8_0', width, width),
    entry('blk.0.attn_v.weight', 'Q8_0', width, width),
    entry('blk.0.attn_output.weight', 'Q8_0', width, width),
    entry('blk.0.ffn_gate.weight', 'Q8_0', width, 14_336),
    entry('blk.0.ffn_up.weight', 'Q8_0', width, 14_336),
    entry('blk.0.ffn_down.weight', 'Q8_0', 14_336, width),
  ]
  const metadata = {
    'general.architecture': 'llama',
    'llama.block_count': 1,
    'llama.embedding_length': width,
    'llama.attention.head_count': 32,
    'llama.feed_forward_length': 14_336,
    'llama.context_length': 8192,
    'llama.attention.layer_norm_rms_epsilon': 1e-5,
  }
  const directory: Directory = { metadata, tensors, dataOffset: 0 }
  const plan = must(planStage(directory))
  let [slices, cut] = [0, 0]
  for (const item of matricesOf(plan)) {
    expect(item.cuts[0]).toBe(0)
    expect(item.cuts.at(-1)).toBe(item.rows.length)
    for (let i = 0; i + 1 < item.cuts.length; i += 1) {
      const [from = 0, to = 0] = item.cuts.slice(i, i + 2)
      expect(to).toBeGreaterThan(from)
      expect(from % ROWS_A_WORKGROUP).toBe(0)
      expect((to - from) * quantBytesPerRow(item.shape.layout, item.columns)).toBeLessThanOrEqual(BINDING_BYTES_MAX)
      expect(Math.ceil((to - from) / ROWS_A_WORKGROUP)).toBeLessThanOrEqual(65_535)
      slices += 1
    }
    if (item.cuts.length > 2) cut += 1
  }
  expect(cut).toBe(1)
  expect(slices).toBeGreaterThan(7)
})

describe('refusals', () => {
  test.each(GGML_TYPE_NAMES.filter((type) => !layoutOf(type)))('%s, with the tensor', async (type) => {
    const failure = await refusal(WIDE, { tensors: { 'blk.1.ffn_down.weight': { type } } })
    expect(failure.code).toBe('tensor-type-unsupported')
    expect(failure.detail).toContain('blk.1.ffn_down.weight')
    expect(failure.detail).toContain(type)
  })

  const NEEDED = [
    'output_norm.weight',
    'blk.0.attn_norm.weight',
    'blk.1.attn_k.weight',
    'blk.1.attn_output.weight',
    'blk.0.ffn_gate.weight',
  ]
  test.each(NEEDED)('%s is missing', async (name) => {
    const failure = await refusal(SMALL, { tensors: { [name]: null } })
    expect(failure).toMatchObject({ code: 'gguf-invalid', detail: `Tensor ${name} is missing.` })
  })

  test('biases of qwen2 and head norms of qwen3 are needed', async () => {
    for (const [architecture, name] of [
      ['qwen2', 'blk.0.attn_q.bias'],
      ['qwen3', 'blk.0.attn_k_norm.weight'],
    ] as const) {
      const failure = await refusal({ ...SMALL, architecture }, { tensors: { [name]: null } })
      expect(failure).toMatchObject({ code: 'gguf-invalid', detail: expect.stringContaining(name) })
    }
  })

  test.each([
    ['blk.0.ffn_down.weight', [64, 128]],
    ['blk.0.attn_v.weight', [64, 64]],
    ['blk.1.ffn_norm.weight', [32]],
    ['blk.1.attn_q.weight', [64, 8, 8]],
  ])('%s of shape %j', async (name, shape) => {
    const failure = await refusal(SMALL, { tensors: { [name]: { shape } } })
    expect(failure).toMatchObject({ code: 'gguf-invalid', detail: expect.stringContaining(`${name} is [${shape}]`) })
  })

  test('what a range does not need may be missing', async () => {
    const directory = await directoryOf(
      changedFile(SMALL, { tensors: { 'blk.0.attn_q.weight': null, 'output_norm.weight': null } }),
    )
    expect(planStage(directory, { first: 0, last: 1 })).toMatchObject({ ok: false, code: 'gguf-invalid' })
    expect(planStage(directory, { first: 1, last: 2 })).toMatchObject({
      ok: false,
      detail: expect.stringContaining('output_norm'),
    })
  })
})
