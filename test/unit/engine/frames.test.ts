/** Each refusal of a frame, a session and a rewind, and which one is reported when several apply. */
import { describe, expect, test } from 'vitest'
import {
  checkFrame,
  checkOpen,
  checkTruncate,
  newSession,
  rewindTo,
  type SessionState,
} from '../../../web/engine/frames.ts'
import type { Frame, OpenRequest, SamplerSpec, StageFacts } from '../../../web/engine/stage.ts'
import { DECODE_ROWS_MAX, PREFILL_ROWS_MAX, SESSIONS_MAX } from '../../../web/wire/limits/engine.ts'
import { GREEDY } from '../../support/tiny-stage.ts'

const FACTS: StageFacts = {
  range: { first: 0, last: 4 },
  layers: 4,
  width: 8,
  vocabulary: 100,
  contextLength: 512,
  weightBytes: 0,
  workBytes: 0,
  kvBytesPerPosition: 0,
  adapter: '',
  softwareAdapter: true,
  numericClass: '',
}
const FIRST: StageFacts = { ...FACTS, range: { first: 0, last: 2 } }
const MIDDLE: StageFacts = { ...FACTS, range: { first: 1, last: 3 } }
const TAIL: StageFacts = { ...FACTS, range: { first: 2, last: 4 } }

const OPEN: OpenRequest = { session: 1, epoch: 3, positions: 300, sampler: GREEDY }
const at = (held: number, more: Partial<SessionState> = {}): SessionState => ({ ...newSession(OPEN), held, ...more })

const tokens = (count: number, id = 5): Frame => ({
  session: 1,
  epoch: 3,
  position: 10,
  count,
  mode: 'prefill',
  input: { kind: 'tokens', ids: new Uint32Array(count).fill(id) },
  sample: false,
})
const hidden = (count: number): Frame => ({
  ...tokens(count),
  input: { kind: 'hidden', rows: new Float32Array(count * 8) },
})
const chained: Frame = { ...tokens(1), mode: 'decode', input: { kind: 'chained' }, sample: true }
const ids = (count: number, id = 5) => new Uint32Array(count).fill(id)

const codeOf = (frame: Frame, state: SessionState | undefined, facts = FACTS) =>
  checkFrame(frame, state, facts)?.code ?? null

describe('frames that run', () => {
  test('tokens into a first stage, hidden rows into the others, ids beside them at the tail', () => {
    expect(codeOf(tokens(3), at(10))).toBeNull()
    expect(codeOf(tokens(3), at(10), FIRST)).toBeNull()
    expect(codeOf(hidden(3), at(10), MIDDLE)).toBeNull()
    expect(codeOf({ ...hidden(3), ids: ids(3), sample: true }, at(10), TAIL)).toBeNull()
    expect(codeOf(chained, at(10, { sampled: true }))).toBeNull()
  })

  test('up to the last reserved position and the most rows', () => {
    expect(codeOf({ ...tokens(PREFILL_ROWS_MAX), position: 0 }, at(0))).toBeNull()
    expect(codeOf({ ...tokens(DECODE_ROWS_MAX), mode: 'decode' }, at(10))).toBeNull()
    expect(codeOf({ ...tokens(1), position: 299 }, at(299))).toBeNull()
    expect(codeOf({ ...tokens(1), position: 300 }, at(300))).toBe('context-full')
  })
})

describe('invalid frames', () => {
  const INVALID: readonly (readonly [what: string, frame: Frame, facts: StageFacts, state?: SessionState])[] = [
    ['no rows', { ...tokens(0), count: 0 }, FACTS],
    ['half a row', { ...tokens(1), count: 0.5 }, FACTS],
    ['a count that is no number', { ...tokens(1), count: Number.NaN }, FACTS],
    ['too many prefill rows', tokens(PREFILL_ROWS_MAX + 1), FACTS],
    ['too many decode rows', { ...tokens(DECODE_ROWS_MAX + 1), mode: 'decode' }, FACTS],
    ['fewer ids than rows', { ...tokens(2), count: 3 }, FACTS],
    ['an id outside the vocabulary', tokens(2, 100), FACTS],
    ['hidden rows into a first stage', hidden(2), FIRST],
    ['tokens into a middle stage', tokens(2), MIDDLE],
    ['hidden rows of another width', { ...hidden(2), count: 1 }, MIDDLE],
    ['a tail without ids', hidden(2), TAIL],
    ['a tail with the wrong count of ids', { ...hidden(2), ids: ids(1) }, TAIL],
    ['a tail with an id outside the vocabulary', { ...hidden(2), ids: ids(2, 100) }, TAIL],
    ['sampling before the tail', { ...tokens(2), sample: true }, FIRST],
    ['sampling in the middle', { ...hidden(2), sample: true }, MIDDLE],
    ['a mask where nothing is sampled', { ...tokens(2), mask: ids(4) }, FACTS],
    ['a mask of another size', { ...tokens(2), sample: true, mask: ids(3) }, FACTS],
    ['chaining when nothing was sampled', chained, FACTS],
    ['chaining two rows', { ...chained, count: 2 }, FACTS, at(10, { sampled: true })],
    ['chaining in a stage that is not whole', { ...chained, sample: false }, FIRST, at(10, { sampled: true })],
    ['chaining in a tail', chained, TAIL, at(10, { sampled: true })],
  ]
  const cases = INVALID.map(([what, frame, facts, state]) => [what, frame, facts, state ?? at(10)] as const)
  test.each(cases)('%s', (_, frame, facts, state) => {
    const before = structuredClone(state)
    expect(codeOf(frame, state, facts)).toBe('frame-invalid')
    expect(state).toEqual(before)
  })
})

