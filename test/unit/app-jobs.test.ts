/**
 * Who answers whole, over the fake engine and a played mesh: each step of the rule of choice down to a smaller model and the
 * line, by facts and by trying, each named; what is told of a worker, and what becomes of an answer that it leaves.
 */
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { App } from '../../web/app.ts'
import type { CensusModel } from '../../web/wire/census.ts'
import { type ChatEvent, type ChatRequest, NO_USAGE } from '../../web/wire/chat.ts'
import type { Code } from '../../web/wire/codes.ts'
import type { Answer, Scope } from '../../web/wire/conversation.ts'
import type { JobEvent } from '../../web/wire/job-parts.ts'
import { appOverMesh } from '../support/app-over-mesh.ts'
import { type FakeEngine, fakeModel } from '../support/fake-engine.ts'
import { type AskedJob, type FakeMesh, peerNamed } from '../support/fake-mesh.ts'

const large = fakeModel(1, { name: 'Large', parameters: 8e9 })
const medium = fakeModel(2, { name: 'Medium', parameters: 2e9 })
const small = fakeModel(3, { name: 'Small', parameters: 1e9 })
const vectors = fakeModel(4, { name: 'Vectors', parameters: 3e9, architecture: 'nomic-bert' })
const ROOM = 'r'.repeat(22)
const WHOLE = { ranges: [{ span: { first: 0, last: 30 }, holders: 1, msPerLayer: 1 }] }
/** A token of the expected route over all layers: 30 layers and one hop. */
const LAYERS_MS = 128 * 50

let engine: FakeEngine
let mesh: FakeMesh
let app: App

async function open(wish: Partial<Parameters<typeof appOverMesh>[1]> = {}): Promise<void> {
  ;({ engine, mesh, app } = await appOverMesh(large, { fits: false, ...wish }))
  app.mesh.set({ consent: true })
}
beforeEach(() => open())

const chat = (tokensPerSecond: number, free = 1, firstMs = 0): Pick<CensusModel, 'whole'> => ({
  whole: { offers: 2, tokensPerSecond, chat: { offers: 2, free, tokensPerSecond, firstMs } },
})
const EMBEDS = { whole: { offers: 2, tokensPerSecond: 90, chat: null } }

/** The server tells of others, to whom the conversation is let. */
async function letOthers(
  models: Readonly<Record<string, Partial<Omit<CensusModel, 'modelId'>>>>,
  scope: Scope = 'anyone',
): Promise<void> {
  await app.conversations.start()
  await app.conversations.setScope(scope)
  app.mesh.look(true, 'chat', scope === 'room' ? undefined : null)
  await mesh.joined()
  mesh.signal('here')
  const held = Object.entries(models).map(([modelId, more]) => ({ modelId, ranges: [], whole: null, ...more }))
  mesh.census({ peers: 3, models: held })
}

const chosen = (scope: Scope = 'anyone') => {
  const choice = app.ways.choose(scope)
  return choice.ok ? choice.value : choice.code
}
const answer = (): Answer => {
  const { running, branch } = app.conversations.view.open
  const last = running?.answer ?? branch.at(-1)
  if (last?.role !== 'assistant') throw new Error('no answer')
  return last
}
const phase = () => app.conversations.view.open.running?.phase
const ended = (reason: 'stop' | 'length' = 'stop'): JobEvent => ({ kind: 'end', reason, usage: NO_USAGE })
const failed = (code: Code): JobEvent => ({ kind: 'end', reason: 'error', usage: NO_USAGE, code, detail: 'As played.' })
const piece = (text: string, ...tokens: number[]): ChatEvent => ({ kind: 'text', text, tokens })
const given = ({ onStand }: AskedJob, name: string, by: 'stage' | 'webllm' = 'stage') =>
  onStand({ state: 'given', peer: peerNamed(name), engine: by })

