/** `App` over the one fake engine: what is shown, what is loaded when, who waits for whom, and what each failure leaves. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { App } from '../../web/app.ts'
import { DEFAULT_SAMPLING } from '../../web/app-view.ts'
import type { ChatEvent, ChatRequest } from '../../web/wire/chat.ts'
import { ASKS_WAITING_MAX, MIRROR_POLL_FAILURES_MAX, MIRROR_POLL_MS } from '../../web/wire/limits/page.ts'
import { fail, ok } from '../../web/wire/result.ts'
import { EMPTY_MIRROR, FakeCatalogue } from '../support/fake-catalogue.ts'
import { FAKE_USAGE, FakeEngine, fakeModel } from '../support/fake-engine.ts'
import { runnerOf } from '../support/fake-runner.ts'

const first = fakeModel(1)
const second = fakeModel(2)
const listed = { ...EMPTY_MIRROR, models: [first, second], defaultId: second.id }
const idle = new AbortController().signal

function setUp() {
  const engine = new FakeEngine()
  const catalogue = new FakeCatalogue()
  engine.knows([first, second])
  catalogue.mirror = ok(listed)
  return { engine, catalogue, app: new App({ runner: runnerOf(engine, catalogue), catalogue }) }
}

function request(content: string): ChatRequest {
  return { messages: [{ role: 'user', content }], sampling: { ...DEFAULT_SAMPLING, seed: 1n }, maxTokens: 8, stop: [] }
}

async function collect(events: AsyncIterable<ChatEvent>): Promise<ChatEvent[]> {
  const all: ChatEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

describe('what the page sees', () => {
  it('lists the models of the mirror with their fit and picks its default', async () => {
    const { app, engine } = setUp()
    engine.inspections.set(first.id, ok({ fits: false, gpuBytes: 9e9, reason: 'Too large.' }))
    engine.inspections.set(second.id, fail('architecture-unsupported', 'mamba'))
    await app.start()
    await vi.waitFor(() => expect(app.view.entries.every((entry) => entry.fit.state !== 'checking')).toBe(true))
    expect(app.view.gpu).toEqual({ state: 'ready', adapter: 'Test GPU', software: false })
    expect(app.view.selectedKey).toBe(second.id)
    expect(app.view.entries.map((entry) => entry.fit)).toMatchObject([
      { state: 'known', fits: false, gpuBytes: 9e9, reason: 'Too large.' },
      { state: 'refused', code: 'architecture-unsupported', detail: 'mamba' },
    ])
    expect(engine.loads).toEqual([])
  })

  it('tells every listener at once and after each change, until it leaves', async () => {
    const { app } = setUp()
    const seen: string[] = []
    const leave = app.subscribe((view) => seen.push(view.gpu.state))
    expect(seen).toEqual(['checking'])
    await app.start()
    expect(seen.at(-1)).toBe('ready')
    leave()
    const count = seen.length
    app.pick(first.id)
    expect(seen.length).toBe(count)
  })

  it('refuses a software GPU unless the server allows it, and when the server does not say', async () => {
    for (const [settings, state] of [
      [ok({ allowSoftwareAdapter: false }), 'none'],
      [fail('source-unreachable', ''), 'none'],
      [ok({ allowSoftwareAdapter: true }), 'ready'],
    ] as const) {
      const { app, engine, catalogue } = setUp()
      engine.facts = ok({ adapter: 'SwiftShader', software: true })
      catalogue.settings = settings
      await app.start()
      expect(app.view.gpu.state).toBe(state)
      if (app.view.gpu.state === 'none') expect(app.view.gpu.code).toBe('software-adapter')
    }
  })

  it('looks for the GPU again when asked', async () => {
    const { app, engine } = setUp()
    engine.facts = fail('no-webgpu', '')
    await app.start()
    expect(app.view.gpu).toMatchObject({ state: 'none', code: 'no-webgpu' })
    engine.facts = ok({ adapter: 'Test GPU', software: false })
    await app.lookAgain()
    expect(app.view.gpu.state).toBe('ready')
  })

  it('offers what this browser keeps when the server is gone', async () => {
    const { app, engine, catalogue } = setUp()
    catalogue.mirror = fail('source-unreachable', 'gone')
    engine.kept = [first]
    await app.start()
    expect(app.view.mirror).toMatchObject({ state: 'unreachable', code: 'source-unreachable', detail: 'gone' })
    expect(app.view.entries).toMatchObject([{ key: first.id, kept: true }])
  })

  it('believes the last look at what is kept, whichever is answered first', async () => {
    const { app, engine } = setUp()
    await app.start()
    let answerLate = (_kept: readonly (typeof first)[]) => {}
    const cached = vi.spyOn(engine, 'cached')
    cached.mockReturnValueOnce(new Promise((resolve) => (answerLate = resolve)))
    const late = app.models.refresh()
    engine.kept = [first]
    await app.models.refresh()
    answerLate([])
    await late
    expect(app.view.entries.find(({ key }) => key === first.id)?.kept).toBe(true)
  })

  it('adds a file that was opened, and not one that is no model', async () => {
    const { app, engine } = setUp()
    await app.start()
    const file = new File(['GGUF'], 'mine.gguf')
    const added = await app.openFile(file)
    expect(added).toMatchObject({ ok: true, value: { key: 'file:1', source: { kind: 'file', file } } })
    expect(app.view.selectedKey).toBe('file:1')
    engine.inspections.set('file', fail('gguf-not-gguf', 'It begins with PK.'))
    expect(await app.openFile(file)).toMatchObject({ ok: false, code: 'gguf-not-gguf' })
    expect(app.view.entries.length).toBe(3)
  })
})

describe('the list of the mirror', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })
  const adding = { name: 'Model-1', source: 'hf:x', doneBytes: 10, totalBytes: null, bytesPerSecond: 1 }

  it('is looked at once, and each second only while something is being added', async () => {
    const { app, catalogue } = setUp()
    catalogue.mirror = ok({ ...EMPTY_MIRROR, adding: [adding] })
    await app.start()
    expect(app.view.entries).toEqual([])
    expect(catalogue.looks).toBe(1)
    await vi.advanceTimersByTimeAsync(3 * MIRROR_POLL_MS)
    expect(catalogue.looks).toBe(4)
    catalogue.mirror = ok(listed)
    await vi.advanceTimersByTimeAsync(MIRROR_POLL_MS)
    expect(app.view.selectedKey).toBe(second.id)
    await vi.advanceTimersByTimeAsync(60 * MIRROR_POLL_MS)
    expect(catalogue.looks).toBe(5)
  })

  it('is given up after a named number of unanswered looks, and starts again when asked', async () => {
    const { app, catalogue } = setUp()
    catalogue.mirror = ok({ ...EMPTY_MIRROR, adding: [adding] })
    await app.start()
    catalogue.mirror = fail('source-unreachable', '')
    await vi.advanceTimersByTimeAsync(10 * MIRROR_POLL_FAILURES_MAX * MIRROR_POLL_MS)
    expect(catalogue.looks).toBe(1 + MIRROR_POLL_FAILURES_MAX)
    catalogue.mirror = ok(listed)
    await app.lookAgain()
    expect(app.view.mirror.state).toBe('ready')
  })

  it('is not looked at after the page was closed', async () => {
    const { app, catalogue } = setUp()
    catalogue.mirror = ok({ ...EMPTY_MIRROR, adding: [adding] })
    await app.start()
    await app.close()
    await vi.advanceTimersByTimeAsync(10 * MIRROR_POLL_MS)
    expect(catalogue.looks).toBe(1)
  })
})

describe('loading', () => {
  it('shows bytes, then the loaded model', async () => {
    const { app, engine } = setUp()
    await app.start()
    const done = app.load(first.id)
    await engine.until(() => engine.loading)
    engine.progress('fetch', 4, 10)
    expect(app.view.load).toMatchObject({ state: 'loading', key: first.id, progress: { doneBytes: 4, totalBytes: 10 } })
    engine.finishLoad()
    expect(await done).toMatchObject({ ok: true, value: { id: first.id } })
    expect(app.view.load).toMatchObject({ state: 'ready', key: first.id })
  })

  it('loads by itself only what this browser keeps', async () => {
    const { app, engine } = setUp()
    engine.kept = [second]
    await app.start()
    await engine.until(() => engine.loading)
    expect(engine.loads).toEqual([second.id])
  })

  it('leaves alone what came while the GPU was still being looked for', async () => {
    const { app, engine } = setUp()
    let answer = (_facts: typeof engine.facts) => {}
    vi.spyOn(engine, 'probe').mockReturnValue(new Promise((resolve) => (answer = resolve)))
    const started = app.start()
    await vi.waitFor(() => expect(app.view.mirror.state).toBe('ready'))
    engine.kept = [second]
    const again = app.lookAgain()
    await vi.waitFor(() => expect(app.view.entries.find(({ key }) => key === second.id)?.kept).toBe(true))
    answer(engine.facts)
    await Promise.all([again, started])
    await new Promise((resolve) => setTimeout(resolve))
    expect(engine.loads).toEqual([])
  })

  it('waits for the list of WebLLM only where a model of that list is asked for', async () => {
    const { engine, catalogue } = setUp()
    const entry = { name: 'Listed', family: 'Llama', model: fakeModel(3), gpuBytes: 1, fits: true, reason: '' }
    let list = (_entries: (typeof entry)[]) => {}
    const prebuilt = () => new Promise<(typeof entry)[]>((resolve) => (list = resolve))
    const app = new App({ runner: runnerOf(engine, catalogue), catalogue, prebuilt })
    const done = app.load(first.id)
    await engine.until(() => engine.loading)
    engine.finishLoad()
    expect(await done).toMatchObject({ ok: true })
    expect(
      await Promise.race([app.load('mlc:Listed'), new Promise((resolve) => setTimeout(resolve, 0, 'waits'))]),
    ).toBe('waits')
    list([entry])
    await vi.waitFor(() => expect(app.view.load).toMatchObject({ key: 'mlc:Listed' }))
  })

  it('does without the list of WebLLM where it does not come', async () => {
    const { engine, catalogue } = setUp()
    const prebuilt = () => Promise.reject(new TypeError('Failed to fetch'))
    const app = new App({ runner: runnerOf(engine, catalogue), catalogue, prebuilt })
    expect(await app.load('mlc:Listed')).toMatchObject({ ok: false, code: 'model-unknown' })
    expect(app.view.entries.map(({ key }) => key)).toEqual([first.id, second.id])
  })

  it('stops when cancelled and says nothing more', async () => {
    const { app, engine } = setUp()
    const done = app.load(first.id)
    await engine.until(() => engine.loading)
    app.cancelLoad()
    expect(await done).toMatchObject({ ok: false, code: 'aborted' })
    expect(app.view.load).toEqual({ state: 'none' })
  })

  it('is replaced by the load of another model, and joined by one of the same', async () => {
    const { app, engine } = setUp()
    const one = app.load(first.id)
    await engine.until(() => engine.loading)
    const same = app.load(first.id)
    const other = app.load(second.id)
    expect(await one).toMatchObject({ ok: false, code: 'aborted' })
    expect(await same).toMatchObject({ ok: false, code: 'aborted' })
    await engine.until(() => engine.loading)
    engine.finishLoad()
    expect(await other).toMatchObject({ ok: true, value: { id: second.id } })
    expect(engine.loads).toEqual([first.id, second.id])
  })

  it('keeps the reason of a failure and can be tried again', async () => {
    const { app, engine } = setUp()
    const done = app.load(first.id)
    await engine.until(() => engine.loading)
    engine.finishLoad(fail('gpu-too-small', 'It needs 9 GB.'))
    await done
    expect(app.view.load).toEqual({ state: 'failed', key: first.id, code: 'gpu-too-small', detail: 'It needs 9 GB.' })
    const again = app.load(first.id)
    await engine.until(() => engine.loading)
    engine.finishLoad()
    expect((await again).ok).toBe(true)
  })

  it('refuses an id that is not in the list', async () => {
    const { app } = setUp()
    expect(await app.load('nonsense')).toMatchObject({ ok: false, code: 'model-unknown' })
  })
})

describe('asking', () => {
  it('loads the picked model first and passes the events through', async () => {
    const { app, engine } = setUp()
    const events = collect(app.ask(request('Hello'), idle))
    await engine.until(() => engine.loading)
    engine.finishLoad()
    await engine.until(() => engine.answering)
    engine.answer('Hel', 'lo.')
    expect(await events).toEqual([
      { kind: 'answerer', engine: 'stage', adapter: 'Test GPU', modelId: second.id, model: second.name },
      { kind: 'text', text: 'Hel' },
      { kind: 'text', text: 'lo.' },
      { kind: 'end', reason: 'stop', usage: FAKE_USAGE },
    ])
    expect(engine.loads).toEqual([second.id])
  })

  it('answers one after the other, in the order of asking', async () => {
    const { app, engine } = setUp()
    const all = ['a', 'b', 'c'].map((text) => collect(app.ask(request(text), idle)))
    await engine.until(() => engine.loading)
    engine.finishLoad()
    for (const text of ['a', 'b', 'c']) {
      await engine.until(() => engine.answering)
      expect(engine.requests.at(-1)?.messages[0]?.content).toBe(text)
      engine.answer(text)
      await engine.until(() => !engine.answering)
    }
    expect((await Promise.all(all)).map((events) => events.length)).toEqual([3, 3, 3])
  })

  it('refuses more than the named number of waiting requests', async () => {
    const { app, engine } = setUp()
    const abort = new AbortController()
    const waiting = Array.from({ length: ASKS_WAITING_MAX + 1 }, () => collect(app.ask(request('a'), abort.signal)))
    await engine.until(() => engine.loading)
    expect(await collect(app.ask(request('b'), idle))).toMatchObject([
      { kind: 'end', reason: 'error', code: 'queue-full' },
    ])
    abort.abort()
    const ends = (await Promise.all(waiting)).flat()
    expect(ends.length).toBe(ASKS_WAITING_MAX + 1)
    expect(ends.every((event) => event.kind === 'end' && event.reason === 'abort')).toBe(true)
  })

  it('is counted without a turn and without a load', async () => {
    const { app, engine } = setUp()
    const { messages } = request('one two three')
    expect(await app.count(messages, idle)).toMatchObject({ code: 'not-loaded' })
    await app.start()
    expect(await app.count(messages, idle)).toMatchObject({ code: 'not-loaded' })
    expect(engine.loads).toEqual([])
    const answer = collect(app.ask(request('Hi'), idle))
    await engine.until(() => engine.loading)
    engine.finishLoad()
    await engine.until(() => engine.answering)
    expect(await app.count(messages, idle)).toEqual(ok(7))
    expect(await app.count(messages, idle, second.id)).toEqual(ok(7))
    expect(await app.count(messages, idle, first.id)).toMatchObject({ code: 'not-loaded' })
    expect(await app.count(messages, AbortSignal.abort())).toMatchObject({ code: 'aborted' })
    engine.answer('Hello')
    await answer
  })

  it('stops the engine when its reader leaves, and lets the next one in', async () => {
    const { app, engine } = setUp()
    const read = (async () => {
      for await (const event of app.ask(request('a'), idle)) if (event.kind === 'text') break
    })()
    await engine.until(() => engine.loading)
    engine.finishLoad()
    await engine.until(() => engine.answering)
    engine.emit({ kind: 'text', text: 'x' })
    await read
    expect(engine.answering).toBe(false)
    const next = collect(app.ask(request('b'), idle))
    await engine.until(() => engine.answering)
    engine.answer('y')
    expect((await next).length).toBe(3)
  })

  it('ends once with the reason when there is nothing to ask', async () => {
    const empty = setUp()
    empty.catalogue.mirror = ok(EMPTY_MIRROR)
    expect(await collect(empty.app.ask(request('a'), idle))).toMatchObject([{ kind: 'end', code: 'not-loaded' }])
    const blind = setUp()
    blind.engine.facts = fail('no-adapter', '')
    expect(await collect(blind.app.ask(request('a'), idle))).toMatchObject([{ kind: 'end', code: 'no-adapter' }])
    const broken = setUp()
    const events = collect(broken.app.ask(request('a'), idle))
    await broken.engine.until(() => broken.engine.loading)
    broken.engine.finishLoad(fail('chunk-hash-mismatch', 'Chunk 3.'))
    expect(await events).toMatchObject([{ kind: 'end', reason: 'error', code: 'chunk-hash-mismatch' }])
  })

  it('loads the model again after the engine lost it', async () => {
    const { app, engine } = setUp()
    const events = collect(app.ask(request('a'), idle))
    await engine.until(() => engine.loading)
    engine.finishLoad()
    await engine.until(() => engine.answering)
    engine.emit({ kind: 'end', reason: 'error', usage: FAKE_USAGE, code: 'device-degraded', detail: '' })
    engine.loaded = null
    await events
    expect(app.view.load).toEqual({ state: 'none' })
    const again = collect(app.ask(request('a'), idle))
    await engine.until(() => engine.loading)
    engine.finishLoad()
    await engine.until(() => engine.answering)
    engine.answer('ok')
    expect((await again).at(-1)).toMatchObject({ reason: 'stop' })
  })
})
