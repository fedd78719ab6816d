/**
 * Whole answers as a tab gives them, over a played mesh and the real `Engines`: what is loaded and measured first, what is
 * offered with which rules, when it rests, and that neither the model of the person nor memory suffers for it.
 */
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { MeshSettings } from '../../web/app-mesh-view.ts'
import type { ModelEntry } from '../../web/app-view.ts'
import type { ChatEvent } from '../../web/wire/chat.ts'
import { OUTPUT_TOKENS_MAX } from '../../web/wire/limits/engine.ts'
import { JOB_PARALLEL_DEFAULT } from '../../web/wire/limits/jobs.ts'
import { ok } from '../../web/wire/result.ts'
import { FAKE_USAGE, FakeEngine, fakeModel } from '../support/fake-engine.ts'
import { fakeEntry } from '../support/fake-entry.ts'
import { FakeMesh } from '../support/fake-mesh.ts'
import { type MeshOfOne, meshOfOne } from '../support/mesh-of-one.ts'

const model = fakeModel(1)
const other = fakeModel(2)
const entry = fakeEntry(model)
const never = new AbortController().signal
const WORDS: ChatEvent = { kind: 'text', text: 'thread', tokens: [1] }
const END: ChatEvent = { kind: 'end', reason: 'length', usage: FAKE_USAGE }

let played: FakeMesh
let one: MeshOfOne

beforeEach(() => {
  played = new FakeMesh()
  one = meshOfOne(played, entry)
  one.engine.knows([model, other])
})

const given = () => one.mesh.view.contribution
const offer = () => played.served[0]

/** The runs for nobody end. */
async function measured(runs: number): Promise<void> {
  for (let run = 0; run < runs; run += 1) {
    await one.engine.until(() => one.engine.answering)
    one.engine.emit(WORDS)
    one.engine.emit(END)
    await one.engine.until(() => !one.engine.answering)
  }
}

async function loads(): Promise<void> {
  await one.engine.until(() => one.engine.loading)
  one.engine.finishLoad()
}

async function give(settings: Partial<MeshSettings> = {}): Promise<void> {
  one.mesh.set({ consent: true, ...settings })
  const began = one.mesh.contribute(entry.key)
  await loads()
  await measured(2)
  expect(await began).toEqual({ ok: true, value: null })
}

async function collect(events: AsyncIterable<ChatEvent>): Promise<readonly ChatEvent[]> {
  const all: ChatEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

/** What the person's own chat loads. */
async function ownLoad(which: typeof model): Promise<void> {
  const loaded = one.runner.load({ kind: 'mirror', id: which.id }, () => {}, never)
  await loads()
  expect(await loaded).toMatchObject({ ok: true })
  one.chat = which.id
}

describe('a model that fits whole', () => {
  it('is loaded by the engine of the own chat, measured, and then offered with what was measured', async () => {
    one.mesh.set({ consent: true })
    const began = one.mesh.contribute(entry.key)
    expect(given()).toMatchObject({ state: 'connecting', way: 'whole' })
    await one.engine.until(() => one.engine.loading)
    one.engine.progress('fetch', 5, 10)
    expect(given()).toMatchObject({ state: 'loading', span: null, progress: { doneBytes: 5 } })
    one.engine.finishLoad()
    await one.engine.until(() => one.engine.answering)
    expect([given().state, played.served]).toEqual(['measuring', []])
    await measured(2)
    await began
    expect(offer()).toMatchObject({
      modelId: model.id,
      layers: model.layers,
      engine: 'stage',
      kinds: ['chat', 'completion'],
      positions: 2_048,
      promptTokensMax: 2_048,
      answerTokensMax: OUTPUT_TOKENS_MAX,
      parallel: JOB_PARALLEL_DEFAULT,
      tokensPerSecond: FAKE_USAGE.tokensPerSecond,
    })
    expect(offer()?.prefillTokensPerSecond).toBeCloseTo((1_000 * 22) / 412)
    expect(given()).toMatchObject({ state: 'serving', way: 'whole', engine: 'stage', jobs: 0, tokens: 0, requests: 0 })
    expect([one.engine.loads, played.starts]).toEqual([[model.id], 0])
  })

  it('that the own chat has loaded is not loaded twice, and stays when giving ends', async () => {
    await ownLoad(model)
    one.mesh.set({ consent: true })
    const began = one.mesh.contribute(entry.key)
    await measured(2)
    await began
    expect(one.engine.loads).toEqual([model.id])
    await one.mesh.pause()
    expect(given()).toMatchObject({ state: 'paused', why: 'person', stays: true })
    await one.mesh.stop()
    expect([one.engine.loaded?.id, played.served]).toEqual([model.id, []])
  })

  it('that was loaded for others alone is let go of when giving ends', async () => {
    await give()
    await one.mesh.stop()
    expect([one.engine.loaded, played.served, given().state]).toEqual([null, [], 'off'])
  })

  it('and makes vectors is offered for these', async () => {
    one.engine.embeddings = ok({ vectors: [Float32Array.of(1)], promptTokens: 1 })
    one.mesh.set({ consent: true })
    const began = one.mesh.contribute(entry.key)
    await loads()
    await one.engine.until(() => one.engine.answering)
    one.engine.emit({ kind: 'end', reason: 'error', usage: FAKE_USAGE, code: 'chat-unsupported', detail: '' })
    await began
    expect(offer()).toMatchObject({ kinds: ['embedding'], tokensPerSecond: null })
  })

  it('whose engine fails is not offered, and says why', async () => {
    one.mesh.set({ consent: true })
    const began = one.mesh.contribute(entry.key)
    await loads()
    await one.engine.until(() => one.engine.answering)
    one.engine.emit({ kind: 'end', reason: 'error', usage: FAKE_USAGE, code: 'gpu-error', detail: 'It said no.' })
    expect(await began).toMatchObject({ code: 'gpu-error' })
    expect([given(), played.served]).toMatchObject([{ state: 'off', refusal: { code: 'gpu-error' } }, []])
  })

  it('is measured again after the own question that came between', async () => {
    one.mesh.set({ consent: true })
    const began = one.mesh.contribute(entry.key)
    await loads()
    await one.engine.until(() => one.engine.answering)
    const question = {
      messages: [],
      sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n },
    }
    const own = collect(one.runner.chat(entry.source, { ...question, maxTokens: 8, stop: [] }, never))
    await vi.waitFor(() => expect(one.engine.requests.at(-1)?.maxTokens).toBe(8))
    one.engine.answer('mine')
    expect(await own).toContainEqual({ kind: 'text', text: 'mine' })
    await measured(2)
    expect(await began).toEqual(ok(null))
    expect(offer()).toBeDefined()
  })
})

