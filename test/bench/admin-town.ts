/**
 * The server behind pictures of the operator's page, with somebody in it: tabs that hold layers, jobs that run and wait, rooms, a sanction
 * that holds and one that was lifted, an announcement and a partner's key. The tabs are the product's own client, without links.
 */
import { MyRooms } from '../../web/account/my-rooms.ts'
import { MemoryRoomShelf } from '../../web/account/room-shelf.ts'
import { SignalClient } from '../../web/mesh/signal-client.ts'
import { toBase64Url } from '../../web/wire/device-keys.ts'
import type { RoomWord } from '../../web/wire/room-events.ts'
import type { HeldRange } from '../../web/wire/signal-events.ts'
import { jobOffer, jobWish } from '../support/job-tabs.ts'
import { newKey, ROOM_CRYPTO, randomBytes } from '../support/room-tabs.ts'
import { buildApp, startTestServer } from '../support/server.ts'

export const TOKEN = 'a-token-for-pictures-only-0123'
const MODEL = '5a'.repeat(32)
export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS
/** Within a lease. */
const NEWS_MS = 4_000

export interface AdminTown {
  readonly url: string
  close(): Promise<void>
}

export async function openTown(): Promise<AdminTown> {
  const server = await startTestServer({ appDir: await buildApp(), operatorToken: TOKEN })
  const { url } = server
  const tabs = await Promise.all([11, 8, 4, 0, 0].map((layers, index) => openTab(url, layers, index % 2 === 0)))
  const news = await work(tabs)
  await gather(tabs)
  await ruleTown(url)
  const close = async () => {
    clearInterval(news)
    for (const { client } of tabs) client.close()
    await server.close()
  }
  return { url, close }
}

interface Tab {
  readonly client: SignalClient
  readonly key: Awaited<ReturnType<typeof newKey>>
  readonly holding: Parameters<SignalClient['say']>[0]
  hear: (word: RoomWord) => void
}

async function openTab(url: string, layers: number, visible: boolean): Promise<Tab> {
  const [key, run] = [await newKey(), toBase64Url(randomBytes(16))]
  const span = { first: 0, last: layers }
  const range: HeldRange = { modelId: MODEL, span, msPerLayer: 1.4, freePositions: 4_096, queued: 0 }
  const holding = { numericClass: 'a', visible, held: layers === 0 ? [] : [range], offers: [], room: null }
  return new Promise((resolve) => {
    const client: SignalClient = new SignalClient({
      url,
      key,
      run,
      nowMs: Date.now,
      onRelayed: () => {},
      onRoom: (word) => tab.hear(word),
      onState({ state }) {
        if (state !== 'here') return
        client.say(holding)
        resolve(tab)
      },
    })
    const tab: Tab = { client, key, holding, hear: () => {} }
  })
}

const anyJob = () => Buffer.from(randomBytes(16)).toString('hex')

/** One whole answer that is computed, and two that wait for the same tab. */
async function work([worker, , , first, second]: readonly Tab[]): Promise<ReturnType<typeof setInterval> | undefined> {
  if (!worker || !first || !second) return undefined
  worker.client.say({ ...worker.holding, offers: [jobOffer({ modelId: MODEL })] })
  const asks = [
    jobWish(0, { job: anyJob(), modelId: MODEL }),
    jobWish(0, { job: anyJob(), modelId: MODEL, class: 'batch' }),
  ]
  const [one, two] = asks
  if (!one || !two) return undefined
  while (!(await first.client.job(one)).ok) await new Promise((resolve) => setImmediate(resolve))
  const running = { job: one.job, state: 'running', worker: worker.client.peer, tokens: 212, code: null } as const
  await first.client.jobNews(running)
  worker.client.say({ ...worker.holding, offers: [jobOffer({ modelId: MODEL, held: 1, heldTokens: 100 })] })
  await second.client.job(two)
  await second.client.job(jobWish(0, { job: anyJob(), modelId: MODEL, maxTokens: 240 }))
  return setInterval(() => void first.client.jobNews(running), NEWS_MS)
}

/** Two rooms, each with its owner in it. */
async function gather(tabs: readonly Tab[]): Promise<void> {
  for (const [index, name] of ['Weaving mill', 'Evening class'].entries()) {
    const owner = tabs[index]
    if (!owner) continue
    const rooms = await MyRooms.open({
      key: owner.key,
      shelf: new MemoryRoomShelf(),
      crypto: ROOM_CRYPTO,
      random: randomBytes,
      nowMs: Date.now,
      say: (wish) => owner.client.room(wish),
      onChange: () => {},
      onRemovals: () => {},
    })
    owner.hear = (word) => void rooms.hear(word)
    await rooms.arrive()
    const made = await rooms.make(name, false)
    if (!made.ok) throw new Error(made.detail)
  }
}

async function ruleTown(url: string): Promise<void> {
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
}

/** The id of what was made. */
async function rule(url: string, path: string, body: object): Promise<string> {
  const headers = { 'authorization': `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  const answer = await fetch(`${url}/operator/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`)
  return ((await answer.json()) as { id: string }).id
}
