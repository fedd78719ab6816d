/** Parts of jobs: what goes in comes out, what is not one is refused, and the vectors hold for every version. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ChatRequest } from '../../../web/wire/chat.ts'
import { CODES, type Code } from '../../../web/wire/codes.ts'
import type { ScheduledFrame } from '../../../web/wire/frame-schedule.ts'
import {
  type JobEvent,
  readChatJob,
  readJobEvent,
  readTextsJob,
  writeChatJob,
  writeJobEvent,
  writeTextsJob,
} from '../../../web/wire/job-parts.ts'
import vectors from '../../../web/wire/job-parts.vectors.json' with { type: 'json' }
import {
  CONTEXT_POSITIONS_MAX,
  MESSAGES_MAX,
  OUTPUT_TOKENS_MAX,
  PREFILL_ROWS_MAX,
  PROMPT_CHARACTERS_MAX,
} from '../../../web/wire/limits/engine.ts'
import { JOB_PART_BYTES_MAX } from '../../../web/wire/limits/jobs.ts'
import { DETAIL_CHARACTERS_MAX } from '../../../web/wire/limits/mesh.ts'
import { VOCABULARY_MAX } from '../../../web/wire/limits/models.ts'
import { ok } from '../../../web/wire/result.ts'

const share = fc.double({ min: 0, max: 1, noNaN: true }).map((value) => value + 0)
const text = fc.string({ unit: 'binary', maxLength: 40 })
const tokens = fc.array(fc.integer({ min: 0, max: VOCABULARY_MAX }), { maxLength: 12 })
/** Frames that follow each other, as a prompt runs. */
const schedule = fc
  .array(fc.tuple(fc.integer({ min: 1, max: PREFILL_ROWS_MAX }), fc.boolean()), { maxLength: 20 })
  .map((counts) => {
    let position = 0
    return counts.map(([count, prefill]): ScheduledFrame => {
      position += count
      return { position: position - count, count, mode: prefill ? 'prefill' : 'decode' }
    })
  })
const resume = fc.record({ text, tokens, spent: fc.integer({ min: 0, max: OUTPUT_TOKENS_MAX }), schedule })
const chat: fc.Arbitrary<ChatRequest> = fc
  .record({
    messages: fc.array(fc.record({ role: fc.constantFrom('system', 'user', 'assistant'), content: text }), {
      minLength: 1,
      maxLength: 4,
    }),
    sampling: fc.record({
      temperature: share,
      topK: fc.nat(100),
      topP: share,
      minP: share,
      repetitionPenalty: share.map((value) => value + 1),
      seed: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    }),
    maxTokens: fc.integer({ min: 1, max: OUTPUT_TOKENS_MAX }),
    stop: fc.array(fc.string({ minLength: 1, maxLength: 9 }), { maxLength: 3 }),
    schema: fc.option(fc.constantFrom('{"type":"null"}', '{}', ''), { nil: undefined }),
    resume: fc.option(resume, { nil: undefined }),
  })
  .map(({ resume: begun, schema, ...rest }) => ({
    ...rest,
    ...(begun ? { resume: begun } : {}),
    ...(schema === undefined ? {} : { schema }),
  }))

const count = fc.integer({ min: 0, max: CONTEXT_POSITIONS_MAX })
const code = fc.constantFrom(...(Object.keys(CODES) as Code[]))
const finite = fc.float({ noNaN: true, noDefaultInfinity: true })
const event: fc.Arbitrary<JobEvent> = fc.oneof(
  fc.record({ kind: fc.constant('prefill' as const), done: count, total: count }),
  fc.record({ kind: fc.constant('schedule' as const), frames: schedule }),
  fc.record({ kind: fc.constant('text' as const), text }),
  fc.record({ kind: fc.constant('text' as const), text, tokens }),
  fc.record({ kind: fc.constant('notice' as const), code, detail: text }),
  fc.record({
    kind: fc.constant('end' as const),
    reason: fc.constantFrom('stop' as const, 'length' as const, 'abort' as const, 'error' as const),
    usage: fc.record({
      promptTokens: count,
      reusedTokens: count,
      prefillTokens: count,
      completionTokens: count,
      firstTokenMs: fc.option(fc.integer({ min: 0, max: 1e9 })),
      tokensPerSecond: fc.option(share),
    }),
    code,
    detail: text,
  }),
  fc.record({
    kind: fc.constant('vectors' as const),
    vectors: fc.array(
      fc.array(finite, { minLength: 1, maxLength: 8 }).map((values) => Float32Array.from(values)),
      { minLength: 1, maxLength: 4 },
    ),
  }),
)

