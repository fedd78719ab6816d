/** WebLLM's list as a person picks from it: one entry a model, the variant by the adapter, what fits. */
import { describe, expect, it } from 'vitest'
import {
  type AdapterAbilities,
  entryOf,
  missingFeatures,
  prebuiltCatalogue,
  prebuiltSummary,
  roomFor,
} from '../../../web/webllm/catalogue.ts'
import { summariseMlc } from '../../../web/wire/mlc-model.ts'
import { PREBUILT } from '../../../web/wire/webllm-prebuilt.ts'
import { mlcModel } from '../../fixtures/mlc-model.ts'

const GOOD: AdapterAbilities = { features: ['shader-f16', 'subgroups'], bindingBytesMax: 2 ** 30 }
const PLAIN: AdapterAbilities = { features: [], bindingBytesMax: 2 ** 30 }
const SMALL: AdapterAbilities = { features: ['shader-f16'], bindingBytesMax: 2 ** 27 }

const entriesFor = (gpu: AdapterAbilities) => prebuiltCatalogue(gpu).flatMap(({ entries }) => entries)
const named = (gpu: AdapterAbilities, title: string) => entriesFor(gpu).find((entry) => entry.title === title)

describe('the catalogue', () => {
  it('has every model of the list once', () => {
    const entries = entriesFor(GOOD)
    expect(new Set(entries.map(({ title }) => title)).size).toBe(entries.length)
    expect(entries.length).toBeGreaterThan(50)
    for (const { name } of entries)
      expect(
        PREBUILT.models.some(({ id }) => id === name),
        name,
      ).toBe(true)
    expect(entries.every(({ title }) => !/q\d|MLC/.test(title))).toBe(true)
  })

  it('groups by family, smallest first', () => {
    const families = prebuiltCatalogue(GOOD)
    expect(new Set(families.map(({ family }) => family)).size).toBe(families.length)
    for (const { entries } of families) {
      const sizes = entries.map(({ vramBytes }) => vramBytes ?? 0)
      expect(sizes).toEqual([...sizes].sort((a, b) => a - b))
    }
    // A family that nobody put into the table shows under its own name, not as an error.
    expect(families.find(({ family }) => family === 'Qwen 3')?.entries[0]?.title).toBe('Qwen3 0.6B')
  })

  it('takes half precision where the adapter has it, and full where it does not', () => {
    expect(named(GOOD, 'Qwen3 0.6B')).toMatchObject({ name: 'Qwen3-0.6B-q4f16_1-MLC', fits: true })
    expect(named(PLAIN, 'Qwen3 0.6B')).toMatchObject({ name: 'Qwen3-0.6B-q4f32_1-MLC', fits: true })
    expect(named(GOOD, 'SmolLM2 135M Instruct')?.name).toBe('SmolLM2-135M-Instruct-q0f16-MLC')
    expect(named(PLAIN, 'SmolLM2 135M Instruct')?.name).toBe('SmolLM2-135M-Instruct-q0f32-MLC')
  })

  it('names the feature where no variant can do without', () => {
    const only = named(PLAIN, 'Mistral 7B Instruct v0.2')
    expect(only).toMatchObject({ fits: false, reason: 'It needs shader-f16.' })
    expect(named(GOOD, 'Mistral 7B Instruct v0.2')?.fits).toBe(true)
  })

  it('says what does not fit a small adapter, with numbers', () => {
    const large = named(SMALL, 'Qwen3 8B')
    expect(large?.fits).toBe(false)
    expect(large?.reason).toMatch(/^It needs \d+ MB of GPU memory, and yours is a small GPU\.$/)
    expect(named(SMALL, 'Qwen3 0.6B')?.fits).toBe(true)
  })

  it('keeps a shorter context as a model of its own', () => {
    expect(named(GOOD, 'Llama 3.1 8B Instruct')?.contextLength).toBe(4096)
    expect(named(GOOD, 'Llama 3.1 8B Instruct (1k)')?.contextLength).toBe(1024)
  })

  it('knows licenses only where a family has one', () => {
    expect(named(GOOD, 'Qwen2.5 3B Instruct')?.license).toBe('qwen-research')
    expect(named(GOOD, 'Qwen2.5 7B Instruct')?.license).toBe('Apache-2.0')
    expect(named(GOOD, 'stablelm 2 zephyr 1_6b')?.license).toBe('unknown')
  })
})

describe('what a model needs', () => {
  it('counts the largest binding', () => {
    const needs = { gpuBytes: 1e9, bufferBytes: 200e6, lowResource: null }
    expect(roomFor(needs, SMALL)).toBe('It binds 200 MB at once; your browser allows 135 MB.')
    expect(roomFor(needs, GOOD)).toBe('')
  })

  it('is known for the list, and refused for a name that it does not have', () => {
    expect(prebuiltSummary('Qwen3-0.6B-q4f16_1-MLC')).toMatchObject({
      ok: true,
      value: { requiredFeatures: ['shader-f16'], model: { format: 'mlc', name: 'Qwen3-0.6B-q4f16_1-MLC' } },
    })
    expect(prebuiltSummary('GPT-5')).toMatchObject({ ok: false, code: 'model-unknown' })
  })

  it('of the mirror comes from its manifest', async () => {
    const { id, manifest } = mlcModel({ quantization: 'q4f16_1', vramBytes: 7e8 })
    const needs = entryOf(summariseMlc(id, manifest), manifest)
    expect(needs).toMatchObject({ gpuBytes: 7e8, requiredFeatures: ['shader-f16'], bufferBytes: 0 })
    expect(missingFeatures(needs.requiredFeatures, PLAIN.features)).toMatchObject({ code: 'feature-missing' })
    expect(missingFeatures(needs.requiredFeatures, GOOD.features)).toBeNull()
  })
})
