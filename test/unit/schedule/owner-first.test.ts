/** The person at a device goes first: calls for others wait behind, and end within a token, read on or not. */
import { describe, expect, it } from 'vitest'
import { Engines } from '../../../web/schedule/engines.ts'
import { SpeedStore } from '../../../web/schedule/speed-store.ts'
import type { ChatEvent, ChatRequest, Embeddings } from '../../../web/wire/chat.ts'
import { fail, ok, type Result } from '../../../web/wire/result.ts'
import { FAKE_USAGE, FakeEngine, fakeModel } from '../../support/fake-engine.ts'

const model = fakeModel(1)
const source = { kind: 'mirror', id: model.id, format: 'gguf' } as const
const never = new AbortController().signal
const courteous = { courteous: true }
const request: ChatRequest = {
  messages: [{ role: 'user', content: 'Hi' }],
  sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n },
  maxTokens: 64,
  stop: [],
}

function setUp() {
  const stage = new FakeEngine('stage')
  stage.knows([model, fakeModel(2)])
  const engines = new Engines({
    make: { stage: async () => stage },
    allowSoftware: async () => false,
    cpuThreads: 4,
    speeds: new SpeedStore(null),
  })
  return { stage, engines }
}

async function loaded() {
  const made = setUp()
  const load = made.engines.load(source, () => {}, never)
  await made.stage.until(() => made.stage.loading)
  made.stage.finishLoad()
  await load
  return made
}

async function collect(events: AsyncIterable<ChatEvent>): Promise<ChatEvent[]> {
  const all: ChatEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

const texts = (events: readonly ChatEvent[]) => events.flatMap((event) => (event.kind === 'text' ? [event.text] : []))

describe('an answer for somebody else', () => {
  it('ends as soon as its owner asks, and the owner is answered', async () => {
    const { stage, engines } = await loaded()
    const theirs = collect(engines.chat(source, request, never, courteous))
    await stage.until(() => stage.answering)
    stage.emit({ kind: 'text', text: 'one' })
    const own = collect(engines.chat(source, request, never))
    expect(await theirs).toMatchObject([
      { kind: 'answerer' },
      { kind: 'text', text: 'one' },
      { kind: 'end', reason: 'abort', code: 'owner-first' },
    ])
    await stage.until(() => stage.answering)
    stage.answer('mine')
    expect(texts(await own)).toEqual(['mine'])
  })

  it('ends also where nobody reads it any more', async () => {
    const { stage, engines } = await loaded()
    const theirs = engines.chat(source, request, never, courteous)[Symbol.asyncIterator]()
    expect((await theirs.next()).value).toMatchObject({ kind: 'answerer' })
    void theirs.next()
    await stage.until(() => stage.answering)
    const asked = stage.requests.length
    const own = collect(engines.chat(source, request, never))
    await stage.until(() => stage.requests.length > asked && stage.answering)
    stage.answer('mine')
    expect(texts(await own)).toEqual(['mine'])
    expect((await theirs.next()).done).toBe(true)
  })

  it('that is asked for while the owner is answered waits, also behind owners who came later', async () => {
    const { stage, engines } = await loaded()
    const first = collect(engines.chat(source, request, never))
    await stage.until(() => stage.answering)
    const order: string[] = []
    const theirs = collect(engines.chat(source, request, never, courteous)).then((all) => {
      order.push('theirs')
      return all
    })
    const second = collect(engines.chat(source, request, never)).then((all) => {
      order.push('second')
      return all
    })
    for (const text of ['first', 'second', 'theirs']) {
      await stage.until(() => stage.answering)
      stage.answer(text)
      await stage.until(() => !stage.answering)
    }
    expect(texts(await first)).toEqual(['first'])
    expect(texts(await second)).toEqual(['second'])
    expect(texts(await theirs)).toEqual(['theirs'])
    expect(order).toEqual(['second', 'theirs'])
  })

  it('is stopped by its asker like any other, and by a reader who leaves', async () => {
    const { stage, engines } = await loaded()
    const stop = new AbortController()
    const theirs = collect(engines.chat(source, request, stop.signal, courteous))
    await stage.until(() => stage.answering)
    stop.abort()
    const end = (await theirs).at(-1)
    expect(end).toMatchObject({ kind: 'end', reason: 'abort' })
    expect(end).not.toHaveProperty('code', 'owner-first')
    for await (const event of engines.chat(source, request, never, courteous)) if (event.kind === 'answerer') break
    expect(stage.answering).toBe(false)
    const own = collect(engines.chat(source, request, never))
    await stage.until(() => stage.answering)
    stage.answer('mine')
    expect(texts(await own)).toEqual(['mine'])
  })

  it('goes on undisturbed while nobody else asks, to its own end', async () => {
    const { stage, engines } = await loaded()
    const theirs = collect(engines.chat(source, request, never, courteous))
    await stage.until(() => stage.answering)
    stage.answer('a', 'b', 'c')
    expect((await theirs).slice(1)).toEqual([
      ...['a', 'b', 'c'].map((text) => ({ kind: 'text', text })),
      { kind: 'end', reason: 'stop', usage: FAKE_USAGE },
    ])
  })

  it('never takes the place of a model that somebody chose', async () => {
    const { stage, engines } = await loaded()
    const other = { kind: 'mirror', id: fakeModel(2).id, format: 'gguf' } as const
    expect(await collect(engines.chat(other, request, never, courteous))).toMatchObject([{ code: 'not-loaded' }])
    expect(await engines.embed(other, ['a'], never, courteous)).toMatchObject({ code: 'not-loaded' })
    expect(stage.loads).toEqual([model.id])
    expect(await engines.load(source, () => {}, never)).toMatchObject({ ok: true })
  })
})

describe('vectors for somebody else', () => {
  it('are given up for the owner, and made where nobody waits', async () => {
    const { stage, engines } = await loaded()
    stage.embeddings = ok({ vectors: [Float32Array.of(1)], promptTokens: 3 })
    expect(await engines.embed(source, ['a'], never, courteous)).toMatchObject({ value: { promptTokens: 3 } })
    // What the engine says once it was stopped.
    stage.embed = (_texts, signal) =>
      new Promise<Result<Embeddings>>((resolve) => {
        const stop = () => resolve(fail('aborted', ''))
        if (signal.aborted) stop()
        else signal.addEventListener('abort', stop)
      })
    const theirs = engines.embed(source, ['a'], never, courteous)
    const own = collect(engines.chat(source, request, never))
    expect(await theirs).toMatchObject({ code: 'owner-first' })
    await stage.until(() => stage.answering)
    stage.answer('mine')
    expect(texts(await own)).toEqual(['mine'])
  })
})
