/** The rule of choice on one device: table by table, with its reasons and refusals. */
import { describe, expect, it } from 'vitest'
import { chooseEngine, type EngineFacts, predict, TOKENS_PER_SECOND_ENOUGH } from '../../web/rules/engine-choice.ts'
import { fail } from '../../web/wire/result.ts'

const GB = 1e9
const stage: EngineFacts = {
  engine: 'stage',
  refusal: null,
  tokensPerSecond: null,
  bytesPerSecond: null,
  testedBytesPerSecond: null,
  assumedBytesPerSecond: 15 * GB,
}
const cpu: EngineFacts = { ...stage, engine: 'cpu', assumedBytesPerSecond: 4 * GB }
const blind = fail('no-webgpu', '')

describe('a prediction', () => {
  it('is what was measured with the model, else scaled by size, else assumed', () => {
    expect(predict({ ...stage, tokensPerSecond: 31, bytesPerSecond: GB }, GB)).toEqual({
      tokensPerSecond: 31,
      basis: 'measured',
    })
    expect(predict({ ...stage, bytesPerSecond: 30 * GB }, 2 * GB)).toEqual({ tokensPerSecond: 15, basis: 'scaled' })
    expect(predict({ ...stage, testedBytesPerSecond: 10 * GB }, 2 * GB)).toEqual({
      tokensPerSecond: 3,
      basis: 'tested',
    })
    const both = { ...stage, testedBytesPerSecond: 10 * GB, bytesPerSecond: 30 * GB }
    expect(predict(both, 2 * GB)).toEqual({ tokensPerSecond: 15, basis: 'scaled' })
    expect(predict(stage, 5 * GB)).toEqual({ tokensPerSecond: 3, basis: 'assumed' })
  })
})

describe('the choice', () => {
  it('is the GPU where it is fast enough, even beside a faster CPU', () => {
    const measured = { ...stage, tokensPerSecond: TOKENS_PER_SECOND_ENOUGH }
    expect(chooseEngine([measured, { ...cpu, tokensPerSecond: 90 }], GB, null)).toMatchObject({
      value: { engine: 'stage', reason: 'fast-enough', basis: 'measured' },
    })
  })

  it('is the fastest where the GPU is not fast enough', () => {
    const slow = { ...stage, tokensPerSecond: 1.4 }
    expect(chooseEngine([slow, { ...cpu, tokensPerSecond: 27 }], GB, null)).toMatchObject({
      value: { engine: 'cpu', reason: 'fastest', tokensPerSecond: 27 },
    })
    expect(chooseEngine([slow, { ...cpu, tokensPerSecond: 1.1 }], GB, null)).toMatchObject({
      value: { engine: 'stage', reason: 'fastest' },
    })
  })

  it('is the only one that can', () => {
    expect(chooseEngine([{ ...stage, refusal: blind }, cpu], GB, null)).toMatchObject({
      value: { engine: 'cpu', reason: 'only', basis: 'assumed' },
    })
  })

  it("is what the person picked, also where it is slower, or that engine's refusal", () => {
    expect(chooseEngine([stage, cpu], GB, 'cpu')).toMatchObject({ value: { engine: 'cpu', reason: 'picked' } })
    expect(chooseEngine([{ ...stage, refusal: blind }, cpu], GB, 'stage')).toEqual(blind)
    expect(chooseEngine([stage, cpu], GB, 'webllm')).toMatchObject({ ok: false, code: 'engine-mismatch' })
  })

  it('refuses with the words of the engine that asks least', () => {
    const damaged = fail('gguf-invalid', 'Two tensors overlap.')
    expect(
      chooseEngine(
        [
          { ...stage, refusal: blind },
          { ...cpu, refusal: damaged },
        ],
        GB,
        null,
      ),
    ).toEqual(damaged)
    expect(chooseEngine([], GB, null)).toMatchObject({ ok: false, code: 'engine-mismatch' })
  })
})
