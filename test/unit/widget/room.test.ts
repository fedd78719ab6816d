/** The room of a frame over the real app: what would begin a download, the questions of its page, and its end. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { App } from '../../../web/app.ts'
import { WidgetRoom } from '../../../web/widget/widget-room.svelte.ts'
import type { PartnerScope } from '../../../web/wire/partner-keys.ts'
import { ok } from '../../../web/wire/result.ts'
import { EMPTY_MIRROR, FakeCatalogue } from '../../support/fake-catalogue.ts'
import { FakeEngine, fakeModel } from '../../support/fake-engine.ts'
import { runnerOf } from '../../support/fake-runner.ts'

const model = fakeModel(1)
const other = fakeModel(2)
const QUESTION = 'What is weft?'
const rooms: WidgetRoom[] = []

beforeEach(() => {
  vi.stubGlobal('document', { visibilityState: 'hidden' })
  vi.stubGlobal('window', { parent: null })
  vi.stubGlobal('history', { replaceState: () => {} })
})
afterEach(async () => {
  for (const room of rooms.splice(0)) await room.close()
  vi.unstubAllGlobals()
})

async function opened({ scope = 'own' as PartnerScope, inSight = true, kept = false } = {}) {
  const engine = new FakeEngine()
  const catalogue = new FakeCatalogue()
  engine.knows([model, other])
  if (kept) engine.kept = [model]
  catalogue.mirror = ok({ ...EMPTY_MIRROR, models: [model, other], defaultId: model.id })
  const app = new App({ runner: runnerOf(engine, catalogue), catalogue, othersFirst: true })
  const partner = { site: 'Loom', origins: [], models: [], scope, system: '', suggested: [], state: 'open' } as const
  const sight = { now: inSight }
  const host = { cleared: true, asked: 0 }
  const place = { sharesModels: false, addressOf: () => '', open: () => {}, answerCall: async () => {} }
  const wish: ConstructorParameters<typeof WidgetRoom>[1] = {
    partner,
    onWork: () => {},
    onAnswered: () => {},
    onRefused: () => {},
    onStopped: () => {},
    cleared: async () => {
      host.asked += 1
      return host.cleared
    },
    inSight: async () => sight.now,
  }
  const room = new WidgetRoom(app, wish, place)
  rooms.push(room)
  await app.start()
  await vi.waitFor(() => expect(room.entry?.fit.state).toBe('known'))
  return { room, app, engine, sight, host }
}

/** By a model that was loaded by its button. */
async function answered(given: Awaited<ReturnType<typeof opened>>): Promise<void> {
  const { room, engine } = given
  expect(room.missing?.model.id).toBe(model.id)
  const fetched = room.fetch()
  await engine.until(() => engine.loading)
  engine.finishLoad()
  await fetched
  expect(room.missing).toBeNull()
  room.chat.draft = QUESTION
  const asked = room.send()
  await engine.until(() => engine.answering)
  engine.answer('A thread.')
  await asked
}

it('whatever would download a model waits for the button with its size: again, edit and go on too', async () => {
  const given = await opened()
  const { room, engine, app } = given
  await answered(given)
  app.pick(other.id)
  const [question, answer] = app.conversations.view.open.branch
  expect([answer?.text, room.missing?.model.id]).toEqual(['A thread.', other.id])
  expect(room.chat.usable).toBe(false)
  const { chat } = room
  await Promise.all([
    chat.regenerate(answer?.id ?? ''),
    chat.goOn(answer?.id ?? ''),
    chat.edit(question?.id ?? '', 'Other?'),
    room.ask('Other?'),
  ])
  expect(engine.loads).toHaveLength(1)
  expect(app.conversations.view.open.branch).toHaveLength(2)
})

it('asks the key again before every answer, and asks nothing where it says no', async () => {
  const { room, engine, host, app } = await opened({ kept: true })
  host.cleared = false
  room.chat.draft = QUESTION
  await room.send()
  expect([host.asked, room.chat.draft, engine.loads]).toEqual([1, QUESTION, []])
  expect(app.conversations.view.open.branch).toEqual([])
})

it('sends a question of the page only where what runs is seen; else it waits, and says so', async () => {
  const { room, engine, sight } = await opened({ kept: true, inSight: false })
  await room.hear(QUESTION)
  expect([room.unsent, room.chat.draft, engine.loads]).toEqual([true, QUESTION, []])
  sight.now = true
  const sent = room.hear('Another?')
  await engine.until(() => engine.loading)
  engine.finishLoad()
  await engine.until(() => engine.answering)
  expect(engine.requests.at(-1)?.messages.at(-1)?.content).toBe('Another?')
  engine.answer('Yes.')
  await sent
  expect(room.unsent).toBe(false)
})

it('takes nothing away that the visitor has typed', async () => {
  const { room, engine } = await opened({ kept: true })
  room.chat.draft = 'My own'
  await room.hear(QUESTION)
  expect([room.chat.draft, room.unsent, engine.loads]).toEqual(['My own', false, []])
  const { chat } = room
  const sent = room.ask(QUESTION)
  await engine.until(() => engine.loading)
  engine.finishLoad()
  await engine.until(() => engine.answering)
  engine.answer('Yes.')
  await sent
  expect(chat.draft).toBe('My own')
})

it('hears of nothing once it is closed', async () => {
  const { room, app } = await opened()
  const { view } = room.chat
  room.chat.close()
  await app.lookAgain()
  app.pickMode('local')
  expect(app.view).not.toBe(view)
  expect(room.chat.view).toBe(view)
})