describe('the way', () => {
  it('is layers where the model does not fit whole, or the person wants that', async () => {
    const large: ModelEntry = { ...entry, fit: { ...entry.fit, gpuBytes: 4e9, fits: false } as never }
    one = meshOfOne(played, large)
    one.mesh.set({ consent: true })
    void one.mesh.contribute(entry.key)
    await played.started()
    expect([played.layersMax, given()]).toMatchObject([15, { state: 'connecting', way: 'layers' }])
    one = meshOfOne(played, entry)
    one.mesh.set({ consent: true, way: 'layers' })
    void one.mesh.contribute(entry.key)
    await played.started()
    expect(played.layersMax).toBe(30)
  })

  it('is layers where others give whole answers and some layers are missing', async () => {
    one.mesh.set({ consent: true })
    one.mesh.look(true, 'contribute')
    await played.joined()
    const ranges = [{ span: { first: 0, last: 20 }, holders: 1, msPerLayer: 2 }]
    const whole = { offers: 1, tokensPerSecond: 20, chat: null }
    played.census({ peers: 3, models: [{ modelId: model.id, ranges, whole }] })
    expect(one.mesh.givingPlan(entry).choice).toMatchObject({ value: { way: 'layers', reason: 'layers-missing' } })
  })

  it('on the CPU is given only where a person has picked it', async () => {
    const engine = new FakeEngine('cpu')
    const slow: ModelEntry = { ...entry, fit: { ...entry.fit, engine: 'cpu' } as never }
    one = meshOfOne(played, slow, undefined, engine)
    one.mesh.set({ consent: true })
    expect(await one.mesh.contribute(entry.key)).toMatchObject({ code: 'gpu-too-small' })
    await give({ way: 'whole' })
    expect(offer()).toMatchObject({ engine: 'cpu' })
  })
})

