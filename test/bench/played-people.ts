/**
 * The room and the devices that pictures show: what a played server and other people's tabs say, and how a person gets there.
 * Takes no picture.
 */
import type { Page } from 'playwright'
import type { RoomView } from '../../web/account/room-view.ts'

import { playedCredits } from '../support/played-wallet.ts'

const ROOM = 'A'.repeat(22)
const INVITE = `/join/${ROOM}/${'B'.repeat(42)}A/${'C'.repeat(21)}A/Weaving%20circle`
const keyOf = (start: string) => `ed25519:A${start.padEnd(42, 'A')}`
const [OWN, ILSE, RUTH, JENS] = [keyOf('k7mqw2hx'), keyOf('p3tzd9ra'), keyOf('f8vnc4ye'), keyOf('b5gxj6ls')]
const runOf = (key: string, run = 'r') => `${key}/${run.repeat(22)}`

const circle: RoomView = {
  id: ROOM,
  name: 'Weaving circle',
  mine: true,
  state: 'in',
  people: [
    { key: OWN, peers: [runOf(OWN)], isOwner: true, isSelf: true },
    { key: ILSE, peers: [runOf(ILSE), runOf(ILSE, 's')], isOwner: false, isSelf: false },
    { key: RUTH, peers: [runOf(RUTH)], isOwner: false, isSelf: false },
  ],
  away: [],
  noticed: null,
  knocking: [runOf(JENS)],
  invite: { hash: INVITE, alone: false },
}

async function join(page: Page, begin: string): Promise<void> {
  await page.evaluate((self) => {
    window.fake.mesh.self = self
  }, runOf(OWN))
  await page.getByRole('button', { name: begin }).click()
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /^Agree and / })
    .click()
  await page.evaluate(() => window.fake.mesh.joined())
  await page.evaluate(() => window.fake.mesh.signal('here'))
}

/** An own room with two others in it, while a third asks to come in. */
export async function showRoom(page: Page): Promise<void> {
  await page.getByRole('textbox', { name: 'Name' }).fill('Weaving circle')
  await join(page, 'Make the room')
  await page.evaluate((room) => window.fake.mesh.rooms([room]), circle)
  await page.getByRole('list', { name: 'Asking to come in' }).waitFor()
}

/** Two devices, and the words that recover them as they are shown once. */
export async function showDevices(page: Page): Promise<void> {
  await join(page, 'Show my devices')
  const account = { self: OWN, devices: [OWN, ILSE], recoverable: true, request: null }
  await page.evaluate((given) => window.fake.mesh.account(given as never), account)
  await page.getByRole('button', { name: 'Make new recovery words' }).click()
  await page.getByRole('list', { name: 'The words, in order' }).waitFor()
  await page.getByRole('heading', { name: 'Devices' }).evaluate((heading) => heading.scrollIntoView())
}

async function letAnyone(page: Page): Promise<void> {
  await page.getByRole('combobox', { name: 'Who may answer' }).selectOption('Anyone')
  await page.getByRole('button', { name: 'Agree and connect' }).click()
  await page.evaluate(() => window.fake.mesh.joined())
}

/** A question for anyone, with what is replaced in it. */
export async function showLeaving(page: Page): Promise<void> {
  await letAnyone(page)
  await page.evaluate(() => window.fakeApp.pickMode('layers'))
  const question =
    'Write a short reply to ilse@weaving.example: the loom arrives on 14 March 2026, and she can call me on +49 30 1234567.'
  await page.getByRole('textbox', { name: 'Message' }).fill(question)
  await page.getByRole('button', { name: 'See what is sent' }).click()
  await page.getByRole('dialog', { name: 'What others are sent' }).waitFor()
}

