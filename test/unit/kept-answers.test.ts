/** Answers at temperature 0 that are given again: only where a person wants it, for exactly the same question, and named. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { App } from '../../web/app.ts'
import { DEFAULT_SETTINGS } from '../../web/app-conversations-view.ts'
import { keepable, resultKeyText } from '../../web/rules/result-key.ts'
import { type ChatRequest, NO_USAGE } from '../../web/wire/chat.ts'
import type { Answer } from '../../web/wire/conversation.ts'
import { appOverMesh } from '../support/app-over-mesh.ts'
import { type FakeEngine, fakeModel } from '../support/fake-engine.ts'
import { type FakeMesh, peerNamed } from '../support/fake-mesh.ts'

const model = fakeModel(1)
const COLD = { ...DEFAULT_SETTINGS, sampling: { ...DEFAULT_SETTINGS.sampling, temperature: 0 } }
let engine: FakeEngine
let mesh: FakeMesh
let app: App

beforeEach(async () => {
  ;({ engine, mesh, app } = await appOverMesh(model, { fits: true }))
  await app.conversations.start()
})

function answer(): Answer {
  const last = app.conversations.view.open.branch.at(-1)
  if (last?.role !== 'assistant') throw new Error('no answer')
  return last
}

/** In a new conversation; the engine answers where it is asked. Returns whether it was. */
async function ask(text: string, settings = COLD, says = 'Fine.'): Promise<boolean> {
  app.conversations.startNew(settings)
  const before = engine.requests.length
  const sent = app.conversations.send(text)
  const done = sent.then(() => true)
  void engine.until(() => engine.loading).then(() => engine.finishLoad())
  void engine.until(() => engine.answering).then(() => engine.answer(says))
  await done
  return engine.requests.length > before
}

describe('a kept answer', () => {
  it('is none before a person wants it', async () => {
    expect([await ask('Why?'), await ask('Why?')]).toEqual([true, true])
    expect(await app.keptAnswers.size()).toEqual({ count: 0, bytes: 0 })
  })

  it('is given again without an engine, with its date, and can be cleared', async () => {
    app.keptAnswers.set(true)
    expect(await ask('Why?')).toBe(true)
    expect(answer().answerer).not.toHaveProperty('keptMs')
    await engine.unload()
    const loads = engine.loads.length
    expect(await ask('Why?')).toBe(false)
    expect(engine.loads).toHaveLength(loads)
    expect(answer()).toMatchObject({ text: 'Fine.', state: 'done', usage: NO_USAGE, answerer: { engine: 'stage' } })
    expect(answer().answerer?.keptMs).toBeGreaterThan(0)
    expect(await app.keptAnswers.size()).toEqual({ count: 1, bytes: 10 })
    await app.keptAnswers.clear()
    expect(await app.keptAnswers.size()).toEqual({ count: 0, bytes: 0 })
  })

  it('is only of the same question with the same settings, and of no chance', async () => {
    app.keptAnswers.set(true)
    await ask('Why?')
    const settings = [{ ...COLD, answerTokensMax: 7 }, { ...COLD, system: 'Be brief.' }, DEFAULT_SETTINGS]
    for (const other of settings) expect(await ask('Why?', other)).toBe(true)
    expect(await ask('Why not?')).toBe(true)
    expect(await ask('Why?', COLD)).toBe(false)
  })

  it('by others is kept with its placeholders: the same text about somebody else is another answer', async () => {
    app.keptAnswers.set(true)
    app.mesh.set({ consent: true })
    app.pickMode('layers')
    mesh.chat = async function* () {
      mesh.planned('ab'.repeat(16), [
        { span: { first: 0, last: 30 }, peer: peerNamed('mara'), ticket: '', standby: null },
      ])
      yield { kind: 'text', text: 'To [email-1].', tokens: [1] }
      yield { kind: 'end', reason: 'stop', usage: NO_USAGE }
    }
    for (const name of ['ada', 'bob']) {
      app.conversations.startNew(COLD)
      await app.conversations.setScope('anyone')
      await app.conversations.send(`Write to ${name}@example.org.`)
      expect(answer()).toMatchObject({ text: `To ${name}@example.org.`, answerer: { replaced: 1 } })
    }
    expect(mesh.requests).toHaveLength(1)
    expect(answer().answerer?.stages).toHaveLength(1)
    expect(answer().answerer?.keptMs).toBeGreaterThan(0)
  })
})

describe('the key of an answer', () => {
  const request: ChatRequest = {
    messages: [{ role: 'user', content: 'Why?' }],
    sampling: { ...COLD.sampling, seed: 1n },
    maxTokens: 9,
    stop: [],
  }

  it('leaves the seed out, which draws nothing, and nothing else', () => {
    const key = resultKeyText('m', 'stage', request)
    const with_ = (more: Partial<ChatRequest>) => resultKeyText('m', 'stage', { ...request, ...more })
    expect(with_({ sampling: { ...request.sampling, seed: 2n } })).toBe(key)
    const others = [
      resultKeyText('n', 'stage', request),
      resultKeyText('m', 'cpu', request),
      with_({ maxTokens: 8 }),
      with_({ stop: ['.'] }),
      with_({ schema: '{"type":"null"}' }),
      with_({ messages: [{ role: 'system', content: 'Why?' }] }),
      with_({ sampling: { ...request.sampling, repetitionPenalty: 1.1 } }),
    ]
    expect(new Set([key, ...others]).size).toBe(8)
  })

  it('is for answers without chance that begin at their beginning', () => {
    expect(keepable(request)).toBe(true)
    expect(keepable({ ...request, sampling: { ...request.sampling, temperature: 0.1 } })).toBe(false)
    expect(keepable({ ...request, resume: { text: 'a', tokens: [], spent: 1, schedule: [] } })).toBe(false)
  })
})