test('precedence: session, epoch, frame, position, context', () => {
  // Wrong in every way; each step repairs the one that was reported.
  const wrong: Frame = { ...tokens(1, 100), session: 2, epoch: 2, position: 400 }
  expect(codeOf(wrong, undefined)).toBe('session-unknown')
  expect(codeOf(wrong, at(10))).toBe('epoch-stale')
  expect(codeOf({ ...wrong, epoch: 4 }, at(10))).toBe('epoch-stale')
  expect(codeOf({ ...wrong, epoch: 3 }, at(10))).toBe('frame-invalid')
  const valid: Frame = { ...tokens(1), position: 400 }
  expect(codeOf(valid, at(10))).toBe('position-mismatch')
  expect(codeOf({ ...valid, position: 9 }, at(10))).toBe('position-mismatch')
  expect(codeOf({ ...valid, position: 11 }, at(10))).toBe('position-mismatch')
  expect(codeOf({ ...tokens(200), position: 200 }, at(200))).toBe('context-full')
})

describe('opening', () => {
  const none = new Map<number, SessionState>()
  const code = (request: OpenRequest, open = none, facts = FACTS) => checkOpen(request, open, facts)?.code ?? null
  const sampled = (more: Partial<SamplerSpec>) => code({ ...OPEN, sampler: { ...GREEDY, ...more } })

  test('precedence: exists, fields, context, room', () => {
    const full = new Map(Array.from({ length: SESSIONS_MAX }, (_, id) => [id, at(0)]))
    const wrong = { ...OPEN, epoch: -1, positions: 0 }
    expect(code(wrong, full)).toBe('session-exists')
    expect(code({ ...wrong, session: 99 }, full)).toBe('frame-invalid')
    expect(code({ ...wrong, session: 99, epoch: 0 }, full)).toBe('context-full')
    expect(code({ ...OPEN, session: 99 }, full)).toBe('kv-full')
    full.delete(0)
    expect(code({ ...OPEN, session: 99 }, full)).toBeNull()
  })

  test('positions lie within the context of the model', () => {
    expect(code({ ...OPEN, positions: 512 })).toBeNull()
    for (const positions of [0, 513, -1, 1.5, Number.NaN]) expect(code({ ...OPEN, positions })).toBe('context-full')
  })

  test('sampler settings are checked', () => {
    const good: Partial<SamplerSpec>[] = [
      {},
      { temperature: 0.01 },
      { topK: 100 },
      { topP: 0.001 },
      { minP: 1 },
      { repetitionPenalty: 10 },
      { seed: (1n << 64n) - 1n },
    ]
    for (const settings of good) expect(sampled(settings)).toBeNull()
    const bad: Partial<SamplerSpec>[] = [
      { temperature: -1 },
      { temperature: 0.001 },
      { temperature: Number.NaN },
      { temperature: Number.POSITIVE_INFINITY },
      { topK: -1 },
      { topK: 1.5 },
      { topP: 0 },
      { topP: 1.1 },
      { topP: Number.NaN },
      { minP: -0.1 },
      { minP: 1.1 },
      { repetitionPenalty: 0 },
      { repetitionPenalty: 11 },
      { seed: -1n },
      { seed: 1n << 64n },
    ]
    for (const settings of bad) expect(sampled(settings), String(Object.entries(settings))).toBe('frame-invalid')
  })
})

describe('rewinding', () => {
  const code = (state: SessionState | undefined, epoch: number, position: number, sampler?: SamplerSpec) =>
    checkTruncate(state, FACTS, epoch, position, sampler)?.code ?? null

  test('precedence: session, epoch, sampler, position', () => {
    const bad = { ...GREEDY, topP: 0 }
    expect(code(undefined, 2, 11, bad)).toBe('session-unknown')
    expect(code(at(10), 2, 11, bad)).toBe('epoch-stale')
    expect(code(at(10), 3, 11, bad)).toBe('frame-invalid')
    expect(code(at(10), 3, 11)).toBe('position-mismatch')
    expect(code(at(10), 3, -1)).toBe('position-mismatch')
    expect(code(at(10), 3.5, 10)).toBe('epoch-stale')
    expect(code(at(10), 3, 10)).toBeNull()
    expect(code(at(10), 9, 0, GREEDY)).toBeNull()
  })

  test('forgets the sampled token; keeps the sampler unless a new one comes', () => {
    const state = at(10, { sampled: true })
    rewindTo(state, 4, 6, undefined)
    expect(state).toMatchObject({ epoch: 4, held: 6, sampled: false, sampler: GREEDY })
    const other = { ...GREEDY, temperature: 1 }
    rewindTo(state, 5, 0, other)
    expect(state).toMatchObject({ epoch: 5, held: 0, sampler: other })
  })
})
