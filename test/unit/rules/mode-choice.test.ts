/** Who answers: the scope is never left, a fast device answers itself, nobody is split over others who is faster here. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TOKENS_PER_SECOND_ENOUGH } from '../../../web/rules/engine-choice.ts'
import { expectedRoute } from '../../../web/rules/expected-route.ts'
import { chooseMode, type ModeFacts, type ModeQuestion } from '../../../web/rules/mode-choice.ts'
import type { CensusRange } from '../../../web/wire/census.ts'
import { SCOPES } from '../../../web/wire/conversation.ts'
import { fail } from '../../../web/wire/result.ts'

const tight = fail('gpu-too-small', '')
const alone = fail('no-holder', '')
const at = (tokensPerSecond: number | null): ModeFacts => ({ refusal: null, tokensPerSecond })
const over = (tokensPerSecond: number | null, stages = 2) => ({ ...at(tokensPerSecond), stages })

function questionOf(more: Partial<ModeQuestion> = {}): ModeQuestion {
  return { scope: 'anyone', inRoom: false, local: at(20), layers: over(10), wish: null, ...more }
}

const speed = fc.option(fc.double({ min: 0.1, max: 100, noNaN: true }))
const anyQuestion: fc.Arbitrary<ModeQuestion> = fc.record({
  scope: fc.constantFrom(...SCOPES),
  inRoom: fc.boolean(),
  local: fc.record({ refusal: fc.constantFrom(null, tight), tokensPerSecond: speed }),
  layers: fc.record({
    refusal: fc.constantFrom(null, alone),
    tokensPerSecond: speed,
    stages: fc.constantFrom(null, 1, 3),
  }),
  wish: fc.constantFrom(null, 'local' as const, 'layers' as const),
})

describe('the rule of modes', () => {
  it('keeps the scope, and names nobody who cannot', () => {
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const choice = chooseMode(question)
        if (!choice.ok) return
        const { mode } = choice.value
        expect(question[mode].refusal).toBe(null)
        if (question.scope === 'device') expect(mode).toBe('local')
        if (question.scope === 'room' && !question.inRoom) expect(mode).toBe('local')
      }),
    )
  })

  it('finds somebody wherever anybody can', () => {
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const { local, layers, scope, inRoom } = question
        const others = scope === 'anyone' || (scope === 'room' && inRoom)
        const can = local.refusal === null || (others && layers.refusal === null)
        expect(chooseMode({ ...question, wish: null }).ok).toBe(can)
      }),
    )
  })

  it('by itself never takes what would be slower, and leaves a fast device alone', () => {
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const choice = chooseMode({ ...question, wish: null })
        if (!choice.ok) return
        expect(choice.value.slowerThanHere).toBe(false)
        const { refusal, tokensPerSecond } = question.local
        const fast = refusal === null && tokensPerSecond !== null && tokensPerSecond >= TOKENS_PER_SECOND_ENOUGH
        if (fast) expect(choice.value.mode).toBe('local')
      }),
    )
  })

  it('takes the others where this device is slow and they are faster, and says what to expect', () => {
    const slow = questionOf({ local: at(2), layers: over(6.4) })
    expect(chooseMode(slow)).toMatchObject({ value: { mode: 'layers', reason: 'fastest', expectedMs: 20_000 } })
    expect(chooseMode({ ...slow, layers: over(1) })).toMatchObject({ value: { mode: 'local', reason: 'fastest' } })
    expect(chooseMode({ ...slow, layers: over(null) })).toMatchObject({ value: { mode: 'local' } })
    expect(chooseMode({ ...slow, local: { ...at(null), refusal: tight } })).toMatchObject({
      value: { mode: 'layers', reason: 'only' },
    })
  })

  it('does as a person wishes, and says where that is slower', () => {
    expect(chooseMode(questionOf({ wish: 'layers' }))).toMatchObject({
      value: { mode: 'layers', reason: 'picked', slowerThanHere: true },
    })
    expect(chooseMode(questionOf({ wish: 'layers', layers: over(30) }))).toMatchObject({
      value: { slowerThanHere: false },
    })
    // Nobody knows: nothing is claimed.
    expect(chooseMode(questionOf({ wish: 'layers', layers: over(null) }))).toMatchObject({
      value: { mode: 'layers', slowerThanHere: false },
    })
  })

  it('refuses with the reason of who was left', () => {
    const nobody = questionOf({ local: { ...at(null), refusal: tight }, layers: { ...over(null), refusal: alone } })
    expect(chooseMode(nobody)).toMatchObject({ ok: false, code: 'no-holder' })
    expect(chooseMode({ ...nobody, scope: 'device' })).toMatchObject({ ok: false, code: 'gpu-too-small' })
    expect(chooseMode({ ...nobody, scope: 'room' })).toMatchObject({ ok: false, code: 'room-missing' })
  })
})

describe('an expected route', () => {
  const range = (first: number, last: number, msPerLayer: number): CensusRange => ({
    span: { first, last },
    holders: 1,
    msPerLayer,
  })

  it('has the fewest stages, then the fastest', () => {
    const held = [range(0, 2, 1), range(2, 4, 1), range(0, 4, 9), range(2, 4, 5)]
    expect(expectedRoute(held, 4)).toMatchObject({ stages: 1 })
    const halves = held.filter(({ span }) => span.last - span.first === 2)
    expect(expectedRoute(halves, 4)).toEqual({ stages: 2, predictedMs: 44 })
  })

  it('is none where a layer is missing, or ranges do not meet', () => {
    expect(expectedRoute([], 4)).toBe(null)
    expect(expectedRoute([range(0, 3, 1), range(2, 4, 1)], 4)).toBe(null)
    expect(expectedRoute([range(0, 2, 1)], 4)).toBe(null)
  })
})
