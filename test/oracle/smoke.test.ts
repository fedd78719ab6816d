/**
 * The reference itself: llama.cpp takes every fixture, decodes it to varied tokens, and reads each quantized file as its
 * exact twin. Without this a test that compares the engine with llama.cpp could compare two kinds of nonsense.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exactTwin } from '../fixtures/exact-twin.ts'
import { FIXTURES, GREEDY_TOKENS } from '../fixtures/fixtures.ts'
import { type SyntheticType, syntheticFile } from '../fixtures/synthetic-model.ts'
import { TINY_END_ID } from '../fixtures/tiny-vocabulary.ts'
import { type Oracle, openOracle } from '../support/oracle.ts'
import { smolLm2Path } from '../support/smollm2.ts'

const ALL = 100_000
/** A greedy run with fewer proves little; the prompts were picked for at least this many. */
const DISTINCT_MIN = 8

let oracle: Oracle

beforeAll(async () => {
  oracle = await openOracle()
})
afterAll(() => oracle.close())

describe.each(FIXTURES)('$name', (fixture) => {
  it('decodes to finite logits and varied tokens', async () => {
    const model = await oracle.load(fixture.build(), { positions: 128 })
    expect(model.endIds).toContain(TINY_END_ID)
    const steps = await oracle.greedySteps(fixture.prompt, GREEDY_TOKENS, ALL)
    for (const step of steps) {
      expect(step.top).toHaveLength(model.vocabulary)
      expect(step.top.every((entry) => Number.isFinite(entry[1]))).toBe(true)
    }
    expect(new Set(steps.map((step) => step.topId)).size).toBeGreaterThanOrEqual(DISTINCT_MIN)
    const text = new TextDecoder('utf-8', { fatal: true }).decode(
      await oracle.detokenize(steps.map((step) => step.topId)),
    )
    expect(text.length).toBeGreaterThan(0)
  })

  it('means what its exact twin means', async () => {
    await oracle.load(fixture.build(), { positions: 128 })
    const picked = await oracle.greedy(fixture.prompt, GREEDY_TOKENS)
    await oracle.load(exactTwin(fixture.spec), { positions: 128, kv: 'f32' })
    const positions = await oracle.forced([...fixture.prompt, ...picked.slice(0, -1)], 1)
    expect(positions.slice(fixture.prompt.length - 1).map((position) => position.topId)).toEqual(picked)
  })
})

describe('a synthetic model', () => {
  const shape = { layers: 2, width: 256, heads: 8, kvHeads: 2, ffn: 512, vocabulary: 1_000, contextLength: 512 }
  it.each<SyntheticType>(['Q4_0', 'Q4_1', 'Q8_0'])('of %s is a real file with finite logits', async (type) => {
    await oracle.load(syntheticFile({ ...shape, type }), { positions: 64 })
    const [step] = await oracle.greedySteps([1, 80], 1, ALL)
    expect(step?.top).toHaveLength(shape.vocabulary)
    expect(step?.top.every((entry) => Number.isFinite(entry[1]))).toBe(true)
  })
})

describe('SmolLM2-135M-Instruct', () => {
  it('says that Paris is the capital of France', async () => {
    const model = await oracle.load(smolLm2Path())
    const prompt = await oracle.formatChat([{ role: 'user', content: 'What is the capital of France?' }])
    const ids = await oracle.greedy(await oracle.tokenize(prompt, true), GREEDY_TOKENS)
    const end = ids.findIndex((id) => model.endIds.includes(id))
    const answer = new TextDecoder().decode(await oracle.detokenize(end < 0 ? ids : ids.slice(0, end)))
    expect(answer).toContain('Paris')
  })
})
