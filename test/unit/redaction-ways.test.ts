/**
 * What leaves the device of a conversation, over a played mesh: private values go as placeholders and come back, in what is
 * shown and kept; an answer that was cut in the middle of one goes on token by token, also after a reload.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import type { App } from '../../web/app.ts'
import { DEFAULT_SETTINGS } from '../../web/app-conversations-view.ts'
import { MemoryConversations } from '../../web/store/memory-conversations.ts'
import { PreferenceStore } from '../../web/store/preferences.ts'
import { type ChatEvent, NO_USAGE } from '../../web/wire/chat.ts'
import type { Answer, Scope } from '../../web/wire/conversation.ts'
import { appOverMesh } from '../support/app-over-mesh.ts'
import { type FakeEngine, fakeModel } from '../support/fake-engine.ts'
import { type FakeMesh, peerNamed } from '../support/fake-mesh.ts'

const model = fakeModel(1)
const REQUEST = 'ab'.repeat(16)
const ROOM = 'r'.repeat(22)

let engine: FakeEngine
let mesh: FakeMesh
let store: MemoryConversations
let preferences: PreferenceStore
let app: App

async function open(): Promise<void> {
  const conversations = { store: Promise.resolve(store), writers: { hold: () => () => {}, gone: async () => {} } }
  ;({ engine, mesh, app } = await appOverMesh(model, { fits: false, preferences, conversations }))
}

beforeEach(async () => {
  store = new MemoryConversations(null)
  preferences = new PreferenceStore(null)
  preferences.set({ redaction: { anyone: true, room: false, names: ['Ada'] } })
  await open()
  app.mesh.set({ consent: true, room: ROOM })
})

/**
 * An engine at others that writes these pieces, a token each, up to `until`; it goes on from tokens only where they say
 * what was written, as the stage engine does.
 */
function writes(pieces: readonly string[], until = pieces.length): () => AsyncGenerator<ChatEvent> {
  return async function* () {
    mesh.planned(REQUEST, [{ span: { first: 0, last: 30 }, peer: peerNamed('mara'), ticket: '', standby: null }])
    const begun = mesh.requests.at(-1)?.resume
    const said = pieces.slice(0, begun?.tokens.length ?? 0).join('')
    if (begun && begun.tokens.length > 0 && !said.startsWith(begun.text))
      return yield { kind: 'end', reason: 'error', usage: NO_USAGE, code: 'request-invalid', detail: 'Not its tokens.' }
    yield { kind: 'schedule', frames: [{ position: 0, count: 5, mode: 'prefill' }] }
    for (let at = begun?.tokens.length ?? 0; at < until; at += 1)
      yield { kind: 'text', text: pieces[at] ?? '', tokens: [at] }
    yield { kind: 'end', reason: until < pieces.length ? 'length' : 'stop', usage: NO_USAGE }
  }
}

function answer(): Answer {
  const last = app.conversations.view.open.branch.at(-1)
  if (last?.role !== 'assistant') throw new Error('no answer')
  return last
}

async function ask(scope: Scope, text: string): Promise<void> {
  await app.conversations.start()
  await app.conversations.setScope(scope)
  await app.conversations.send(text)
}

const sentWords = () => mesh.requests.flatMap(({ messages }) => messages.map(({ content }) => content)).join('\n')

const QUESTION = 'Write to ada@example.org in the name of ADA, and again to ada@example.org.'
const PIECES = ['Dear [', 'na', 'me-1', '], I wrote to ', '[ema', 'il', '-1', '] and', ' Email-1.']
const WHOLE = 'Dear ADA, I wrote to ada@example.org and ada@example.org.'

describe('a prompt that leaves the device', () => {
  it('to anyone has placeholders, and its answer has not; what was replaced is counted', async () => {
    mesh.chat = writes(PIECES)
    await ask('anyone', QUESTION)
    expect(mesh.requests[0]?.messages).toEqual([
      { role: 'user', content: 'Write to [email-1] in the name of [name-1], and again to [email-1].' },
    ])
    expect(answer()).toMatchObject({ text: WHOLE, state: 'done', answerer: { replaced: 2 } })
    expect(answer()).not.toHaveProperty('raw')
    // The next one says the same values by the same names, the answer's too.
    await app.conversations.send('And to bob@example.org?')
    const said = mesh.requests[1]?.messages.map(({ content }) => content)
    expect(said?.[1]).toBe('Dear [name-1], I wrote to [email-1] and [email-1].')
    expect(said?.[2]).toBe('And to [email-2]?')
    expect(sentWords()).not.toMatch(/ada|bob|example\.org/i)
  })

  it('to a room is as it was written, unless the person wants otherwise', async () => {
    mesh.chat = writes(['Yes.'])
    await ask('room', QUESTION)
    expect(mesh.requests[0]?.messages[0]?.content).toBe(QUESTION)
    expect(answer().answerer).not.toHaveProperty('replaced')
    preferences.set({ redaction: { anyone: true, room: true, names: ['Ada'] } })
    await ask('room', 'Again to ada@example.org.')
    expect(mesh.requests[1]?.messages.at(-1)?.content).toBe('Again to [email-1].')
  })

  it('to nobody is never touched', async () => {
    const sent = ask('device', QUESTION)
    await engine.until(() => engine.loading)
    engine.finishLoad()
    await engine.until(() => engine.answering)
    engine.answer('To [email-1].')
    await sent
    expect(engine.requests[0]?.messages[0]?.content).toBe(QUESTION)
    expect(answer()).toMatchObject({ text: 'To [email-1].' })
    expect(app.ways.leaves([{ role: 'user', content: QUESTION }], 'device')).toBe(null)
  })

  it('is shown beforehand as it will be', () => {
    expect(app.ways.leaves([{ role: 'user', content: QUESTION }], 'anyone')).toMatchObject({
      messages: [{ content: 'Write to [email-1] in the name of [name-1], and again to [email-1].' }],
      values: [{ value: 'ada@example.org' }, { value: 'ADA' }],
    })
    expect(app.ways.leaves([{ role: 'user', content: QUESTION }], 'room')).toBe(null)
  })

  it('is summarised as it is sent, and the summary is kept as it is read', async () => {
    await app.conversations.start()
    await app.conversations.setSettings({ ...DEFAULT_SETTINGS, contextEnd: 'summarise', answerTokensMax: 8 })
    mesh.countOf = (messages) => messages.reduce((sum, { content }) => sum + content.length, 0)
    mesh.chat = writes(['I will, [name-1].'])
    await ask('anyone', QUESTION.padEnd(1_200, ' x'))
    mesh.chat = writes(['They write to [email-1], ', 'to [email-2] next.'])
    await app.conversations.send('Then to bob@example.org.'.padEnd(1_000, ' y'))
    const summary = app.conversations.view.open.conversation.summaries[0]
    expect(summary?.text).toBe('They write to ada@example.org, to bob@example.org next.')
    expect(mesh.requests.at(-1)?.messages[0]).toMatchObject({
      role: 'system',
      content: expect.stringContaining('They write to [email-1], to [email-2] next.'),
    })
    expect(sentWords()).not.toMatch(/\bada\b|bob@|example\.org/i)
  })
})