/** An answer by one other tab, which took over from another in the middle of it. */
export async function showWhole(page: Page): Promise<void> {
  await letAnyone(page)
  await page.evaluate(
    ({ left, next }) => {
      const { mesh } = window.fake
      mesh.links = [
        { peer: left, relayed: false, roundTripMs: 12 },
        { peer: next, relayed: false, roundTripMs: 18 },
      ]
      mesh.job = async function* ({ onStand }) {
        onStand({ state: 'given', peer: left, engine: 'stage' })
        yield { kind: 'text', text: 'The warp is the set of threads held tight on the loom. ', tokens: [1, 2, 3] }
        yield { kind: 'notice', code: 'job-moved', detail: '' }
        onStand({ state: 'given', peer: next, engine: 'stage' })
        const by = { engine: 'stage', adapter: 'Apple M3', modelId: '', model: '' } as const
        yield { kind: 'answerer', ...by }
        yield {
          kind: 'text',
          text: 'The weft is the thread that goes over and under it, row after row.',
          tokens: [4, 5],
        }
        const counts = { promptTokens: 38, reusedTokens: 0, prefillTokens: 38, completionTokens: 31 }
        yield { kind: 'end', reason: 'stop', usage: { ...counts, firstTokenMs: 290, tokensPerSecond: 24.6 } }
      }
    },
    { left: runOf(ILSE, 'mara'), next: runOf(RUTH, 'ruth') },
  )
  await page.evaluate(() => window.fakeApp.pickMode('job'))
  await page.getByRole('textbox', { name: 'Message' }).fill('What are warp and weft?')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByText(/tokens\/s$/).waitFor()
}

/** A wallet with something in every place, and a month of work and questions behind it. */
export async function showCredits(page: Page, model: { readonly id: string; readonly layers: number }): Promise<void> {
  const { id: modelId, layers } = model
  const work = { modelId, span: { first: 0, last: layers }, promptTokens: 812, reusedTokens: 0, outputTokens: 346 }
  const said = await playedCredits({ ...work, micro: 153_792n }, Date.now())
  await page.evaluate(({ wallet, entries }) => {
    window.fake.mesh.wallet.has(wallet)
    window.fake.mesh.wallet.entries = entries as never
  }, said)
  await join(page, 'Connect')
  await page.getByRole('list', { name: 'History' }).waitFor()
}

/** A question that one other tab is to answer, with what it costs of so many millionths of a credit. */
export async function showCost(page: Page, userMicro: string): Promise<void> {
  // Given long ago: else the played server gives it now.
  const grant = { leftMicro: '0', untilMs: Date.now() }
  await page.evaluate((has) => window.fake.mesh.wallet.has(has), { userMicro, grant })
  await letAnyone(page)
  await page.evaluate(() => window.fakeApp.pickMode('job'))
  await page
    .getByRole('textbox', { name: 'Message' })
    .fill('What are warp and weft, and which of the two is beaten in?')
  await page.getByText(/^(About|No credits)/).waitFor()
}

/** A summary as it grows. */
export async function showTool(page: Page): Promise<void> {
  await page
    .getByRole('textbox', { name: 'Text' })
    .fill(
      'On a loom the warp is stretched first: long, strong threads that stay where they are. The weft is drawn through them, over one and under the next, from edge to edge and back. Neither is cloth without the other. Pull out the weft and the warp hangs loose; cut the warp and the weft has nothing to hold on to.',
    )
  await page.getByRole('button', { name: 'Summarise', exact: true }).click()
  await page.evaluate(async () => {
    const { engine } = window.fake
    await engine.until(() => engine.loading)
    engine.finishLoad()
    await engine.until(() => engine.answering)
    engine.answer(
      'Cloth needs both: warp threads that hold still, and a weft that is drawn across them from edge to edge.',
    )
  })
  await page.getByRole('region', { name: 'Result', exact: true }).waitFor()
}

/** What the operator tells everybody. */
export async function showAnnouncements(page: Page): Promise<void> {
  await letAnyone(page)
  await page.evaluate((untilMs) => {
    const { mesh } = window.fake
    mesh.announced([
      {
        id: 1 as never,
        level: 'warning',
        text: 'This server restarts at 18:00 UTC. Answers under way go on.',
        untilMs,
      },
      { id: 2 as never, level: 'note', text: 'New: answers may be held to a form, on the Tools screen.', untilMs },
    ])
  }, Date.now() + 3_600_000)
  await page.getByText('restarts at 18:00').waitFor()
}