describe('a part', () => {
  it('comes out as it went in', () => {
    const same = <T>(values: fc.Arbitrary<T>, write: (value: T) => string, read: (written: string) => unknown) =>
      fc.assert(
        fc.property(values, (value) => {
          expect(read(write(value))).toEqual(ok(value))
        }),
      )
    same(chat, writeChatJob, readChatJob)
    same(event, writeJobEvent, readJobEvent)
    same(fc.array(text, { minLength: 1, maxLength: 9 }), writeTextsJob, readTextsJob)
  })

  it('holds the frames of a whole context that ran token by token', () => {
    const frames = Array.from({ length: CONTEXT_POSITIONS_MAX }, (_, position): ScheduledFrame => {
      return { position, count: 1, mode: 'decode' }
    })
    const written = writeJobEvent({ kind: 'schedule', frames })
    expect(written.length).toBeLessThan(100)
    expect(readJobEvent(written)).toEqual(ok({ kind: 'schedule', frames }))
  })

  it('says nothing of an answer that is not the worker’s to say, and no more detail than there may be', () => {
    const who = { kind: 'answerer', engine: 'cpu', adapter: 'a', modelId: 'm', model: 'M' } as const
    expect(readJobEvent(writeJobEvent({ ...who, why: 'only', stages: [] }))).toEqual(ok(who))
    const long = { kind: 'notice', code: 'aborted', detail: 'x'.repeat(9_999) } as const
    expect(readJobEvent(writeJobEvent(long))).toMatchObject({ value: { detail: 'x'.repeat(DETAIL_CHARACTERS_MAX) } })
  })

  it('of another version that names a code which is not known here is still an end', () => {
    const end = vectors.good.find(({ what }) => what === 'a bad end')?.text ?? ''
    expect(readJobEvent(end.replace('context-full', 'moon-full'))).toMatchObject({ value: { code: 'peer-refused' } })
  })

  it('larger than there may be is refused', () => {
    const user = (content: string) => ({ role: 'user' as const, content })
    const [request] = fc.sample(chat, { numRuns: 1, seed: 7 })
    const of = (more: Partial<ChatRequest>) => readChatJob(writeChatJob({ ...(request as ChatRequest), ...more }))
    expect(of({ messages: [user('x'.repeat(PROMPT_CHARACTERS_MAX))] })).toMatchObject({ ok: true })
    for (const more of [
      { messages: [user('x'.repeat(PROMPT_CHARACTERS_MAX)), user('x')] },
      { messages: Array.from({ length: MESSAGES_MAX + 1 }, () => user('')) },
      { maxTokens: OUTPUT_TOKENS_MAX + 1 },
      { stop: new Array<string>(100).fill('x') },
    ]) {
      expect(of(more)).toMatchObject({ ok: false, code: 'frame-invalid' })
    }
    const long = writeJobEvent({ kind: 'text', text: 'x'.repeat(JOB_PART_BYTES_MAX) })
    expect(readJobEvent(long)).toMatchObject({ ok: false, code: 'frame-invalid' })
  })
})

describe('the vectors', () => {
  const again = (of: string, written: string) => {
    if (of === 'event') {
      const read = readJobEvent(written)
      return read.ok ? writeJobEvent(read.value) : read.code
    }
    if (of === 'texts') {
      const read = readTextsJob(written)
      return read.ok ? writeTextsJob(read.value) : read.code
    }
    const read = readChatJob(written)
    return read.ok ? writeChatJob(read.value) : read.code
  }
  it.each(vectors.good)('$what', ({ of, text: written }) => expect(again(of, written)).toBe(written))
  it.each(vectors.bad)('refuse $what', ({ of, text: written }) => expect(again(of, written)).toBe('frame-invalid'))
})
