/**
 * Screens of the mesh for pictures: the page that ships over a played mesh, because a machine that takes pictures has neither
 * a GPU nor a dozen of other tabs. What is played is said where the pictures are shown.
 */
import type { Page } from 'playwright'
import { fakeModel } from '../support/fake-engine.ts'
import type { Fake } from '../support/fake-page.ts'
import { type FakePageServer, serveFakePage } from '../support/fake-page-server.ts'
import {
  showAnnouncements,
  showCost,
  showCredits,
  showDevices,
  showLeaving,
  showRoom,
  showTool,
  showWhole,
} from './played-people.ts'

const LAYERS = 32
const model = fakeModel(1, {
  name: 'SmolLM2-360M-Instruct Q8_0',
  license: 'Apache-2.0',
  layers: LAYERS,
  parameters: 360_000_000,
})
const mirror = { models: [model], adding: [], failed: [], defaultId: model.id }
const REQUEST = 'ab'.repeat(16)
const CENSUS = {
  peers: 11,
  models: [
    {
      modelId: model.id,
      ranges: [
        { span: { first: 0, last: 11 }, holders: 3, msPerLayer: 1.4 },
        { span: { first: 11, last: 22 }, holders: 2, msPerLayer: 2.2 },
        { span: { first: 22, last: 32 }, holders: 3, msPerLayer: 1.9 },
      ],
      whole: { offers: 2, tokensPerSecond: 41 },
    },
  ],
}

let serving: Promise<FakePageServer> | null = null

export interface Played {
  readonly url: string
  close(): Promise<void>
}

/** One for all pictures; `closePlayed` ends it. */
export async function servePlayed(): Promise<Played> {
  serving ??= serveFakePage()
  const { url } = await serving
  return { url: url.replace(/\/$/, ''), close: async () => {} }
}

export async function closePlayed(): Promise<void> {
  await (await serving)?.close()
}

async function open(page: Page, { url }: Played, screen: string): Promise<void> {
  await page.addInitScript(
    (given) => {
      window.fakeSetup = ({ engine, catalogue }: Fake) => {
        engine.knows([given.model])
        catalogue.mirror = { ok: true, value: given.mirror as never }
      }
    },
    { model, mirror },
  )
  await page.goto(`${url}/#/${screen}`)
  await page.getByRole('heading', { level: 2 }).waitFor()
}

async function agree(page: Page, begin: string): Promise<void> {
  await page.getByRole('button', { name: begin }).click()
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /^Agree and / })
    .click()
  await page.evaluate(() => window.fake.mesh.joined())
}

/** What other tabs, the GPU and the links say. */
async function serve(page: Page): Promise<void> {
  await page.getByRole('combobox', { name: 'Give', exact: true }).selectOption('Layers of the model')
  await agree(page, 'Contribute this GPU')
  await page.evaluate(() => window.fake.mesh.started())
  await page.evaluate(async (id) => {
    const { mesh } = window.fake
    mesh.signal('here')
    mesh.serve(0, 11, id, 1.42)
    mesh.hiddenSlowdown = 1.6
    mesh.links = ['mara', 'ilse', 'ruth'].map((name, index) => ({
      peer: `key/${name.padEnd(22, '0')}`,
      relayed: index === 2,
      roundTripMs: 9 + 20 * index,
    }))
    await mesh.tick()
    mesh.positions = 84
    mesh.serving = 2
    mesh.links = mesh.links.map((link) => ({ ...link, sentBytes: 107_000, receivedBytes: 4_000 }))
    await mesh.tick()
  }, model.id)
  await page.getByRole('region', { name: 'Contributing' }).waitFor()
}

/** The same of whole answers: the engine has run for nobody, and others were answered. */
async function giveWhole(page: Page): Promise<void> {
  await agree(page, 'Contribute this GPU')
  await page.evaluate(async () => {
    const { engine, mesh } = window.fake
    mesh.signal('here')
    await engine.until(() => engine.loading)
    engine.finishLoad()
    for (let run = 0; run < 2; run += 1) {
      await engine.until(() => engine.answering)
      engine.answer('thread')
      await engine.until(() => !engine.answering)
    }
  })
  await page.getByRole('region', { name: 'Contributing' }).waitFor()
  await page.evaluate(async () => {
    const { mesh } = window.fake
    mesh.links = ['mara', 'ilse'].map((name) => ({
      peer: `key/${name.padEnd(22, '0')}`,
      relayed: false,
      roundTripMs: 12,
    }))
    await mesh.tick()
    mesh.links = mesh.links.map((link) => ({ ...link, sentBytes: 2_400, receivedBytes: 900 }))
    mesh.jobCame(2, { jobs: 12, tokens: 47 })
    await mesh.tick()
    mesh.jobCame(2, { jobs: 12, tokens: 4_861 })
  })
}