/** A worker that has it, and says this. */
const says = (...events: readonly JobEvent[]) =>
  async function* (asked: AskedJob): AsyncGenerator<JobEvent> {
    mesh.links = [{ peer: peerNamed('mara'), relayed: false, roundTripMs: 3 }]
    given(asked, 'mara')
    yield { kind: 'answerer', engine: 'stage', adapter: 'Their GPU', modelId: 'of-theirs', model: 'Trust me' }
    yield* events
  }
/** Layers say this. */
const overLayers = (...events: readonly ChatEvent[]) =>
  async function* (): AsyncGenerator<ChatEvent> {
    const span = { first: 0, last: 30 }
    mesh.planned('ab'.repeat(16), [{ span, peer: peerNamed('ilse'), ticket: '', standby: null }])
    yield* events
  }

describe('a whole answer by another tab', () => {
  it('is asked for where one has the model, and says who can read the prompt before it is sent', async () => {
    await letOthers({ [large.id]: chat(16, 1, 2_000) })
    expect(chosen()).toMatchObject({ mode: 'job', reason: 'only', expectedMs: 10_000 })
    let go = () => {}
    const sent = new Promise<void>((resolve) => (go = resolve))
    mesh.job = async function* (asked) {
      mesh.links = [{ peer: peerNamed('mara'), relayed: true, roundTripMs: 3 }]
      given(asked, 'mara')
      await sent
      yield* says(piece('Here.', 1), ended())(asked)
    }
    const asking = app.conversations.send('Hello?')
    const reader = { peer: 'mara', engine: 'stage', relayed: true }
    await vi.waitFor(() => expect(answer().answerer).toMatchObject({ worker: reader, why: 'only', model: 'Large' }))
    expect([answer().text, app.mesh.view.asking]).toEqual(['', true])
    go()
    await asking
    expect(answer()).toMatchObject({ text: 'Here.', state: 'done', notices: [] })
    // What a stranger calls the model is not believed.
    expect(answer().answerer).toEqual({
      engine: 'stage',
      adapter: 'Their GPU',
      modelId: large.id,
      model: 'Large',
      why: 'only',
      worker: { peer: 'mara', engine: 'stage', relayed: false },
    })
    expect(mesh.jobs).toMatchObject([
      { kind: 'chat', class: 'interactive', modelId: large.id, layers: 30, room: null, promptTokens: 1 },
    ])
    expect(mesh.jobs[0]?.request.messages).toEqual([{ role: 'user', content: 'Hello?' }])
    expect([engine.loads, mesh.requests, app.mesh.view.asking]).toEqual([[], [], false])
  })

  it('within a room is asked of its members alone, and private values leave as placeholders for anyone', async () => {
    app.mesh.set({ room: ROOM })
    mesh.job = says(piece('Hello.', 1), ended())
    await letOthers({ [large.id]: chat(16) }, 'room')
    await app.conversations.send('Hello?')
    mesh.job = says(piece('Dear [email-1]', 1), ended())
    await letOthers({ [large.id]: chat(16) })
    await app.conversations.send('Write to ada@example.org.')
    expect(mesh.jobs.map(({ room }) => room)).toEqual([ROOM, null])
    expect(mesh.jobs[1]?.request.messages.at(-1)?.content).toBe('Write to [email-1].')
    expect(answer()).toMatchObject({ text: 'Dear ada@example.org', answerer: { replaced: 1 } })
  })

  it('tells where it waits, and Stop ends it there', async () => {
    await letOthers({ [large.id]: chat(16, 0, 3_000) })
    expect(chosen()).toMatchObject({ mode: 'queue', reason: 'queued', expectedMs: 3_000 })
    let heard: AskedJob | undefined
    mesh.job = async function* (asked) {
      heard = asked
      asked.onStand({ state: 'queued', ahead: 2, waitMs: 3_000 })
      await new Promise((resolve) => asked.signal.addEventListener('abort', resolve))
      yield { kind: 'end', reason: 'abort', usage: NO_USAGE, code: 'aborted', detail: '' }
    }
    const asking = app.conversations.send('Hello?')
    const waits = (wait: object) => vi.waitFor(() => expect(phase()).toEqual({ state: 'queued', ...wait }))
    await waits({ at: 'server', ahead: 2, waitMs: 3_000 })
    const held = { state: 'held', peer: peerNamed('mara'), ahead: 1 } as const
    heard?.onStand({ ...held, waitMs: null, owner: false })
    await waits({ at: 'worker', ahead: 1, waitMs: null })
    heard?.onStand({ ...held, waitMs: null, owner: true })
    await waits({ at: 'owner', ahead: 1, waitMs: null })
    app.conversations.stop()
    await asking
    expect(answer()).toMatchObject({ text: '', state: 'stopped' })
    expect(heard?.signal.aborted).toBe(true)
  })

  it('that moves says to whom, and whether it goes on by the same tokens or from its text', async () => {
    await letOthers({ [large.id]: chat(16) })
    mesh.job = async function* (asked) {
      given(asked, 'mara')
      yield piece('One ', 1)
      yield { kind: 'notice', code: 'job-moved', detail: 'link-closed' }
      given(asked, 'ruth')
      yield piece('two ', 2)
      yield { kind: 'notice', code: 'job-moved', detail: 'link-closed' }
      given(asked, 'ilse', 'webllm')
      yield { kind: 'notice', code: 'resumed-from-text', detail: '' }
      yield { kind: 'text', text: 'three ' }
      yield { kind: 'notice', code: 'job-moved', detail: 'link-closed' }
      // It has the engine, and no tokens to go on from.
      given(asked, 'mara')
      yield { kind: 'text', text: 'four' }
      yield ended()
    }
    await app.conversations.send('Hello?')
    expect(answer()).toMatchObject({ text: 'One two three four', answerer: { worker: { peer: 'mara' } } })
    expect(answer().notices).toEqual([
      { code: 'job-moved', detail: 'ruth goes on by the same tokens, after mara.' },
      { code: 'job-moved', detail: 'ilse goes on from the text, whose wording may differ from here, after ruth.' },
      { code: 'job-moved', detail: 'mara goes on from the text, whose wording may differ from here, after ilse.' },
    ])
  })

  it('that had shown nothing begins anew elsewhere, and says so', async () => {
    await letOthers({ [large.id]: chat(16) })
    mesh.job = async function* (asked) {
      given(asked, 'mara')
      yield { kind: 'prefill', done: 1, total: 9 }
      yield { kind: 'notice', code: 'job-moved', detail: 'link-closed' }
      given(asked, 'ruth')
      yield piece('One', 1)
      yield ended()
    }
    await app.conversations.send('Hello?')
    expect(answer().notices).toEqual([{ code: 'job-moved', detail: 'ruth begins anew, after mara.' }])
  })

  it('that failed in the middle keeps what was shown, asks nobody else by itself, and goes on by its tokens', async () => {
    await letOthers({ [large.id]: { ...chat(16), ...WHOLE } })
    const frames = [{ position: 0, count: 5, mode: 'prefill' }] as const
    mesh.job = says({ kind: 'schedule', frames }, piece('One ', 1), failed('no-holder'))
    await app.conversations.send('Hello?')
    expect(answer()).toMatchObject({ text: 'One ', state: 'failed', failure: { code: 'no-holder' } })
    expect(mesh.requests).toEqual([])
    mesh.job = says(piece('two', 2), ended())
    await app.conversations.goOn(answer().id)
    expect(mesh.jobs.at(-1)?.request.resume).toMatchObject({ text: 'One ', tokens: [1], schedule: frames })
    expect(answer()).toMatchObject({ text: 'One two', state: 'done', notices: [] })
  })

  it('is nothing that a conversation of this device asks for, whoever has the model', async () => {
    await letOthers({ [large.id]: chat(99) }, 'device')
    const asking = app.conversations.send('Hello?')
    await engine.until(() => engine.loading)
    engine.finishLoad()
    await engine.until(() => engine.answering)
    engine.answer('Here.')
    await asking
    expect(answer()).toMatchObject({ text: 'Here.', answerer: { adapter: 'Test GPU' } })
    expect([mesh.jobs, mesh.requests]).toEqual([[], []])
  })

  it('of a raw text is a completion, and without leave to connect is refused', async () => {
    const request: ChatRequest = {
      messages: [{ role: 'user', content: 'Once upon' }],
      raw: true,
      sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n },
      maxTokens: 8,
      stop: [],
    }
    const ask = async () => {
      const events: ChatEvent[] = []
      for await (const event of app.mesh.jobs.ask(large.id, request, new AbortController().signal, { room: null }))
        events.push(event)
      return events
    }
    mesh.job = says(piece(' a time', 1), ended('length'))
    expect((await ask()).map(({ kind }) => kind)).toEqual(['answerer', 'answerer', 'text', 'end'])
    expect(mesh.jobs).toMatchObject([{ kind: 'completion', request: { raw: true }, maxTokens: 8 }])
    app.mesh.set({ consent: false })
    expect(await ask()).toMatchObject([{ kind: 'end', reason: 'error', code: 'consent-missing' }])
    expect(mesh.jobs).toHaveLength(1)
  })
})

