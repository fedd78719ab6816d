/** What a model's metadata says of its transformer, and each way in which it can be wrong, by name. */
import { describe, expect, test } from 'vitest'
import { readShape } from '../../../web/engine/shape.ts'
import type { Failure } from '../../../web/wire/result.ts'
import { bool, f32, type GgufMetadata, text, u32 } from '../../fixtures/gguf-writer.ts'
import { tinyModel } from '../../fixtures/tiny-model.ts'
import { directoryOf, must } from '../../support/directory-of.ts'
import { type Change, changedFile } from '../../support/tiny-file.ts'

const LLAMA = { architecture: 'llama', types: 'F32', seed: 1, layers: 1 } as const

async function refusal(change: Change): Promise<Failure> {
  const result = readShape(await directoryOf(changedFile(LLAMA, change)))
  if (result.ok) throw new Error('it was accepted')
  return result
}

describe('what is read', () => {
  test('llama', async () => {
    const shape = must(readShape(await directoryOf(tinyModel({ ...LLAMA, layers: 2 }))))
    expect(shape).toMatchObject({
      architecture: 'llama',
      pairing: 'interleaved',
      bias: false,
      headNorm: false,
      layers: 2,
      width: 64,
      heads: 4,
      kvHeads: 2,
      headDim: 16,
      ffn: 128,
      contextLength: 512,
      ropeBase: 10_000,
      ropeScale: 1,
      tied: true,
    })
    expect(shape.normEpsilon).toBeCloseTo(1e-5, 10)
    expect(shape.vocabulary).toBeGreaterThan(256)
  })

  test('qwen2 has biases, qwen3 head norms; both rotate halves', async () => {
    const of = async (architecture: 'qwen2' | 'qwen3') =>
      must(readShape(await directoryOf(tinyModel({ ...LLAMA, architecture, headDim: 32 }))))
    expect(await of('qwen2')).toMatchObject({ pairing: 'halves', bias: true, headNorm: false, headDim: 32 })
    expect(await of('qwen3')).toMatchObject({ pairing: 'halves', bias: false, headNorm: true })
  })

  test('linear scaling, and an untied head', async () => {
    const file = tinyModel({ ...LLAMA, tied: false, rope: { scaling: 'linear', factor: 4 } })
    expect(must(readShape(await directoryOf(file)))).toMatchObject({ ropeScale: 4, tied: false })
  })

  test('keys that may be absent have their defaults', async () => {
    const without = [
      'llama.attention.head_count_kv',
      'llama.attention.key_length',
      'llama.rope.freq_base',
      'llama.rope.dimension_count',
    ]
    const shape = must(readShape(await directoryOf(changedFile(LLAMA, { without }))))
    expect(shape).toMatchObject({ kvHeads: 4, headDim: 16, ropeBase: 10_000 })
  })
})

describe('refusals', () => {
  test('an architecture that is not in the table is named', async () => {
    const failure = await refusal({ metadata: { 'general.architecture': text('mamba') } })
    expect(failure).toMatchObject({ code: 'architecture-unsupported', detail: expect.stringContaining('"mamba"') })
    expect((await refusal({ metadata: { 'general.architecture': text('constructor') } })).code).toBe(
      'architecture-unsupported',
    )
    expect((await refusal({ metadata: { 'general.architecture': text('__proto__') } })).code).toBe(
      'architecture-unsupported',
    )
  })

  test('a RoPE scaling that is not known is named', async () => {
    const failure = await refusal({ metadata: { 'llama.rope.scaling.type': text('yarn') } })
    expect(failure).toMatchObject({ code: 'architecture-unsupported', detail: expect.stringContaining('yarn') })
  })

  const REQUIRED = [
    'block_count',
    'embedding_length',
    'attention.head_count',
    'feed_forward_length',
    'context_length',
    'attention.layer_norm_rms_epsilon',
  ]
  test.each(REQUIRED)('%s is missing', async (key) => {
    expect(await refusal({ without: [`llama.${key}`] })).toMatchObject({
      code: 'gguf-invalid',
      detail: expect.stringContaining(`llama.${key}`),
    })
  })

  test('general.architecture is missing or no text', async () => {
    expect((await refusal({ without: ['general.architecture'] })).code).toBe('gguf-invalid')
    expect((await refusal({ metadata: { 'general.architecture': u32(1) } })).code).toBe('gguf-invalid')
  })

  const OUT_OF_RANGE: readonly (readonly [key: string, metadata: GgufMetadata])[] = [
    ['block_count', { 'llama.block_count': u32(0) }],
    ['block_count', { 'llama.block_count': u32(1_000_000) }],
    ['block_count', { 'llama.block_count': text('3') }],
    ['attention.head_count', { 'llama.attention.head_count': u32(0) }],
    ['attention.head_count_kv', { 'llama.attention.head_count_kv': u32(3) }],
    ['attention.head_count_kv', { 'llama.attention.head_count_kv': u32(8) }],
    ['attention.key_length', { 'llama.attention.key_length': u32(12) }],
    ['rope.dimension_count', { 'llama.rope.dimension_count': u32(8) }],
    ['context_length', { 'llama.context_length': f32(0.5) }],
    ['attention.layer_norm_rms_epsilon', { 'llama.attention.layer_norm_rms_epsilon': f32(Number.NaN) }],
    ['attention.layer_norm_rms_epsilon', { 'llama.attention.layer_norm_rms_epsilon': bool(true) }],
    ['rope.freq_base', { 'llama.rope.freq_base': f32(-1) }],
    ['rope.scaling.factor', { 'llama.rope.scaling.type': text('linear') }],
    ['rope.scaling.factor', { 'llama.rope.scaling.type': text('linear'), 'llama.rope.scaling.factor': f32(0) }],
  ]
  test.each(OUT_OF_RANGE)('%s is out of range: %j', async (key, metadata) => {
    expect(await refusal({ metadata })).toMatchObject({
      code: 'gguf-invalid',
      detail: expect.stringContaining(`llama.${key}`),
    })
  })

  test('the embedding is missing or has another width', async () => {
    const named = { code: 'gguf-invalid', detail: expect.stringContaining('token_embd.weight') }
    expect(await refusal({ tensors: { 'token_embd.weight': null } })).toMatchObject(named)
    expect(await refusal({ tensors: { 'token_embd.weight': { shape: [32, 301] } } })).toMatchObject(named)
  })
})
