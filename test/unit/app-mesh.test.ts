/**
 * `App.mesh` over a played mesh: nothing connects before the person said yes, what pauses and ends a contribution, what is
 * measured, and what becomes of own routes.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import type { AppMesh } from '../../web/app-mesh.ts'
import { DEFAULT_SAMPLING } from '../../web/app-view.ts'
import { MeshMeter } from '../../web/mesh-meter.ts'
import { PreferenceStore } from '../../web/store/preferences.ts'
import { type ChatEvent, NO_USAGE } from '../../web/wire/chat.ts'
import { ROUTES_SHOWN_MAX } from '../../web/wire/limits/mesh.ts'
import { fail } from '../../web/wire/result.ts'
import { fakeModel } from '../support/fake-engine.ts'
import { fakeEntry } from '../support/fake-entry.ts'
import { FakeMesh, peerNamed } from '../support/fake-mesh.ts'
import { meshOfOne } from '../support/mesh-of-one.ts'

const model = { ...fakeModel(1), layers: 30 }
const entry = fakeEntry(model)
const REQUEST = 'ab'.repeat(16)
const idle = new AbortController().signal
const question = { messages: [], sampling: { ...DEFAULT_SAMPLING, seed: 1n }, maxTokens: 8, stop: [] }

let played: FakeMesh
let preferences: PreferenceStore
let mesh: AppMesh

beforeEach(() => {
  played = new FakeMesh()
  preferences = new PreferenceStore(null)
  mesh = meshOfOne(played, entry, preferences).mesh
  mesh.set({ way: 'layers' })
})

const agree = () => mesh.set({ consent: true })
const state = () => mesh.view.contribution.state

/** Until the page has asked the mesh to serve. */
async function begin(): Promise<void> {
  agree()
  void mesh.contribute(entry.key)
  await played.started()
}

async function serve(): Promise<void> {
  await begin()
  played.serve(0, 10, model.id, 1.5)
}

describe('before a person has agreed', () => {
  it('nothing connects, whatever is asked', async () => {
    mesh.look(true)
    expect(await mesh.contribute(entry.key)).toMatchObject({ ok: false, code: 'consent-missing' })
    expect(await collect()).toMatchObject([{ kind: 'end', code: 'consent-missing' }])
    expect([played.joins, mesh.view.signal.state]).toEqual([0, 'off'])
  })

  it('agreeing connects a screen that looks already, and is kept', async () => {
    mesh.look(true)
    agree()
    await played.joined()
    expect([played.joins, played.looking, preferences.value.mesh.consent]).toEqual([1, true, true])
  })

  it('what hides the address is told at once by a tab that is there', async () => {
    mesh.set({ relayOnly: true })
    await serve()
    expect(played.told).toBe(0)
    mesh.set({ relayOnly: false })
    mesh.set({ pauseWhileActive: true })
    expect(played.told).toBe(1)
  })

  it('agreeing alone connects nothing', () => {
    agree()
    expect(played.joins).toBe(0)
  })

  it('taken back, the tab leaves, and what it still says is not heard', async () => {
    await serve()
    played.signal('here')
    mesh.set({ consent: false })
    await played.gone()
    played.away()
    expect(mesh.view).toMatchObject({
      signal: { state: 'off' },
      self: null,
      contribution: { state: 'off', refusal: null },
    })
  })
})

