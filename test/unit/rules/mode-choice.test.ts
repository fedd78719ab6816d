/** Who answers: the scope is never left, a fast device answers itself, nobody is split over others who is faster here. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TOKENS_PER_SECOND_ENOUGH } from '../../../web/rules/engine-choice.ts'
import { expectedRoute } from '../../../web/rules/expected-route.ts'
import {
  chooseMode,
  MODES,
  type ModeFacts,
  type ModelFacts,
  type ModeQuestion,
} from '../../../web/rules/mode-choice.ts'
import type { CensusRange } from '../../../web/wire/census.ts'
import { SCOPES } from '../../../web/wire/conversation.ts'
import { fail } from '../../../web/wire/result.ts'

const tight = fail('gpu-too-small', '')
const alone = fail('no-holder', '')
const at = (tokensPerSecond: number | null): ModeFacts => ({ refusal: null, tokensPerSecond })
const over = (tokensPerSecond: number | null, stages = 2) => ({ ...at(tokensPerSecond), stages })

const job = (tokensPerSecond: number | null, firstMs: number | null = 0) => ({
  ...at(tokensPerSecond),
  firstMs,
  busy: false,
})
const waits = (tokensPerSecond: number | null, firstMs: number | null) => ({
  ...job(tokensPerSecond, firstMs),
  busy: true,
})
const noJob = { ...job(null, null), refusal: alone }

function questionOf(more: Partial<ModeQuestion> = {}): ModeQuestion {
  const nothing = { smaller: [], wish: null }
  return { scope: 'anyone', inRoom: false, local: at(20), job: noJob, layers: over(10), ...nothing, ...more }
}

const speed = fc.option(fc.double({ min: 0.1, max: 100, noNaN: true }))
const facts = {
  local: fc.record({ refusal: fc.constantFrom(null, tight), tokensPerSecond: speed }),
  job: fc.record({
    refusal: fc.constantFrom(null, alone, fail('no-capacity', '')),
    tokensPerSecond: speed,
    firstMs: fc.option(fc.integer({ min: 0, max: 30_000 })),
    busy: fc.boolean(),
  }),
  layers: fc.record({
    refusal: fc.constantFrom(null, alone),
    tokensPerSecond: speed,
    stages: fc.constantFrom(null, 1, 3),
  }),
}
const anyQuestion: fc.Arbitrary<ModeQuestion> = fc.record({
  ...facts,
  scope: fc.constantFrom(...SCOPES),
  inRoom: fc.boolean(),
  wish: fc.constantFrom(null, ...MODES),
  smaller: fc.uniqueArray(fc.record({ key: fc.constantFrom('s', 't'), name: fc.constant('Small'), ...facts }), {
    maxLength: 2,
    selector: ({ key }) => key,
  }),
})

/** By hand: what the rule predicts for 128 tokens. */
const msOf = ({ tokensPerSecond, firstMs = 0 }: ModeFacts & { readonly firstMs?: number | null }) =>
  tokensPerSecond === null ? null : (firstMs ?? 0) + 128_000 / tokensPerSecond
const reachesOthers = ({ scope, inRoom }: ModeQuestion) => scope === 'anyone' || (scope === 'room' && inRoom)
const hasHolder = ({ job: whole }: ModelFacts) => whole.refusal === null
/** At once, or after a wait that is compared with what could begin at once. */
const canAnswer = (question: ModeQuestion, { local, job: whole, layers }: ModelFacts) =>
  local.refusal === null ||
  (reachesOthers(question) && ((whole.refusal === null && !whole.busy) || layers.refusal === null))

const whyLayers = ({ local }: ModelFacts) => (local.refusal === null ? 'fastest' : 'no-whole-holder')