/** One of two stages was lost a moment ago and somebody took over; the answer goes on. */
async function route(page: Page): Promise<void> {
  await agree(page, 'Connect')
  await page.evaluate(
    async ({ request, id, census }) => {
      const { mesh } = window.fake
      const peers = ['mara', 'ilse', 'ruth', 'jens'].map((name) => `key/${name.padEnd(22, '0')}`)
      const [mara = '', ilse = '', ruth = '', jens = ''] = peers
      mesh.signal('here')
      mesh.census(census as never)
      mesh.links = peers.map((peer, index) => ({ peer, relayed: index === 2, roundTripMs: 9 + 6 * index }))
      const spans = [
        { first: 0, last: 11 },
        { first: 11, last: 22 },
        { first: 22, last: 32 },
      ] as const
      const spare = { peer: jens, ticket: '' }
      mesh.chat = async function* () {
        mesh.planned(request, [
          { span: spans[0], peer: mara, ticket: '', standby: null },
          { span: spans[1], peer: ilse, ticket: '', standby: spare },
          { span: spans[2], peer: ruth, ticket: '', standby: null },
        ])
        yield { kind: 'text', text: 'ab', tokens: Array.from({ length: 57 }, (_, index) => index) } as never
        await new Promise(() => {})
      }
      const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n }
      const question = { messages: [], sampling, maxTokens: 8, stop: [] }
      const answer = window.fakeApp.mesh.ask(id, question, new AbortController().signal)
      await answer.next()
      const about = { peer: ilse, span: spans[1] }
      mesh.route(request, { kind: 'lost', ...about, reason: { ok: false, code: 'link-closed', detail: '' } })
      mesh.nowMs += 420
      mesh.route(request, { kind: 'replaced', ...about, peer: jens, fed: true })
      mesh.route(request, { kind: 'recovered', position: 57 })
      const stageMs = new Map(peers.map((peer, index) => [peer, 15 + 2 * index] as const))
      mesh.times = { laps: 56, lapP50Ms: 74, lapP95Ms: 91, hopP50Ms: 7.2, hopP95Ms: 12.9, stageMs }
      await mesh.tick()
    },
    { request: REQUEST, id: model.id, census: CENSUS },
  )
  await page
    .getByRole('list', { name: 'What happened' })
    .getByText(/^The answer goes on, /)
    .waitFor()
}

export const PLAYED_SCREENS = [
  {
    name: 'contribute',
    says: 'Before anything is given: what would be used, and the limits. Played: the model and the GPU.',
    serve: servePlayed,
    reach: (page: Page, server: Played) => open(page, server, 'contribute'),
  },
  {
    name: 'contributing',
    says: 'Layers of a model at work for others. Played: the GPU, the links and who asks.',
    serve: servePlayed,
    async reach(page: Page, server: Played) {
      await open(page, server, 'contribute')
      await serve(page)
    },
  },
  {
    name: 'contributing-whole',
    says: 'Whole answers given to others, within what the person allows. Played: the GPU, the links and who asks.',
    serve: servePlayed,
    async reach(page: Page, server: Played) {
      await open(page, server, 'contribute')
      await giveWhole(page)
    },
  },
  {
    name: 'network',
    says: 'An own answer over three tabs, one of which was lost and replaced. Played: the other tabs.',
    serve: servePlayed,
    async reach(page: Page, server: Played) {
      await open(page, server, 'network')
      await route(page)
    },
  },
  {
    name: 'leaving',
    says: 'What others would be sent of a question: private values stay on the device. Played: the other tabs.',
    serve: servePlayed,
    async reach(page: Page, server: Played) {
      await open(page, server, '')
      await showLeaving(page)
    },
  },
  {
    name: 'whole',
    says: 'An answer by one other tab that holds the model whole, which took over from another one. Played: the other tabs.',
    serve: servePlayed,
    async reach(page: Page, server: Played) {
      await open(page, server, '')
      await showWhole(page)
    },
  },
  {
    name: 'rooms',
    says: 'An own room with two others in it, while somebody asks to come in. Played: the others and the server.',
    serve: servePlayed,
    async reach(page: Page, server: Played) {
      await open(page, server, 'rooms')
      await showRoom(page)
    },
  },
  {
    name: 'credits',
    says: 'What an account has, where it is and why, with its last 30 days. Played: the server and its ledger.',
    serve: servePlayed,
    async reach(page: Page, server: Played) {
      await open(page, server, 'credits')
      await showCredits(page, model)
    },
  },
  {
    name: 'cost',
    says: 'Before a question goes to another tab: about what it costs, at most, and what there is. Played: the server and its ledger.',
    serve: servePlayed,
    async reach(page: Page, server: Played) {
      await open(page, server, '')
      await showCost(page, '38412600')
    },
  },
  {
    name: 'announced',
    says: 'What the operator of the server tells everybody who is connected. Played: the server.',
    serve: servePlayed,
    async reach(page: Page, server: Played) {
      await open(page, server, '')
      await showAnnouncements(page)
    },
  },
  {
    name: 'no-credits',
    says: 'The same with no credits: a state, not a wall. Played: the server and its ledger.',
    serve: servePlayed,
    async reach(page: Page, server: Played) {
      await open(page, server, '')
      await showCost(page, '0')
    },
  },
  {
    name: 'tools',
    says: 'A tool on a text of one’s own, here a summary. Played: the model and what it says.',
    serve: servePlayed,
    async reach(page: Page, server: Played) {
      await open(page, server, 'tools')
      await showTool(page)
    },
  },
  {
    name: 'devices',
    says: 'The devices of one person, in the settings, with the words that recover them. Played: the account; these are no real words.',
    serve: servePlayed,
    async reach(page: Page, server: Played) {
      await open(page, server, 'settings')
      await showDevices(page)
    },
  },
] as const
