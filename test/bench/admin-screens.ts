/**
 * Sections of the operator's page for pictures: the page as it is built, over the real server. Played: the tabs that are here, and what
 * visitors of a partner's site used.
 */
import type { Page } from 'playwright'
import { SignalClient } from '../../web/mesh/signal-client.ts'
import { toBase64Url } from '../../web/wire/device-keys.ts'
import { newKey, randomBytes } from '../support/room-tabs.ts'
import { buildApp, startTestServer } from '../support/server.ts'

const TOKEN = 'a-token-for-pictures-only-0123'
const MODEL = '5a'.repeat(32)
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const DAYS = 30

interface Served {
  readonly url: string
  close(): Promise<void>
}

async function serve(): Promise<Served> {
  const server = await startTestServer({ appDir: await buildApp(), operatorToken: TOKEN })
  const tabs = await Promise.all([11, 8, 4, 0, 0].map((layers, index) => openTab(server.url, layers, index % 2 === 0)))
  const { url } = server
  const noisy = (await newKey()).name
  await rule(url, 'sanctions', {
    subject: noisy,
    reason: 'Opens a thousand rooms an hour.',
    untilMs: Date.now() + 7 * DAY_MS,
  })
  const old = await rule(url, 'sanctions', {
    subject: (await newKey()).name,
    reason: 'Sends false answers.',
    untilMs: null,
  })
  await rule(url, `sanctions/${old}/lift`, {})
  const restart = {
    level: 'warning',
    text: 'This server restarts at 18:00 UTC. Answers under way go on.',
    untilMs: Date.now() + HOUR_MS,
  }
  await rule(url, 'announcements', restart)
  const payer = (await newKey()).name
  const site = {
    origins: ['https://willowbooks.example', 'https://www.willowbooks.example'],
    models: [],
    suggested: ['What is new this week?'],
  }
  const paid = { scope: 'any', system: 'You help visitors of a bookshop.', payer, dailyMicro: '25000000' }
  await rule(url, 'partners', { site: 'Willow Books', ...site, ...paid })
  const close = async () => {
    for (const tab of tabs) tab.close()
    await server.close()
  }
  return { url, close }
}

async function openTab(url: string, layers: number, visible: boolean): Promise<SignalClient> {
  const [key, run] = [await newKey(), toBase64Url(randomBytes(16))]
  return new Promise((resolve) => {
    const client: SignalClient = new SignalClient({
      url,
      key,
      run,
      nowMs: Date.now,
      onRelayed: () => {},
      onState({ state }) {
        if (state !== 'here') return
        const span = { first: 0, last: layers }
        const held = layers === 0 ? [] : [{ modelId: MODEL, span, msPerLayer: 1.4, freePositions: 4_096, queued: 0 }]
        client.say({ numericClass: 'a', visible, held, offers: [], room: null })
        resolve(client)
      },
    })
  })
}

/** The id of what was made. */
async function rule(url: string, path: string, body: object): Promise<string> {
  const headers = { 'authorization': `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  const answer = await fetch(`${url}/operator/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`)
  return ((await answer.json()) as { id: string }).id
}

async function open(page: Page, { url }: Served, section: string): Promise<void> {
  await page.goto(`${url}/admin.html#/${section}`)
  await page.getByLabel('Operator’s token').fill(TOKEN)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 2 }).waitFor()
  await page.getByText('Asking the server').waitFor({ state: 'detached' })
}

/** As the server says it, with figures of a month. */
async function playUsage(page: Page): Promise<void> {
  const today = Math.floor(Date.now() / DAY_MS)
  const days = Array.from({ length: DAYS }, (_, index) => {
    const day = new Date((today - DAYS + 1 + index) * DAY_MS).toISOString().slice(0, 10)
    const requests = Math.round(60 + 40 * Math.sin(index / 3) + index * 2)
    return { day, requests, tokens: requests * 310, micro: String(requests * 42_000) }
  })
  await page.route('**/usage?*', (route) => route.fulfill({ json: { days } }))
}

function section(name: string, says: string, more: (page: Page) => Promise<void> = async () => {}) {
  return {
    name: `admin-${name}`,
    says,
    serve,
    async reach(page: Page, server: Served) {
      await open(page, server, name)
      await more(page)
    },
  }
}

export const ADMIN_SCREENS = [
  {
    name: 'admin-door',
    says: 'The operator’s page asks for the token first.',
    serve,
    async reach(page: Page, { url }: Served) {
      await page.goto(`${url}/admin.html`)
      await page.getByLabel('Operator’s token').waitFor()
    },
  },
  section('now', 'The operator’s page: how it is right now. Played: the tabs.'),
  section('peers', 'Who is here, and what they hold. Played: the tabs.'),
  section('jobs', 'Open jobs; there are none.'),
  section('rooms', 'Rooms by how many are in them; there are none.'),
  section('partners', 'Keys of partners’ sites, with what their visitors used. Played: the usage.', async (page) => {
    await playUsage(page)
    await page.getByText('Usage of Willow Books').click()
    await page.getByRole('region', { name: 'Usage by day' }).waitFor()
  }),
  section('policy', 'The rules in force.'),
  section('sanctions', 'Who may not come in, and why.'),
  section('announcements', 'What everybody is told.'),
  section('audit', 'What was done as the operator.'),
] as const