describe('the rule of modes', () => {
  it('keeps the scope, and names nobody who cannot', () => {
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const choice = chooseMode(question)
        if (!choice.ok) return
        const { mode, instead } = choice.value
        const about = question.smaller.find(({ key }) => key === instead?.key) ?? question
        if (mode !== 'queue' && instead === null) expect(about[mode].refusal).toBe(null)
        if (question.scope === 'device' || !reachesOthers(question)) expect(mode).toBe('local')
      }),
    )
  })

  it('finds somebody wherever anybody can: this model, then a smaller one, then the queue', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(anyQuestion, (asked) => {
        const question = { ...asked, wish: null }
        const choice = chooseMode(question)
        const here = canAnswer(question, question)
        const smaller = question.smaller.find((other) => canAnswer(question, other))
        const inLine = reachesOthers(question) && hasHolder(question) && question.job.busy
        expect(choice.ok).toBe(here || smaller !== undefined || inLine)
        if (!choice.ok) {
          seen.add(choice.code)
          return
        }
        const { mode, reason, instead } = choice.value
        seen.add(reason)
        expect(instead).toEqual(!here && smaller ? { key: smaller.key, name: 'Small' } : null)
        expect(reason === 'smaller').toBe(instead !== null)
        // Nobody waits for a worker who is free.
        if (mode === 'queue') expect((smaller && !here ? smaller : question).job.busy).toBe(true)
        if (instead === null) expect(reason === 'queued').toBe(mode === 'queue')
        if (!here && !smaller) expect(mode).toBe('queue')
      }),
      { numRuns: 2_000 },
    )
    // Every step was gone, and every reason to stop given.
    const reasons = ['fast-enough', 'fastest', 'only', 'no-whole-holder', 'holders-busy', 'smaller', 'queued']
    for (const one of [...reasons, 'no-holder', 'room-missing', 'gpu-too-small']) expect(seen).toContain(one)
  })

  it('never takes layers where a whole holder is faster, waiting included, and by itself not where one is free', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(anyQuestion, (asked) => {
        const choice = chooseMode({ ...asked, wish: null })
        if (!choice.ok || choice.value.mode !== 'layers') return
        const { reason, instead } = choice.value
        const about = asked.smaller.find(({ key }) => key === instead?.key) ?? asked
        seen.add(reason)
        expect(hasHolder(about) && !about.job.busy).toBe(false)
        // It is said that nobody has it whole only where nobody does.
        if (instead === null) expect(reason).toBe(hasHolder(about) ? 'holders-busy' : whyLayers(asked))
        const taken = msOf(about.layers) ?? Number.POSITIVE_INFINITY
        for (const holder of [about.local, about.job]) {
          if (holder.refusal === null) expect(msOf(holder) ?? Number.POSITIVE_INFINITY).toBeGreaterThan(taken)
        }
      }),
      { numRuns: 5_000 },
    )
    for (const reason of ['no-whole-holder', 'fastest', 'holders-busy', 'smaller']) expect(seen).toContain(reason)
  })

  it('tells of each way that is allowed what to expect of it, or why it cannot', () => {
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const choice = chooseMode(question)
        if (!choice.ok) return
        const { candidates } = choice.value
        expect(candidates.map(({ mode }) => mode)).toEqual(question.scope === 'device' ? ['local'] : MODES)
        for (const { mode, expectedMs, refusal } of candidates) {
          const out = mode !== 'local' && !reachesOthers(question)
          const why = out ? 'room-missing' : (question[mode].refusal?.code ?? null)
          expect(refusal?.code ?? null).toBe(why)
          expect(expectedMs).toBe(why === null ? msOf(question[mode]) : null)
        }
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

  it('asks one tab that holds it whole before layers, and says how long until it would begin', () => {
    const slow = questionOf({ local: at(2), job: job(16, 2_000), layers: over(64) })
    expect(chooseMode(slow)).toMatchObject({ value: { mode: 'job', reason: 'fastest', expectedMs: 10_000 } })
    expect(chooseMode({ ...slow, job: job(16, 60_000) })).toMatchObject({ value: { mode: 'local', reason: 'fastest' } })
    const without = { ...slow, local: { ...at(null), refusal: tight } }
    expect(chooseMode({ ...without, job: job(null) })).toMatchObject({ value: { mode: 'job', reason: 'only' } })
    expect(chooseMode({ ...without, job: noJob })).toMatchObject({
      value: {
        mode: 'layers',
        reason: 'no-whole-holder',
        candidates: [{ refusal: tight }, { refusal: alone }, { expectedMs: 2_000 }],
      },
    })
    expect(chooseMode({ ...slow, wish: 'job' })).toMatchObject({ value: { mode: 'job', reason: 'picked' } })
  })

  it('names the smaller model, then the queue', () => {
    const gone = { refusal: alone }
    const nobody = { local: { ...at(null), refusal: tight }, job: noJob, layers: { ...over(null), ...gone } }
    const small = { key: 's', name: 'Small', ...nobody, job: job(32) }
    const question = questionOf({ ...nobody, job: waits(32, 9), smaller: [{ ...small, ...nobody }, small] })
    expect(chooseMode(question)).toMatchObject({
      value: { mode: 'job', reason: 'smaller', instead: { key: 's', name: 'Small' }, expectedMs: 4_000 },
    })
    // A smaller model that has to be waited for too is no better.
    expect(chooseMode({ ...question, smaller: [{ ...small, job: waits(99, 1) }] })).toMatchObject({
      value: { mode: 'queue', reason: 'queued', instead: null, expectedMs: 9 },
    })
    expect(chooseMode({ ...question, smaller: [], scope: 'device' })).toMatchObject({ code: 'gpu-too-small' })
    expect(chooseMode({ ...question, smaller: [], job: noJob })).toMatchObject({ code: 'no-holder' })
  })

  it('compares waiting for who has it whole with layers and this device, and names which it was', () => {
    const unable = { local: { ...at(null), refusal: tight } }
    const waiting = questionOf({ ...unable, job: waits(32, 16_000), layers: over(8) })
    expect(chooseMode(waiting)).toMatchObject({ value: { mode: 'layers', reason: 'holders-busy', expectedMs: 16_000 } })
    expect(chooseMode({ ...waiting, job: waits(32, 6_000) })).toMatchObject({
      value: { mode: 'queue', reason: 'queued', expectedMs: 6_000, candidates: [{}, { expectedMs: 10_000 }, {}] },
    })
    expect(chooseMode({ ...waiting, layers: over(null) })).toMatchObject({ value: { mode: 'queue' } })
    expect(chooseMode({ ...waiting, local: at(7) })).toMatchObject({ value: { mode: 'layers' } })
    expect(chooseMode({ ...waiting, local: at(7), layers: over(2) })).toMatchObject({
      value: { mode: 'local', reason: 'fastest' },
    })
    expect(chooseMode({ ...waiting, local: at(2), layers: over(2), job: waits(32, 1_000) })).toMatchObject({
      value: { mode: 'queue' },
    })
    // A person who wants a whole tab waits for it.
    expect(chooseMode({ ...waiting, wish: 'job' })).toMatchObject({ value: { mode: 'job', reason: 'picked' } })
  })

  it('takes the others where this device is slow and they are faster, and says what to expect', () => {
    const slow = questionOf({ local: at(2), layers: over(6.4) })
    expect(chooseMode(slow)).toMatchObject({ value: { mode: 'layers', reason: 'fastest', expectedMs: 20_000 } })
    expect(chooseMode({ ...slow, layers: over(1) })).toMatchObject({ value: { mode: 'local', reason: 'fastest' } })
    expect(chooseMode({ ...slow, layers: over(null) })).toMatchObject({ value: { mode: 'local' } })
    expect(chooseMode({ ...slow, local: { ...at(null), refusal: tight } })).toMatchObject({
      value: { mode: 'layers', reason: 'no-whole-holder' },
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