describe('the choice', () => {
  it('counts nobody who makes embeddings only, and never says that nobody has it where they are busy', async () => {
    await letOthers({ [large.id]: { ...EMBEDS, ...WHOLE } })
    expect(chosen()).toMatchObject({ mode: 'layers', reason: 'no-whole-holder' })
    await letOthers({ [large.id]: { ...chat(64, 0, 60_000), ...WHOLE } })
    expect(chosen()).toMatchObject({ mode: 'layers', reason: 'holders-busy', expectedMs: LAYERS_MS })
    await letOthers({ [large.id]: { ...chat(64, 0, 1_000), ...WHOLE } })
    expect(chosen()).toMatchObject({ mode: 'queue', reason: 'queued', expectedMs: 1_000 })
    await letOthers({ [large.id]: { ...chat(64, 1), ...WHOLE } })
    expect(chosen()).toMatchObject({ mode: 'job', reason: 'only', expectedMs: 2_000 })
  })

  it('gives nobody the whole prompt where the person keeps both ends here', async () => {
    app.mesh.set({ privateEnds: true })
    await letOthers({ [large.id]: { ...chat(64), ...WHOLE } })
    expect(chosen()).toMatchObject({ mode: 'layers', candidates: [{}, { refusal: { code: 'ends-private' } }, {}] })
    mesh.chat = overLayers(piece('Privately.', 1), ended() as ChatEvent)
    await app.conversations.send('Hello?')
    expect([mesh.jobs, mesh.privately, answer().text]).toEqual([[], [true], 'Privately.'])
  })

  it('of a smaller model takes the largest that can answer now, before one that would have to be downloaded', async () => {
    await open({ others: [small, medium, vectors], kept: [small] })
    await letOthers({})
    expect(chosen()).toMatchObject({ mode: 'local', reason: 'smaller', instead: { key: small.id, name: 'Small' } })
    await letOthers({ [medium.id]: chat(20), [vectors.id]: EMBEDS })
    expect(chosen()).toMatchObject({ mode: 'job', reason: 'smaller', instead: { name: 'Medium' } })
    await letOthers({ [medium.id]: chat(20, 0, 5_000) })
    expect(chosen()).toMatchObject({ mode: 'local', instead: { name: 'Small' } })
    await open({ others: [small, medium, vectors] })
    await letOthers({})
    expect(chosen()).toMatchObject({ mode: 'local', reason: 'smaller', instead: { name: 'Medium' } })
    await letOthers({ [large.id]: chat(20, 0, 5_000) })
    expect(chosen()).toMatchObject({ mode: 'local', instead: { name: 'Medium' } })
    await open({ others: [vectors] })
    await letOthers({ [large.id]: chat(20, 0, 5_000) })
    expect(chosen()).toMatchObject({ mode: 'queue', reason: 'queued', instead: null })
    await letOthers({})
    expect(chosen()).toBe('no-holder')
  })
})