describe('an answer with placeholders', () => {
  it.each(PIECES.map((_, index) => index).slice(1))(
    'that was cut after %i tokens goes on to the same text',
    async (until) => {
      mesh.chat = writes(PIECES, until)
      await ask('anyone', QUESTION)
      const { id, text, committed } = answer()
      expect(WHOLE.startsWith(text)).toBe(true)
      expect(committed?.tokens).toHaveLength(until)
      mesh.chat = writes(PIECES)
      await app.conversations.goOn(id)
      expect(mesh.requests.at(-1)?.resume).toMatchObject({ text: PIECES.slice(0, until).join('') })
      expect(mesh.requests).toHaveLength(2)
      expect(answer()).toMatchObject({ text: WHOLE, state: 'done', notices: [] })
    },
  )

  it('goes on so after a reload too', async () => {
    mesh.chat = writes(PIECES, 5)
    await ask('anyone', QUESTION)
    expect(answer()).toMatchObject({ text: 'Dear ADA, I wrote to ', raw: 'Dear [name-1], I wrote to [ema' })
    const { id } = app.conversations.view.open.conversation
    await app.close()
    await open()
    await app.conversations.show(id)
    mesh.chat = writes(PIECES)
    await app.conversations.goOn(answer().id)
    expect(mesh.requests).toHaveLength(1)
    expect(mesh.requests[0]?.resume).toMatchObject({ text: 'Dear [name-1], I wrote to [ema', tokens: [0, 1, 2, 3, 4] })
    expect(answer()).toMatchObject({ text: WHOLE, state: 'done' })
  })

  it('goes on by its text where what is replaced has changed, and by plain text on this device', async () => {
    mesh.chat = writes(PIECES, 5)
    await ask('anyone', QUESTION)
    preferences.set({ redaction: { anyone: true, room: false, names: [] } })
    mesh.chat = writes(['[email-1].'])
    await app.conversations.goOn(answer().id)
    expect(mesh.requests.at(-1)?.resume).toMatchObject({ text: 'Dear ADA, I wrote to ', tokens: [] })
    expect(answer()).toMatchObject({ text: 'Dear ADA, I wrote to ada@example.org.', state: 'done' })

    mesh.chat = writes(PIECES, 5)
    preferences.set({ redaction: { anyone: true, room: false, names: ['Ada'] } })
    await app.conversations.regenerate(answer().id)
    await app.conversations.setScope('device')
    const gone = app.conversations.goOn(answer().id)
    await engine.until(() => engine.loading)
    engine.finishLoad()
    await engine.until(() => engine.answering)
    expect(engine.requests[0]?.resume).toEqual({ text: 'Dear ADA, I wrote to ', tokens: [], spent: 0, schedule: [] })
    engine.answer('Ada.')
    await gone
    expect(answer()).toMatchObject({ text: 'Dear ADA, I wrote to Ada.', state: 'done' })
  })

  it('that began here goes on at others with what it says replaced', async () => {
    const sent = ask('device', QUESTION)
    await engine.until(() => engine.loading)
    engine.finishLoad()
    await engine.until(() => engine.answering)
    engine.emit({ kind: 'schedule', frames: [{ position: 0, count: 9, mode: 'prefill' }] })
    engine.emit({ kind: 'text', text: 'To ada@example.org by email', tokens: [1, 2] })
    engine.emit({ kind: 'end', reason: 'length', usage: NO_USAGE })
    await sent
    await app.conversations.setScope('anyone')
    app.pickMode('layers')
    mesh.chat = writes([' from [name-1].'])
    await app.conversations.goOn(answer().id)
    expect(mesh.requests.at(-1)?.resume).toMatchObject({ text: 'To [email-1] by email', tokens: [] })
    expect(answer()).toMatchObject({ text: 'To ada@example.org by email from ADA.', state: 'done' })
  })
})
