/** `Engines` over fake engines: which one is loaded, what it remembers of speed, and what a lost worker costs an answer. */
import { describe, expect, it } from 'vitest'
import { CommittedLog, tokensLeft } from '../../web/rules/committed.ts'
import type { ModelSource } from '../../web/schedule/engine-door.ts'
import { Engines } from '../../web/schedule/engines.ts'
import { SpeedStore } from '../../web/schedule/speed-store.ts'
import type { ChatEvent, ChatRequest } from '../../web/wire/chat.ts'
import { REPLAYS_MAX, SPEEDS_KEPT_MAX } from '../../web/wire/limits/engine.ts'
import { fail, ok } from '../../web/wire/result.ts'
import { FAKE_USAGE, FakeEngine, fakeModel } from '../support/fake-engine.ts'

const model = fakeModel(1)
const source = { kind: 'mirror', id: model.id, format: 'gguf' } as const
const never = new AbortController().signal
const request: ChatRequest = {
  messages: [{ role: 'user', content: 'Hi' }],
  sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n },
  maxTokens: 64,
  stop: [],
}

function setUp({ allowSoftware = false } = {}) {
  const stage = new FakeEngine('stage')
  const cpu = new FakeEngine('cpu')
  for (const engine of [stage, cpu]) engine.knows([model])
  const speeds = new SpeedStore(null)
  const engines = new Engines({
    make: { stage: async () => stage, cpu: async () => cpu },
    allowSoftware: async () => allowSoftware,
    cpuThreads: 4,
    speeds,
  })
  return { stage, cpu, speeds, engines }
}

