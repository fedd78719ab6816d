/**
 * Who answers a conversation, over the fake engine and a played mesh: what the scope keeps on the device, what others are
 * asked, what is told of it, and how a cut answer goes on.
 */
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { App } from '../../web/app.ts'
import { type ChatEvent, NO_USAGE } from '../../web/wire/chat.ts'
import type { Answer, Scope } from '../../web/wire/conversation.ts'
import { fail } from '../../web/wire/result.ts'
import { appOverMesh } from '../support/app-over-mesh.ts'
import { type FakeEngine, fakeModel } from '../support/fake-engine.ts'
import { type FakeMesh, peerNamed } from '../support/fake-mesh.ts'

const model = fakeModel(1)
const REQUEST = 'ab'.repeat(16)

let engine: FakeEngine
let mesh: FakeMesh
let app: App

beforeEach(async () => {
  // The model does not fit here, unless a test says so.
  ;({ engine, mesh, app } = await appOverMesh(model, { fits: false }))
})

const stage = (first: number, last: number, peer: string) => ({
  span: { first, last },
  peer: peerNamed(peer),
  ticket: '',
  standby: null,
})
const piece = (text: string, ...tokens: number[]): ChatEvent => ({ kind: 'text', text, tokens })
const over = (): Answer => {
  const last = app.conversations.view.open.branch.at(-1)
  if (last?.role !== 'assistant') throw new Error('no answer')
  return last
}
const census = (...spans: readonly (readonly [number, number])[]) => {
  const ranges = spans.map(([first, last]) => ({ span: { first, last }, holders: 1, msPerLayer: 1 }))
  mesh.census({ peers: 3, models: [{ modelId: model.id, ranges, whole: null }] })
}

/** A route of two, whose second stage is lost after the first words. */
async function* answered(): AsyncGenerator<ChatEvent> {
  mesh.planned(REQUEST, [stage(0, 10, 'mara'), stage(10, 30, 'ilse')])
  mesh.links = [
    { peer: peerNamed('mara'), relayed: false, roundTripMs: 3 },
    { peer: peerNamed('ruth'), relayed: true, roundTripMs: 9 },
  ]
  yield { kind: 'schedule', frames: [{ position: 0, count: 5, mode: 'prefill' }] }
  yield piece('One ', 1)
  const about = { span: { first: 10, last: 30 } }
  mesh.route(REQUEST, { kind: 'lost', peer: peerNamed('ilse'), reason: fail('link-closed', ''), ...about })
  mesh.route(REQUEST, { kind: 'replaced', peer: peerNamed('ruth'), fed: true, ...about })
  yield piece('two', 2)
  yield { kind: 'end', reason: 'length', usage: NO_USAGE }
}

async function give(scope: Scope): Promise<void> {
  await app.conversations.start()
  await app.conversations.setScope(scope)
}

describe('a conversation of this device', () => {
  it('asks nobody else, whatever else is wished and agreed to', async () => {
    app.mesh.set({ consent: true })
    app.pickMode('layers')
    const sent = app.conversations.send('Hello?')
    await engine.until(() => engine.loading)
    engine.finishLoad()
    await engine.until(() => engine.answering)
    engine.answer('Here.')
    await sent
    expect(over()).toMatchObject({ text: 'Here.', answerer: { adapter: 'Test GPU' } })
    expect(over().answerer).not.toHaveProperty('why')
    expect([mesh.joins, mesh.requests.length, mesh.looking]).toEqual([0, 0, false])
  })

  it('is what every new one is, whatever the one before was', async () => {
    await give('anyone')
    expect(app.conversations.view.open.conversation.scope).toBe('anyone')
    app.conversations.startNew()
    expect(app.conversations.view.open.conversation.scope).toBe('device')
  })
})