describe('what a person allows', () => {
  it('of size and number is offered, and changes while it gives', async () => {
    await give({ promptTokensMax: 512, answerTokensMax: 256, jobsAtOnce: 2 })
    expect(offer()).toMatchObject({ promptTokensMax: 512, answerTokensMax: 256, parallel: 2 })
    one.mesh.set({ answerTokensMax: 128 })
    one.mesh.set({ jobsAtOnce: 8 })
    expect(offer()).toMatchObject({ promptTokensMax: 512, answerTokensMax: 128, parallel: 8 })
    expect(one.engine.loads).toHaveLength(1)
  })

  it('of the time slows it down, and what is offered says so', async () => {
    await give({ duty: 0.5 })
    const speed = FAKE_USAGE.tokensPerSecond ?? 0
    expect([played.jobPace, offer()?.tokensPerSecond]).toEqual([{ duty: 0.5, tokenMs: 1_000 / speed }, speed / 2])
    one.mesh.set({ duty: 1 })
    expect([played.jobPace?.duty, offer()?.tokensPerSecond]).toEqual([1, speed])
  })

  it('pauses it as layers are: the offer is taken back, and comes again with the model', async () => {
    await give({ onlyWhileVisible: true })
    played.device.visible(false)
    await vi.waitFor(() => expect(one.engine.loaded).toBe(null))
    expect([given(), played.served]).toMatchObject([{ state: 'paused', why: 'hidden', stays: false }, []])
    played.device.visible(true)
    await loads()
    await measured(2)
    await vi.waitFor(() => expect(given().state).toBe('serving'))
    expect(played.served).toHaveLength(1)
  })

  it('stops it in the middle of its load and of its measurement', async () => {
    one.mesh.set({ consent: true })
    const first = one.mesh.contribute(entry.key)
    await one.engine.until(() => one.engine.loading)
    await one.mesh.stop()
    expect(await first).toMatchObject({ code: 'aborted' })
    const second = one.mesh.contribute(entry.key)
    await loads()
    await one.engine.until(() => one.engine.answering)
    await one.mesh.stop()
    expect(await second).toMatchObject({ code: 'aborted' })
    expect([given(), played.served, one.engine.loaded]).toEqual([{ state: 'off', refusal: null }, [], null])
  })
})

describe('the model of the own chat', () => {
  it('pauses giving while it is another one, and giving goes on when its own is loaded again', async () => {
    await give()
    await ownLoad(other)
    played.jobCame(0, { jobs: 0, tokens: 0 })
    await vi.waitFor(() => expect(given()).toMatchObject({ state: 'paused', why: 'model' }))
    expect([played.served, one.engine.loaded?.id]).toEqual([[], other.id])
    await played.tick()
    expect(given()).toMatchObject({ state: 'paused', why: 'model' })
    await ownLoad(model)
    void played.tick()
    await measured(2)
    await vi.waitFor(() => expect(given().state).toBe('serving'))
  })

  it('is not taken away by hours that have come, and is by a person who presses Resume', async () => {
    await ownLoad(other)
    played.device.minute = 21 * 60
    one.mesh.set({ consent: true, hours: { from: 22 * 60, to: 6 * 60 } })
    await one.mesh.contribute(entry.key)
    played.device.minute = 22 * 60
    await played.tick()
    await vi.waitFor(() => expect(given()).toMatchObject({ state: 'paused', why: 'model' }))
    expect(one.engine.loaded?.id).toBe(other.id)
    const resumed = one.mesh.resume()
    await loads()
    await measured(2)
    await resumed
    expect([given().state, one.engine.loaded?.id]).toEqual(['serving', model.id])
  })

  it('that no engine holds any more is loaded again', async () => {
    await give()
    await one.runner.unload()
    played.jobCame(0, { jobs: 0, tokens: 0 })
    await loads()
    await vi.waitFor(() => expect(one.engine.loaded?.id).toBe(model.id))
    expect(given().state).toBe('serving')
  })
})

describe('what is given', () => {
  it('is told as it changes, since giving began', async () => {
    played.jobCounts = { jobs: 3, tokens: 100 }
    await give()
    played.jobCame(2, { jobs: 3, tokens: 130 })
    expect(given()).toMatchObject({ requests: 2, jobs: 0, tokens: 30 })
    played.jobCame(1, { jobs: 4, tokens: 150 })
    expect(given()).toMatchObject({ requests: 1, jobs: 1, tokens: 50 })
  })

  it('is measured hidden and visible while nobody asks', async () => {
    await give()
    expect(given()).toMatchObject({ hiddenSlowdown: null })
    for (const [visible, tokenMs] of [
      [true, 10],
      [false, 27],
    ] as const) {
      played.device.visible(visible)
      void played.tick()
      await one.engine.until(() => one.engine.answering)
      for (let token = 0; token < 20; token += 1) {
        one.engine.emit(WORDS)
        await played.settled()
        played.nowMs += tokenMs
      }
      one.engine.emit(END)
      await played.settled()
    }
    await played.tick()
    expect(given()).toMatchObject({ hiddenSlowdown: 2.7 })
  })
})
