/** How many parameters a token runs through, by the directories of dense models and of mixtures of experts; and how that is told. */
import { describe, expect, it } from 'vitest'
import { activeParametersOf, countParameters } from '../../../web/wire/active-parameters.ts'
import { CHUNK_BYTES } from '../../../web/wire/limits/models.ts'
import { parseMirrorIndex } from '../../../web/wire/mirror.ts'
import { buildManifest, parseManifest, summarise, type TensorEntry } from '../../../web/wire/model.ts'

const tensor = (name: string, ...shape: number[]): TensorEntry => ({ name, type: 'F32', shape, offset: 0, bytes: 4 })
const DENSE = [tensor('token_embd.weight', 10, 100), tensor('blk.0.attn_q.weight', 10, 10)]
/** Eight experts, of which a token is sent to two. */
const MERGED = ['gate', 'up', 'down'].map((part) => tensor(`blk.0.ffn_${part}_exps.weight`, 10, 20, 8))
const SINGLE = Array.from({ length: 8 }, (_, expert) => tensor(`blk.0.ffn_up.${expert}.weight`, 10, 60))
const ROUTER = tensor('blk.0.ffn_gate_inp.weight', 10, 8)
const SHARED = tensor('blk.0.ffn_up_shexp.weight', 10, 20)
const mixture = (count: unknown = 8, used: unknown = 2) => {
  const metadata = {
    'general.architecture': 'qwen3moe',
    'qwen3moe.expert_count': count,
    'qwen3moe.expert_used_count': used,
  }
  return metadata as Record<string, number | string>
}

describe('parameters', () => {
  it('are all active in a dense model, and nothing more is said of it', () => {
    const counted = countParameters({ metadata: { 'general.architecture': 'llama' }, tensors: DENSE })
    expect(counted).toEqual({ parameters: 1_100 })
    expect(activeParametersOf(counted)).toBe(1_100)
  })

  it.each<[string, readonly TensorEntry[]]>([
    ['in one tensor', MERGED],
    ['in a tensor each', SINGLE],
  ])('of experts %s count as far as a token is sent to them', (_title, experts) => {
    const counted = countParameters({ metadata: mixture(), tensors: [...DENSE, ROUTER, SHARED, ...experts] })
    expect(counted).toEqual({ parameters: 1_100 + 280 + 4_800, activeParameters: 1_100 + 280 + 1_200 })
    expect(activeParametersOf(counted)).toBe(2_580)
  })

  it.each<[string, Record<string, number | string>]>([
    ['how many there are', mixture('')],
    ['to how many a token is sent', mixture(8, '')],
    ['that it is sent to some', mixture(8, 0)],
    ['that it is not sent to all', mixture(8, 8)],
    ['it as a number', mixture(8, 'two')],
    ['it as a whole number', mixture(8, 1.5)],
  ])('are all active where a file with experts does not say %s', (_title, metadata) => {
    expect(countParameters({ metadata, tensors: [...DENSE, ...MERGED] })).toEqual({ parameters: 5_900 })
  })

  it.each([undefined, 40])('go with the manifest and its summary (%s)', (active) => {
    const facts = {
      ...{ name: 'm', license: 'unknown', architecture: 'qwen3moe', fileBytes: 4, fileSha256: 'a'.repeat(64) },
      ...{
        chunks: ['b'.repeat(64)],
        dataOffset: 0,
        layers: 1,
        contextLength: 8,
        parameters: 100,
        tensors: [tensor('t', 1)],
      },
      ...(active === undefined ? {} : { activeParameters: active }),
    }
    const manifest = buildManifest(facts)
    expect(manifest.chunkBytes).toBe(CHUNK_BYTES)
    expect('activeParameters' in manifest).toBe(active !== undefined)
    const read = parseManifest(JSON.parse(JSON.stringify(manifest)))
    expect(read).toEqual({ ok: true, value: manifest })
    const summary = summarise('c'.repeat(64), manifest)
    expect(activeParametersOf(summary)).toBe(active ?? 100)
    const index = (model: object) => parseMirrorIndex({ models: [model], adding: [], failed: [], defaultId: null })
    expect(index(summary)).toMatchObject({ ok: true, value: { models: [summary] } })
    const more = { activeParameters: 101 }
    expect(parseManifest({ ...manifest, ...more }).ok).toBe(false)
    expect(index({ ...summary, ...more }).ok).toBe(false)
  })
})