describe('a conversation that others may answer', () => {
  it('connects nothing before the person has agreed to what peers see', async () => {
    await give('anyone')
    await app.conversations.send('Hello?')
    expect(over()).toMatchObject({ state: 'failed', failure: { code: 'consent-missing' } })
    expect(mesh.joins).toBe(0)
  })

  it('is answered over their layers, tells by whom and why, and that one moved', async () => {
    app.mesh.set({ consent: true })
    mesh.chat = answered
    await give('anyone')
    await app.conversations.send('Hello?')
    const answer = over()
    expect(answer).toMatchObject({ text: 'One two', state: 'length', notices: [{ code: 'stage-moved' }] })
    expect(answer.answerer).toEqual({
      engine: 'stage',
      adapter: 'other tabs',
      modelId: model.id,
      model: model.name,
      why: 'no-whole-holder',
      stages: [
        { span: { first: 0, last: 10 }, peer: 'mara', relayed: false },
        { span: { first: 10, last: 30 }, peer: 'ruth', relayed: true },
      ],
    })
    expect(engine.loads).toEqual([])
  })

  it('goes on from the tokens that it has, with the same seed, over a new route or here', async () => {
    app.mesh.set({ consent: true })
    mesh.chat = answered
    await give('anyone')
    await app.conversations.send('Hello?')
    const { committed, id } = over()
    expect(committed).toMatchObject({ tokens: [1, 2], schedule: [{ position: 0, count: 5, mode: 'prefill' }] })
    mesh.chat = async function* () {
      yield piece(' three', 3)
      yield { kind: 'end', reason: 'stop', usage: NO_USAGE }
    }
    await app.conversations.goOn(id)
    expect(mesh.requests.at(-1)).toMatchObject({
      resume: { text: 'One two', tokens: [1, 2] },
      sampling: { seed: BigInt(committed?.seed ?? 0) },
    })
    expect(over()).toMatchObject({ text: 'One two three', state: 'done', committed: null })
  })

  it('goes on from its text where the tokens belong to another prompt', async () => {
    app.mesh.set({ consent: true })
    mesh.chat = answered
    await give('anyone')
    await app.conversations.send('Hello?')
    mesh.chat = async function* () {
      if (mesh.requests.at(-1)?.resume?.tokens.length)
        yield { kind: 'end', reason: 'error', usage: NO_USAGE, code: 'request-invalid', detail: '' }
      else {
        yield piece(' three', 3)
        yield { kind: 'end', reason: 'stop', usage: NO_USAGE }
      }
    }
    await app.conversations.goOn(over().id)
    expect(over()).toMatchObject({ text: 'One two three', state: 'done', failure: null })
    expect(mesh.requests).toHaveLength(3)
  })

  it.each(['no-holder', 'no-capacity', 'unreachable', 'filter-empty', 'route-broken'] as const)(
    'says that others cannot: %s',
    async (code) => {
      app.mesh.set({ consent: true })
      mesh.chat = async function* () {
        mesh.planned(REQUEST, [stage(0, 30, 'mara')])
        const about = { peer: peerNamed('mara'), span: { first: 0, last: 30 } }
        mesh.route(REQUEST, { kind: 'lost', reason: fail('link-closed', ''), ...about })
        yield { kind: 'end', reason: 'error', usage: NO_USAGE, code, detail: '' }
      }
      await give('anyone')
      await app.conversations.send('Hello?')
      // Nobody took the place: nothing is said of layers that moved.
      expect(over()).toMatchObject({ state: 'failed', failure: { code }, notices: [] })
    },
  )

  it('knows beforehand that layers are missing, once the server has told', async () => {
    app.mesh.set({ consent: true })
    app.mesh.look(true, 'chat')
    await mesh.joined()
    expect(app.ways.choose('anyone')).toMatchObject({ ok: true, value: { mode: 'job', expectedMs: null } })
    mesh.signal('here')
    census([0, 10])
    expect(app.ways.choose('anyone')).toMatchObject({ ok: false, code: 'no-holder' })
    census([0, 10], [10, 30])
    expect(app.ways.choose('anyone')).toMatchObject({ ok: true, value: { expectedMs: 128 * 70 } })
    // Who stops looking is told no more, and believes nothing old.
    app.mesh.look(false, 'chat')
    expect(app.mesh.view.census).toBe(null)
  })

  it('of a room needs one', async () => {
    app.mesh.set({ consent: true })
    expect(app.ways.permits('room')).toMatchObject({ ok: false, code: 'room-missing' })
    await give('room')
    await app.conversations.send('Hello?')
    expect(over()).toMatchObject({ failure: { code: 'room-missing' } })
    expect(mesh.joins).toBe(0)
  })

  it('of a room asks its members alone, and of anyone no room', async () => {
    const room = 'r'.repeat(22)
    app.mesh.set({ consent: true, room })
    mesh.chat = answered
    await give('room')
    await app.conversations.send('Hello?')
    expect(over()).toMatchObject({ text: 'One two', state: 'length' })
    await give('anyone')
    await app.conversations.send('And you?')
    expect(mesh.askedWithin).toEqual([room, null])
  })

  it('counts who could answer among those who are asked, whoever else is looked at', async () => {
    const [room, elsewhere] = ['r'.repeat(22), 'e'.repeat(22)]
    const ranges = [{ span: { first: 0, last: 30 }, holders: 1, msPerLayer: 1 }]
    const held = [{ modelId: model.id, ranges, whole: null }]
    const expected = (scope: Scope) => {
      const choice = app.ways.choose(scope)
      return choice.ok ? choice.value.expectedMs : choice.code
    }
    app.mesh.set({ consent: true, room })
    app.mesh.look(true, 'chat')
    await mesh.joined()
    expect(mesh.looking).toBe(room)
    // Nobody in the room has it: that says nothing of anyone, and the other way round.
    mesh.census({ peers: 1, models: [] })
    expect([expected('room'), expected('anyone')]).toEqual(['no-holder', null])
    app.mesh.look(true, 'chat', null)
    expect([mesh.looking, app.mesh.view.census]).toEqual([true, null])
    mesh.census({ peers: 3, models: held })
    expect([expected('room'), expected('anyone')]).toEqual([null, 128 * 50])
    // What was under way when the tab looked elsewhere is no answer.
    mesh.census({ room, peers: 1, models: [] })
    expect(app.mesh.view.census).toMatchObject({ room: null, peers: 3 })
    // Another room is another question, also for a conversation that looks already.
    app.mesh.look(true, 'chat')
    mesh.census({ peers: 2, models: held })
    expect(expected('room')).toBe(128 * 50)
    app.mesh.set({ room: elsewhere })
    expect([mesh.looking, app.mesh.view.census, expected('room')]).toEqual([elsewhere, null, null])
    mesh.census({ room, peers: 2, models: held })
    expect([app.mesh.view.census, expected('room')]).toEqual([null, null])
  })

  it('waits for an answer of this tab, and an update waits for it', async () => {
    app.mesh.set({ consent: true })
    await give('anyone')
    let end = () => {}
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    mesh.chat = async function* () {
      yield piece('a', 1)
      await ended
      yield { kind: 'end', reason: 'stop', usage: NO_USAGE }
    }
    const first = app.conversations.send('One?')
    await vi.waitFor(() => expect(mesh.requests).toHaveLength(1))
    app.conversations.startNew()
    await give('anyone')
    const second = app.conversations.send('Two?')
    expect(mesh.requests).toHaveLength(1)
    end()
    await Promise.all([first, second])
    expect(mesh.requests).toHaveLength(2)
    expect(over().state).toBe('done')
  })
})