async function collect(events: AsyncIterable<ChatEvent>): Promise<ChatEvent[]> {
  const all: ChatEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

describe('the engine of a model', () => {
  it('is the GPU, and the CPU where there is none, or a software one that nobody allowed', async () => {
    for (const [facts, allowSoftware, engine] of [
      [ok({ adapter: 'Test GPU', software: false }), false, 'stage'],
      [fail('no-webgpu', ''), false, 'cpu'],
      [ok({ adapter: 'SwiftShader', software: true }), false, 'cpu'],
      [ok({ adapter: 'SwiftShader', software: true }), true, 'stage'],
    ] as const) {
      const { engines, stage } = setUp({ allowSoftware })
      stage.facts = facts
      expect(await engines.inspect(source, never)).toMatchObject({ ok: true, value: { engine } })
    }
  })

  it('is another one where the model does not fit the GPU, and the numbers stay where it fits nowhere', async () => {
    const { engines, stage, cpu } = setUp()
    stage.inspections.set(model.id, ok({ fits: false, reason: 'Too large for the GPU.' }))
    expect(await engines.inspect(source, never)).toMatchObject({
      value: { engine: 'cpu', options: [{ engine: 'stage', refusal: { code: 'gpu-too-small' } }, { refusal: null }] },
    })
    cpu.inspections.set(model.id, ok({ fits: false, reason: 'Too large for a page.' }))
    expect(await engines.inspect(source, never)).toMatchObject({
      value: { engine: 'stage', fits: false, reason: 'Too large for the GPU.', choice: null },
    })
  })

  it('is the picked one, or its refusal', async () => {
    const { engines, stage } = setUp()
    expect(await engines.inspect({ ...source, engine: 'cpu' }, never)).toMatchObject({ value: { engine: 'cpu' } })
    stage.facts = fail('no-adapter', '')
    expect(await engines.inspect({ ...source, engine: 'stage' }, never)).toMatchObject({ code: 'no-adapter' })
    expect(await engines.inspect({ ...source, engine: 'webllm' }, never)).toMatchObject({ code: 'engine-mismatch' })
  })

  it('changes with what was measured: a GPU that is too slow loses to a CPU that is not', async () => {
    const { engines, stage } = setUp()
    const events = collect(engines.chat(source, request, never))
    await stage.until(() => stage.loading)
    stage.finishLoad()
    await stage.until(() => stage.answering)
    stage.emit({ kind: 'end', reason: 'stop', usage: { ...FAKE_USAGE, tokensPerSecond: 1.4 } })
    await events
    expect(await engines.inspect(source, never)).toMatchObject({
      value: { engine: 'cpu', choice: { reason: 'fastest', basis: 'assumed' } },
    })
  })
})

describe('one model at a time', () => {
  it('is loaded once, whoever asks, and unloaded before it comes to another engine', async () => {
    const { engines, stage, cpu } = setUp()
    const loads = [engines.load(source, () => {}, never), engines.load(source, () => {}, never)]
    await stage.until(() => stage.loading)
    stage.finishLoad()
    expect(await Promise.all(loads)).toMatchObject([{ ok: true }, { ok: true }])
    expect(stage.loads).toEqual([model.id])
    const other = engines.load({ ...source, engine: 'cpu' }, () => {}, never)
    await cpu.until(() => cpu.loading)
    expect(stage.loaded).toBeNull()
    cpu.finishLoad()
    expect(await other).toMatchObject({ value: { engine: 'cpu' } })
  })
})

describe('the tokens of a prompt', () => {
  it('are counted while an answer runs, of what is loaded and of nothing else', async () => {
    const { engines, stage, cpu } = setUp()
    const count = (wanted: ModelSource) => engines.count(wanted, request.messages, never)
    expect(await count(source)).toMatchObject({ code: 'not-loaded' })
    const answer = collect(engines.chat(source, request, never))
    await stage.until(() => stage.loading)
    expect(await count(source)).toMatchObject({ code: 'not-loaded' })
    stage.finishLoad()
    await stage.until(() => stage.answering)
    expect(await count(source)).toEqual(ok(5))
    expect(await count({ ...source, engine: 'stage' })).toEqual(ok(5))
    expect(await engines.count(source, request.messages, never, true)).toEqual(ok(1))
    expect(await count({ ...source, engine: 'cpu' })).toMatchObject({ code: 'not-loaded' })
    expect(await count({ kind: 'mirror', id: fakeModel(2).id })).toMatchObject({ code: 'not-loaded' })
    expect([stage.loads, cpu.loads]).toEqual([[model.id], []])
    stage.answer('Hello')
    await answer
  })
})

describe('an answer whose worker dies', () => {
  it('goes on at a new one from what was shown, and says so', async () => {
    const { engines, stage } = setUp()
    const events = collect(engines.chat(source, request, never))
    await stage.until(() => stage.loading)
    stage.finishLoad()
    await stage.until(() => stage.answering)
    stage.emit({ kind: 'schedule', frames: [{ position: 0, count: 5, mode: 'prefill' }] })
    stage.emit({ kind: 'text', text: 'Hel', tokens: [4, 5] })
    stage.emit({ kind: 'end', reason: 'error', usage: FAKE_USAGE, code: 'worker-lost', detail: '' })
    stage.loaded = null
    await stage.until(() => stage.loading)
    stage.finishLoad()
    await stage.until(() => stage.answering)
    expect(stage.requests.at(-1)?.resume).toEqual({
      text: 'Hel',
      tokens: [4, 5],
      spent: 2,
      schedule: [{ position: 0, count: 5, mode: 'prefill' }],
    })
    stage.answer('lo.')
    const kinds = (await events).map((event) => (event.kind === 'notice' ? event.code : event.kind))
    expect(kinds).toEqual(['answerer', 'schedule', 'text', 'worker-replaced', 'answerer', 'text', 'end'])
  })

  it('ends with its reason after the named number of tries', async () => {
    const { engines, stage } = setUp()
    const events = collect(engines.chat(source, request, never))
    for (let tries = 0; tries <= REPLAYS_MAX; tries += 1) {
      await stage.until(() => stage.loading)
      stage.finishLoad()
      await stage.until(() => stage.answering)
      stage.emit({ kind: 'end', reason: 'error', usage: FAKE_USAGE, code: 'worker-lost', detail: '' })
      stage.loaded = null
      await stage.until(() => !stage.answering)
    }
    expect((await events).at(-1)).toMatchObject({ kind: 'end', code: 'worker-lost' })
    expect(stage.loads.length).toBe(REPLAYS_MAX + 1)
  })
})

describe('an engine that lost its model while nobody asked', () => {
  it('loads it again for the next answer and for embeddings', async () => {
    const { engines, stage } = setUp()
    const first = engines.load(source, () => {}, never)
    await stage.until(() => stage.loading)
    stage.finishLoad()
    await first
    stage.loaded = null
    stage.embeddings = fail('not-loaded', '')
    const made = engines.embed(source, ['a'], never)
    await stage.until(() => stage.loading)
    stage.embeddings = ok({ vectors: [Float32Array.of(1)], promptTokens: 1 })
    stage.finishLoad()
    expect(await made).toMatchObject({ ok: true })
    expect(stage.loads.length).toBe(2)
  })

  it('is tried again when it dies once more while it loads', async () => {
    const { engines, stage } = setUp()
    const events = collect(engines.chat(source, request, never))
    await stage.until(() => stage.loading)
    stage.finishLoad(fail('worker-lost', 'while loading'))
    await stage.until(() => stage.loading)
    stage.finishLoad()
    await stage.until(() => stage.answering)
    stage.answer('ok')
    expect((await events).at(-1)).toMatchObject({ reason: 'stop' })
  })
})

describe('engines beside each other', () => {
  it('are asked again after the loaded model went, where there was no room beside it', async () => {
    const { engines, stage, cpu } = setUp()
    const other = fakeModel(2)
    for (const engine of [stage, cpu]) engine.knows([model, other])
    const first = engines.load({ ...source, engine: 'cpu' }, () => {}, never)
    await cpu.until(() => cpu.loading)
    cpu.finishLoad()
    await first
    // The GPU has room once the other model is gone.
    stage.inspections.set(other.id, ok({ fits: false, reason: 'No room beside the other.' }))
    const unload = cpu.unload.bind(cpu)
    cpu.unload = async () => {
      stage.inspections.delete(other.id)
      await unload()
    }
    const second = engines.load({ ...source, id: other.id }, () => {}, never)
    await stage.until(() => stage.loading)
    stage.finishLoad()
    expect(await second).toMatchObject({ value: { engine: 'stage' } })
  })

  it('keep what is loaded where another tab only wants to be ready, or names the engine that runs it', async () => {
    const { engines, stage } = setUp()
    const other = fakeModel(2)
    stage.knows([model, other])
    const first = engines.load(source, () => {}, never)
    await stage.until(() => stage.loading)
    stage.finishLoad()
    await first
    expect(await engines.load({ ...source, id: other.id }, () => {}, never, true)).toMatchObject({ code: 'aborted' })
    expect(await engines.load({ ...source, engine: 'stage' }, () => {}, never)).toMatchObject({ ok: true })
    expect(await engines.load(source, () => {}, never, true)).toMatchObject({ ok: true })
    expect(stage.loads).toEqual([model.id])
  })

  it('are looked for anew by a load, and never by an answer', async () => {
    const { engines, stage, cpu } = setUp()
    const first = engines.load({ ...source, engine: 'cpu' }, () => {}, never)
    await cpu.until(() => cpu.loading)
    cpu.finishLoad()
    await first
    const events = collect(engines.chat(source, request, never))
    await cpu.until(() => cpu.answering)
    cpu.answer('on the CPU')
    await events
    const second = engines.load(source, () => {}, never)
    await stage.until(() => stage.loading)
    stage.finishLoad()
    expect(await second).toMatchObject({ value: { engine: 'stage' } })
    // Its server is gone, and with it the manifest: what is loaded still answers.
    stage.inspections.set(model.id, fail('source-unreachable', ''))
    cpu.inspections.set(model.id, fail('source-unreachable', ''))
    expect(await engines.load(source, () => {}, never)).toMatchObject({ ok: true })
  })

  it('answer without one whose code does not come, and ask for it again', async () => {
    const stage = new FakeEngine('stage')
    stage.knows([model])
    let tries = 0
    const cpu = async () => {
      tries += 1
      throw new TypeError('Failed to fetch dynamically imported module')
    }
    const make = { stage: async () => stage, cpu }
    const engines = new Engines({ make, allowSoftware: async () => false, cpuThreads: 1, speeds: new SpeedStore(null) })
    for (const tried of [1, 2]) {
      expect(await engines.inspect(source, never)).toMatchObject({ value: { engine: 'stage' } })
      expect(tries).toBe(tried)
    }
  })
})

describe('what an answer has come to', () => {
  const schedule = [{ position: 0, count: 5, mode: 'prefill' }] as const

  it('is its tokens as long as all of its text has some, and its text alone from then on', () => {
    const log = new CommittedLog()
    expect(log.committed).toBeNull()
    log.take({ kind: 'schedule', frames: schedule })
    log.take({ kind: 'text', text: 'Hel', tokens: [4, 5] })
    expect(log.committed).toEqual({ text: 'Hel', tokens: [4, 5], spent: 2, schedule })
    log.take({ kind: 'text', text: 'lo' })
    expect(log.committed).toEqual({ text: 'Hello', tokens: [], spent: 3, schedule: [] })
  })

  it('stays text where it was begun as text, whoever goes on', () => {
    const log = new CommittedLog({ text: 'Hel', tokens: [], spent: 2, schedule: [] })
    log.take({ kind: 'schedule', frames: schedule })
    log.take({ kind: 'text', text: 'lo', tokens: [9] })
    expect(log.committed).toEqual({ text: 'Hello', tokens: [], spent: 3, schedule: [] })
  })

  it('leaves the rest of the limit, and at least one token', () => {
    expect(tokensLeft({ ...request, maxTokens: 10 })).toBe(10)
    const resume = { text: 'a', tokens: [], spent: 7, schedule: [] }
    expect(tokensLeft({ ...request, maxTokens: 10, resume })).toBe(3)
    expect(tokensLeft({ ...request, maxTokens: 5, resume })).toBe(1)
  })
})

describe('remembered speeds', () => {
  const note = { engine: 'stage', adapter: 'A', model: 'm', tokensPerSecond: 10, bytesPerSecond: 1e9 } as const

  it('move towards what is measured, and outlive the page where the browser keeps them', () => {
    const kept = new Map<string, string>()
    const shelf = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
    }
    const speeds = new SpeedStore(shelf)
    speeds.note(note)
    speeds.note({ ...note, tokensPerSecond: 20 })
    const later = new SpeedStore(shelf)
    expect(later.tokensPerSecond('stage', 'A', 'm')).toBe(15)
    expect(later.bytesPerSecond('stage', 'A')).toBe(1e9)
    expect(later.tokensPerSecond('cpu', 'A', 'm')).toBeNull()
    for (let index = 0; index < SPEEDS_KEPT_MAX; index += 1) later.note({ ...note, model: `m${index}` })
    expect(new SpeedStore(shelf).tokensPerSecond('stage', 'A', 'm')).toBeNull()
  })

  it('survive what is not theirs, and a browser that refuses', () => {
    for (const text of ['{', '7', '[1, null, {"engine":"stage"}]', '[{"engine":"tpu"}]']) {
      expect(new SpeedStore({ getItem: () => text, setItem: () => {} }).bytesPerSecond('stage', 'A')).toBeNull()
    }
    const full = new SpeedStore({
      getItem: () => null,
      setItem: () => {
        throw new DOMException('', 'QuotaExceededError')
      },
    })
    full.note(note)
    expect(full.tokensPerSecond('stage', 'A', 'm')).toBe(10)
  })
})
