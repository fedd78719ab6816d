/**
 * The decode loop over real CPU stages: whole and split routes give the same tokens, prefixes are reused, limits and
 * aborts end once, and a device lost at any frame changes no token of the answer.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { planStage } from '../../web/engine/plan.ts'
import type { LayerRange, SamplerSpec } from '../../web/engine/stage.ts'
import { StageCpu } from '../../web/engine/stage-cpu.ts'
import { type GenerateRequest, Session, type SessionEvent } from '../../web/schedule/session.ts'
import { readDirectory } from '../../web/weights/gguf.ts'
import { DECODE_ROWS_MAX } from '../../web/wire/limits/engine.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { FaultyHop } from '../support/faulty-hop.ts'
import { MemorySource } from '../support/memory-source.ts'

const LAYERS = 4
const POSITIONS = 160
const SAMPLER: SamplerSpec = { temperature: 0.9, topK: 40, topP: 0.95, minP: 0, repetitionPenalty: 1.1, seed: 99n }
const PROMPT = Array.from({ length: 45 }, (_, index) => 3 + ((index * 37) % 250))
const NEVER = new AbortController().signal

const source = new MemorySource(tinyModel({ architecture: 'llama', types: 'Q4_0', seed: 3, layers: LAYERS }))
let whole: StageCpu

async function stage(range: LayerRange): Promise<StageCpu> {
  const directory = await readDirectory(source)
  if (!directory.ok) throw new Error(directory.detail)
  const plan = planStage(directory.value, range)
  if (!plan.ok) throw new Error(plan.detail)
  const loaded = await StageCpu.load(plan.value, source)
  if (!loaded.ok) throw new Error(loaded.detail)
  return loaded.value
}

beforeAll(async () => {
  whole = await stage({ first: 0, last: LAYERS })
})

interface Run {
  readonly ids: readonly number[]
  readonly events: readonly SessionEvent[]
}

async function run(
  session: Session,
  more: {
    prompt?: readonly number[]
    maxTokens?: number
    endTokens?: readonly number[]
    signal?: AbortSignal
    begun?: GenerateRequest['begun']
  } = {},
): Promise<Run> {
  const { prompt = PROMPT, maxTokens = 40, endTokens = [], signal = NEVER, begun } = more
  const events: SessionEvent[] = []
  const request = { prompt, sampler: SAMPLER, maxTokens, endTokens: new Set(endTokens), ...(begun ? { begun } : {}) }
  for await (const event of session.generate(request, signal)) events.push(event)
  expect(events.filter((event) => event.kind === 'end')).toHaveLength(1)
  expect(events.at(-1)?.kind).toBe('end')
  return { events, ids: events.flatMap((event) => (event.kind === 'token' ? [event.id] : [])) }
}

describe('a route', () => {
  it('gives the same tokens whole, in two and in four', async () => {
    const undivided = await run(new Session(1, [whole], POSITIONS))
    expect(undivided.ids).toHaveLength(40)
    for (const cuts of [
      [0, 1, 4],
      [0, 1, 2, 3, 4],
    ]) {
      const hops = await Promise.all(cuts.slice(1).map((last, index) => stage({ first: cuts[index] ?? 0, last })))
      expect((await run(new Session(1, hops, POSITIONS))).ids).toEqual(undivided.ids)
    }
  })
})

describe('an answer', () => {
  it('ends at its limit, at an end token, at the context, each once', async () => {
    const all = await run(new Session(2, [whole], POSITIONS))
    expect(all.events.at(-1)).toEqual({ kind: 'end', reason: 'length' })
    const stop = all.ids[7] ?? 0
    const stopped = await run(new Session(3, [whole], POSITIONS), { endTokens: [stop] })
    expect(stopped.events.at(-1)).toEqual({ kind: 'end', reason: 'stop' })
    expect(stopped.ids).toEqual(all.ids.slice(0, all.ids.indexOf(stop)))
    const full = await run(new Session(4, [whole], PROMPT.length + 6), { maxTokens: 400 })
    expect(full.events.at(-1)).toEqual({ kind: 'end', reason: 'length' })
    expect(full.ids).toEqual(all.ids.slice(0, 6))
  })

  it('is refused when the prompt leaves no room', async () => {
    const refused = await run(new Session(5, [whole], PROMPT.length))
    expect(refused.events.at(-1)).toMatchObject({ reason: 'error', failure: { code: 'context-full' } })
  })

  it('ends once after an abort, and the session goes on with the same tokens', async () => {
    const expected = await run(new Session(6, [whole], POSITIONS))
    const session = new Session(7, [whole], POSITIONS)
    const abort = new AbortController()
    const shown: number[] = []
    for await (const event of session.generate(
      { prompt: PROMPT, sampler: SAMPLER, maxTokens: 40, endTokens: new Set() },
      abort.signal,
    )) {
      if (event.kind === 'token') shown.push(event.id)
      if (shown.length === 5) abort.abort()
      if (event.kind === 'end') expect(event.reason).toBe('abort')
    }
    expect(shown).toEqual(expected.ids.slice(0, 5))
    expect((await run(session)).ids).toEqual(expected.ids)
  })
})

describe('the next turn', () => {
  it('computes only what is new, after a longer, an edited and a repeated prompt', async () => {
    const session = new Session(8, [whole], POSITIONS)
    const first = await run(session, { maxTokens: 10 })
    const reusedOf = ({ events }: Run) => {
      const found = events.find((event) => event.kind === 'prefill')
      return found?.kind === 'prefill' ? found.reused : null
    }
    expect(reusedOf(first)).toBe(0)
    const longer = [...PROMPT, ...first.ids, 7, 8, 9]
    const second = await run(session, { prompt: longer, maxTokens: 10 })
    expect(reusedOf(second)).toBeGreaterThanOrEqual(PROMPT.length + 9)
    const fresh = await run(new Session(9, [whole], POSITIONS), { prompt: longer, maxTokens: 10 })
    expect(second.ids).toEqual(fresh.ids)
    expect(reusedOf(await run(session, { prompt: [...PROMPT.slice(0, 20), 5, 6], maxTokens: 2 }))).toBe(20)
    const repeated = await run(session, { maxTokens: 10 })
    expect(repeated.ids).toEqual(first.ids)
  })
})

describe('a lost device', () => {
  it('changes no token, whichever frame it takes', async () => {
    const expected = await run(new Session(20, [whole], POSITIONS), { maxTokens: 12 })
    for (let lostAt = 0; lostAt < 13; lostAt += 1) {
      const hop = new FaultyHop(whole, [lostAt])
      const answer = await run(new Session(21, [hop], POSITIONS), { maxTokens: 12 })
      expect(answer.ids, `lost before frame ${lostAt}`).toEqual(expected.ids)
      expect(answer.events.filter((event) => event.kind === 'notice')).toHaveLength(1)
    }
  })

  it('may be lost again while it is replayed', async () => {
    const expected = await run(new Session(22, [whole], POSITIONS), { maxTokens: 12 })
    const answer = await run(new Session(23, [new FaultyHop(whole, [6, 10])], POSITIONS), { maxTokens: 12 })
    expect(answer.ids).toEqual(expected.ids)
  })

  it('ends with its code when it does not stay', async () => {
    const hop = new FaultyHop(
      whole,
      Array.from({ length: 60 }, (_, call) => call + 4),
    )
    const answer = await run(new Session(24, [hop], POSITIONS), { maxTokens: 12 })
    expect(answer.events.at(-1)).toMatchObject({ reason: 'error', failure: { code: 'device-lost' } })
  })
})

describe('an answer that another session began', () => {
  const scheduleOf = ({ events }: Run) => events.flatMap((event) => (event.kind === 'schedule' ? event.frames : []))

  it('goes on with the same tokens, wherever it was cut', async () => {
    // More tokens than one frame of a replay may have rows.
    const maxTokens = DECODE_ROWS_MAX + 36
    const all = await run(new Session(61, [whole], POSITIONS), { maxTokens })
    expect(all.ids).toHaveLength(maxTokens)
    const schedule = scheduleOf(all)
    expect(schedule.reduce((sum, { count }) => sum + count, 0)).toBe(PROMPT.length)
    for (const cut of [1, 2, 17, DECODE_ROWS_MAX + 1, DECODE_ROWS_MAX + 2, maxTokens - 1]) {
      const begun = { tokens: all.ids.slice(0, cut), schedule }
      const rest = await run(new Session(62, [await stage({ first: 0, last: LAYERS })], POSITIONS), {
        begun,
        maxTokens,
      })
      expect([...begun.tokens, ...rest.ids]).toEqual(all.ids)
    }
    const done = await run(new Session(63, [whole], POSITIONS), { begun: { tokens: all.ids, schedule }, maxTokens })
    expect(done.events).toEqual([{ kind: 'end', reason: 'length' }])
  })

  it('survives a device that is lost while it is taken over, and stops when it is told to', async () => {
    const all = await run(new Session(64, [whole], POSITIONS))
    const begun = { tokens: all.ids.slice(0, 20), schedule: scheduleOf(all) }
    const faulty = new FaultyHop(await stage({ first: 0, last: LAYERS }), [1])
    const rest = await run(new Session(65, [faulty], POSITIONS), { begun })
    expect([...begun.tokens, ...rest.ids]).toEqual(all.ids)
    const stopped = await run(new Session(66, [whole], POSITIONS), { begun, signal: AbortSignal.abort() })
    expect(stopped.events).toEqual([{ kind: 'end', reason: 'abort' }])
  })

  it('is refused where it does not say how its prompt was computed', async () => {
    const all = await run(new Session(67, [whole], POSITIONS))
    const [first, ...others] = scheduleOf(all)
    if (!first) throw new Error('there is no schedule')
    for (const schedule of [[], others, [{ ...first, count: first.count + 1 }, ...others]]) {
      const { events } = await run(new Session(68, [whole], POSITIONS), { begun: { tokens: [5], schedule } })
      expect(events).toMatchObject([{ kind: 'end', reason: 'error', failure: { code: 'request-invalid' } }])
    }
  })
})