describe('a contribution', () => {
  it('goes from the server over the load to serving', async () => {
    await begin()
    expect(mesh.view.contribution).toEqual({ state: 'connecting', way: 'layers', key: entry.key })
    played.assign(0, 10)
    played.progress({ phase: 'fetch', doneBytes: 5, totalBytes: 10 })
    expect(mesh.view.contribution).toMatchObject({
      state: 'loading',
      span: { first: 0, last: 10 },
      progress: { doneBytes: 5 },
    })
    played.serve(0, 10, model.id, 1.5)
    expect(mesh.view.contribution).toMatchObject({ state: 'serving', msPerLayer: 1.5, tokens: 0, rates: null })
  })

  it('takes as many layers as the limit and the browser have room for', async () => {
    expect(mesh.givingPlan(entry).layers).toBe(30)
    expect(mesh.givingPlan({ ...entry, fit: { ...entry.fit, gpuBytes: 3e9 } as never }).layers).toBe(20)
    const unknown = mesh.givingPlan({ ...entry, fit: { state: 'checking' } })
    expect(unknown).toMatchObject({ layers: 0, choice: { code: 'not-loaded' } })
    mesh.set({ gpuBytesMax: 105e6 })
    expect(mesh.givingPlan(entry).layers).toBe(10)
    await begin()
    expect(played.layersMax).toBe(10)
  })

  it('that has no room for one layer is refused', async () => {
    agree()
    mesh.set({ gpuBytesMax: 1e6 })
    expect(await mesh.contribute(entry.key)).toMatchObject({ code: 'gpu-too-small' })
    expect([played.joins, state()]).toEqual([0, 'off'])
  })

  it('says what it gives over the last seconds', async () => {
    await serve()
    played.links = [{ peer: peerNamed('a'), relayed: true, roundTripMs: 12 }]
    await played.tick()
    played.positions = 30
    played.serving = 2
    played.links = [{ peer: peerNamed('a'), relayed: true, roundTripMs: 12, sentBytes: 4_000, receivedBytes: 2_000 }]
    await played.tick()
    expect(mesh.view.contribution).toMatchObject({
      requests: 2,
      tokens: 30,
      rates: { tokensPerSecond: 30, bytesInPerSecond: 2_000, bytesOutPerSecond: 4_000 },
    })
    expect(mesh.view.links).toEqual([{ peer: peerNamed('a'), relayed: true, roundTripMs: 12 }])
  })

  it('rests while any reason holds, frees the GPU, and begins again after the last', async () => {
    mesh.set({ onlyWhileVisible: true })
    await serve()
    played.device.active(true)
    expect(mesh.view.contribution).toEqual({
      state: 'paused',
      stays: false,
      key: entry.key,
      why: 'active',
      untilMinute: null,
    })
    expect(played.given).toBe('off')
    played.device.visible(false)
    played.device.active(false)
    expect(mesh.view.contribution).toMatchObject({ state: 'paused', why: 'hidden' })
    expect(played.starts).toBe(1)
    played.device.visible(true)
    await played.started()
    expect([played.starts, state()]).toEqual([2, 'connecting'])
  })

  it('that a person paused goes on only when they say so', async () => {
    await serve()
    await mesh.pause()
    played.device.active(true)
    played.device.active(false)
    expect(mesh.view.contribution).toMatchObject({ state: 'paused', why: 'person' })
    void mesh.resume()
    await played.started()
    expect(state()).toBe('connecting')
  })

  it('stops at once, also in the middle of its load', async () => {
    await begin()
    played.assign(0, 10)
    await mesh.stop()
    expect([played.given, mesh.view.contribution]).toEqual(['off', { state: 'off', refusal: null }])
  })

  it('that is refused says why', async () => {
    await begin()
    played.refuse('source-unreachable', 'No answer.')
    await played.settled()
    expect(mesh.view.contribution).toMatchObject({ state: 'off', refusal: { code: 'source-unreachable' } })
  })

  it('whose worker is lost says so', async () => {
    await serve()
    played.lose()
    expect(mesh.view.contribution).toMatchObject({ state: 'off', refusal: { code: 'worker-lost' } })
  })

  it('whose code does not come says so, and tries anew the next time', async () => {
    played.unreachable = true
    agree()
    expect(await mesh.contribute(entry.key)).toMatchObject({ ok: false, code: 'source-unreachable' })
    expect(mesh.view.signal).toMatchObject({ state: 'away', final: true })
    played.unreachable = false
    await begin()
    expect(state()).toBe('connecting')
  })
})