describe('a way that is gone when it is tried', () => {
  const others = { others: [small, medium], kept: [small] }

  it('gives way to layers, then to a smaller model of others, then to one here: each is named', async () => {
    await open(others)
    await letOthers({ [large.id]: { ...chat(16), ...WHOLE }, [medium.id]: chat(16) })
    const asked: string[] = []
    mesh.job = async function* ({ modelId }) {
      asked.push(`job ${modelId === large.id ? 'Large' : 'Medium'}`)
      yield failed('no-holder')
    }
    mesh.chat = async function* () {
      asked.push('layers')
      yield failed('no-capacity') as ChatEvent
    }
    const asking = app.conversations.send('Hello?')
    await engine.until(() => engine.loading)
    expect(asked).toEqual(['job Large', 'layers', 'job Medium'])
    engine.finishLoad()
    await engine.until(() => engine.answering)
    engine.answer('Here.')
    await asking
    expect(answer()).toMatchObject({
      text: 'Here.',
      state: 'done',
      answerer: { model: 'Small', insteadOf: 'Large', why: 'smaller' },
    })
    expect(engine.loads).toEqual([small.id])
    // What was picked stays picked.
    expect(app.view.selectedKey).toBe(large.id)
  })

  it('names layers as what is left where nobody has it whole after all', async () => {
    await letOthers({ [large.id]: { ...chat(16), ...WHOLE } })
    mesh.chat = overLayers(piece('Over layers.', 1), ended() as ChatEvent)
    await app.conversations.send('Hello?')
    expect([mesh.jobs.length, mesh.requests.length]).toEqual([1, 1])
    expect(answer()).toMatchObject({
      text: 'Over layers.',
      answerer: { why: 'no-whole-holder', stages: [{ peer: 'ilse' }] },
    })
  })

  it('names a smaller model of another tab, which goes on from text where the first had begun', async () => {
    await open(others)
    await letOthers({ [large.id]: chat(16), [medium.id]: chat(16) })
    const frames = [{ position: 0, count: 5, mode: 'prefill' }] as const
    mesh.job = says({ kind: 'schedule', frames }, piece('One ', 1), failed('gpu-error'))
    await app.conversations.send('Hello?')
    mesh.job = ({ modelId, ...asked }) =>
      says(...(modelId === large.id ? [failed('no-holder')] : [piece('two', 9), ended()]))({ modelId, ...asked })
    await app.conversations.goOn(answer().id)
    expect(mesh.jobs.map(({ modelId }) => modelId)).toEqual([large.id, large.id, medium.id])
    // Tokens of one model say nothing to another.
    expect(mesh.jobs.at(-1)?.request.resume).toMatchObject({ text: 'One ', tokens: [], schedule: [] })
    expect(answer()).toMatchObject({
      text: 'One two',
      answerer: { modelId: medium.id, insteadOf: 'Large', why: 'smaller', worker: { peer: 'mara' } },
    })
  })

  it('says why nobody could, once all have been tried', async () => {
    await letOthers({ [large.id]: { ...chat(16), ...WHOLE } })
    mesh.chat = async function* () {
      yield failed('unreachable') as ChatEvent
    }
    await app.conversations.send('Hello?')
    expect(answer()).toMatchObject({ state: 'failed', failure: { code: 'unreachable', detail: 'As played.' } })
  })

  it.each(['context-full', 'signal-away', 'jobs-full'] as const)('is not what %s means', async (code) => {
    await letOthers({ [large.id]: { ...chat(16), ...WHOLE } })
    mesh.job = says(failed(code))
    await app.conversations.send('Hello?')
    expect(answer()).toMatchObject({ state: 'failed', failure: { code } })
    expect(mesh.requests).toEqual([])
  })
})