describe('an own route', () => {
  const stage = (first: number, last: number, peer: string, standby: string | null) => {
    const spare = standby === null ? null : { peer: peerNamed(standby), ticket: '' }
    return { span: { first, last }, peer: peerNamed(peer), ticket: '', standby: spare }
  }

  it('counts its tokens and shows a takeover with the time it took', async () => {
    agree()
    played.chat = async function* () {
      played.planned(REQUEST, [stage(0, 10, 'a', null), stage(10, 30, 'b', 'c')])
      yield text([1, 2])
      played.nowMs = 1_000
      const reason = fail('link-closed', '')
      const about = { span: { first: 10, last: 30 } }
      played.route(REQUEST, { kind: 'lost', peer: peerNamed('b'), reason, ...about })
      expect(mesh.view.routes[0]?.stages[1]).toMatchObject({ state: 'lost', lost: [peerNamed('b')] })
      played.route(REQUEST, { kind: 'replaced', peer: peerNamed('c'), fed: true, ...about })
      played.nowMs = 1_250
      played.route(REQUEST, { kind: 'recovered', position: 2 })
      yield text([3])
      expect(mesh.view.routes[0]).toMatchObject({ running: true, tokens: 3, times: null })
      played.times = { laps: 2, lapP50Ms: 30, lapP95Ms: 41, hopP50Ms: 5, hopP95Ms: 9, stageMs: new Map() }
      yield { kind: 'end', reason: 'length', usage: NO_USAGE }
    }
    const kinds = (await collect()).map(({ kind }) => kind)
    expect(kinds).toEqual(['answerer', 'text', 'answerer', 'notice', 'text', 'end'])
    const [route] = mesh.view.routes
    expect(route).toMatchObject({ modelId: model.id, running: false, tokens: 3, times: { laps: 2, hopP95Ms: 9 } })
    expect(route?.stages[1]).toMatchObject({
      peer: peerNamed('c'),
      standby: null,
      lost: [peerNamed('b')],
      state: 'ready',
    })
    expect(route?.news.map(({ kind, tookMs }) => [kind, tookMs])).toEqual([
      ['lost', null],
      ['replaced', null],
      ['recovered', 250],
    ])
  })

  it('shows that another route is looked for, and who stands in that', async () => {
    agree()
    played.chat = async function* () {
      played.planned(REQUEST, [stage(0, 10, 'a', null), stage(10, 20, 'b', null), stage(20, 30, 'c', null)])
      yield text([1])
      const reason = fail('link-closed', '')
      played.route(REQUEST, { kind: 'lost', peer: peerNamed('b'), reason, span: { first: 10, last: 20 } })
      played.route(REQUEST, { kind: 'searching' })
      yield { kind: 'notice', code: 'route-searching', detail: '' }
      expect(mesh.view.routes[0]).toMatchObject({ searching: true, running: true })
      const stages = [
        { span: { first: 0, last: 10 }, peer: peerNamed('a'), standby: null },
        { span: { first: 10, last: 30 }, peer: peerNamed('d'), standby: peerNamed('e') },
      ]
      played.route(REQUEST, { kind: 'rerouted', stages })
      played.route(REQUEST, { kind: 'replaced', peer: peerNamed('d'), fed: true, span: { first: 10, last: 30 } })
      played.route(REQUEST, { kind: 'recovered', position: 1 })
      yield text([2])
      yield { kind: 'end', reason: 'length', usage: NO_USAGE }
    }
    const events = await collect()
    expect(events.flatMap((event) => (event.kind === 'notice' ? [event.code] : []))).toEqual([
      'route-searching',
      'stage-moved',
    ])
    const [route] = mesh.view.routes
    expect(route).toMatchObject({ searching: false, tokens: 2 })
    expect(route?.stages).toEqual([
      { span: { first: 0, last: 10 }, peer: peerNamed('a'), standby: null, lost: [], state: 'ready' },
      {
        span: { first: 10, last: 30 },
        peer: peerNamed('d'),
        standby: peerNamed('e'),
        lost: [peerNamed('b')],
        state: 'ready',
      },
    ])
    expect(route?.news.map(({ kind }) => kind)).toEqual(['lost', 'searching', 'rerouted', 'replaced', 'recovered'])
  })

  it('is one of the newest few', async () => {
    mesh.look(true)
    agree()
    await played.joined()
    const names = Array.from({ length: ROUTES_SHOWN_MAX + 1 }, (_, index) => `${index}`.padStart(32, '0'))
    for (const name of names) played.planned(name, [stage(0, 30, 'a', null)])
    expect(mesh.view.routes.map(({ request }) => request)).toEqual(names.slice(1).reverse())
  })
})

it('keeps the ends of answers here where the person wants it, or the caller', async () => {
  mesh.set({ consent: true })
  await collect()
  mesh.set({ privateEnds: true })
  await collect()
  for await (const _ of mesh.ask(entry.key, question, idle, { privateEnds: false, room: null })) expect.unreachable()
  expect(played.privately).toEqual([false, true, false])
})

describe('the meter', () => {
  it('keeps what a link carried after it closed, and starts anew with another link to the same peer', () => {
    const meter = new MeshMeter()
    const link = (bytes: number) => [{ peer: 'a', sentBytes: bytes, receivedBytes: bytes }]
    meter.add(0, link(0), 0)
    meter.add(0, link(500), 1_000)
    meter.add(0, [], 2_000)
    meter.add(0, link(100), 3_000)
    meter.add(0, link(50), 4_000)
    expect(meter.rates).toEqual({ tokensPerSecond: 0, bytesInPerSecond: 162.5, bytesOutPerSecond: 162.5 })
  })
})

function text(tokens: readonly number[]): ChatEvent {
  return { kind: 'text', text: 'x'.repeat(tokens.length), tokens } as ChatEvent
}

async function collect(): Promise<ChatEvent[]> {
  const all: ChatEvent[] = []
  for await (const event of mesh.ask(entry.key, question, idle)) all.push(event)
  return all
}
