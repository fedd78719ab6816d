/**
 * Tabs that ask for whole jobs and offer to answer them, over a real signalling server with a clock that the test holds: the
 * product's own client, without links. A tab notes each word that it is told later.
 */
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, vi } from 'vitest'
import { MemoryAccountStore } from '../../signal/accounts/store.ts'
import { Accounts } from '../../signal/sockets/accounts.ts'
import { Hub, type HubParts } from '../../signal/sockets/hub.ts'
import { TicketMint } from '../../signal/sockets/tickets.ts'
import { DeviceKey, makeKey } from '../../web/account/device-key.ts'
import { SignalClient } from '../../web/mesh/signal-client.ts'
import type { Census } from '../../web/wire/census.ts'
import { toBase64Url } from '../../web/wire/device-keys.ts'
import type { JobOffer, JobWish, JobWord } from '../../web/wire/jobs.ts'
import type { PartnerKey } from '../../web/wire/partner-keys.ts'
import type { RoomId } from '../../web/wire/rooms.ts'
import type { PartnerWord, Presence } from '../../web/wire/signal-events.ts'
import { NO_CREDITS } from './no-credits.ts'
import { noRates, quietWatch } from './quiet-watch.ts'

export const JOB_MODEL = 'a'.repeat(64)
export const newKey = async () => DeviceKey.of(await makeKey())
export const jobId = (number: number) => number.toString(16).padStart(32, '0')
export const until = (condition: () => boolean) => vi.waitFor(() => expect(condition()).toBe(true), { timeout: 10_000 })

export function jobWish(number: number, more: Partial<JobWish> = {}): JobWish {
  const plain = { job: jobId(number), kind: 'chat', class: 'interactive', modelId: JOB_MODEL, layers: 4 } as const
  return { ...plain, promptTokens: 20, maxTokens: 100, room: null, avoid: [], ...more }
}

export function jobOffer(more: Partial<JobOffer> = {}): JobOffer {
  return {
    modelId: JOB_MODEL,
    engine: 'stage',
    kinds: ['chat'],
    positions: 4_096,
    promptTokensMax: 4_096,
    answerTokensMax: 4_096,
    tokensPerSecond: 20,
    prefillTokensPerSecond: 200,
    parallel: 1,
    held: 0,
    heldTokens: 0,
    ...more,
  }
}

const ASKS_ONLY: Presence = {
  numericClass: '',
  visible: true,
  held: [],
  offers: [],
  room: null,
  relayOnly: false,
  near: [],
}

export interface JobTab {
  readonly client: SignalClient
  readonly words: readonly JobWord[]
  readonly partnerWords: readonly PartnerWord[]
  readonly censuses: readonly Census[]
  /** Until the server has heard it. */
  offer(offers: readonly JobOffer[], room?: RoomId | null): Promise<void>
}

type MakeCredits = (nowMs: () => number) => HubParts['credits']

export class JobServer {
  /** Moved by the test. */
  nowMs = 1_000_000
  readonly #clients: SignalClient[] = []
  readonly #server: HttpServer
  readonly hub: Hub

  private constructor(server: HttpServer, mint: TicketMint, accounts: Accounts, credits: MakeCredits) {
    this.#server = server
    const nowMs = () => this.nowMs
    this.hub = new Hub({
      server,
      mint,
      credits: credits(nowMs),
      accounts,
      iceServers: () => [],
      nowMs,
      proxies: 0,
      watch: quietWatch(),
      connects: noRates(),
      way: null,
    })
  }

  /** `credits`: over its clock; all work is free without. */
  static async start(credits: MakeCredits = () => NO_CREDITS): Promise<JobServer> {
    const server = createServer()
    const mint = await TicketMint.create(() => 1_000_000)
    const own = new JobServer(server, mint, await Accounts.open(new MemoryAccountStore()), credits)
    await new Promise<void>((done) => server.listen(0, done))
    return own
  }

  get url(): string {
    return `http://localhost:${(this.#server.address() as AddressInfo).port}`
  }

  /** The same key: another tab of the same device. `partner`: of the site whose visitor it is. */
  async tab(key?: DeviceKey, partner: PartnerKey | null = null): Promise<JobTab> {
    const words: JobWord[] = []
    const partnerWords: PartnerWord[] = []
    const censuses: Census[] = []
    let isHere = false
    const client = new SignalClient({
      url: this.url,
      key: key ?? (await newKey()),
      run: toBase64Url(crypto.getRandomValues(new Uint8Array(16))),
      nowMs: () => this.nowMs,
      onState: ({ state }) => {
        isHere = state === 'here'
      },
      onRelayed: () => {},
      onCensus: (census) => censuses.push(census),
      onJob: (word) => words.push(word),
      partner,
      onPartner: (word) => partnerWords.push(word),
    })
    this.#clients.push(client)
    await until(() => isHere)
    const offer = async (offers: readonly JobOffer[], room: RoomId | null = null) => {
      client.say({ numericClass: '', visible: true, held: [], offers, room })
      const said = JSON.stringify(offers)
      await until(() => JSON.stringify(this.hub.roster.peer(client.peer)?.presence?.offers) === said)
    }
    return { client, words, partnerWords, censuses, offer }
  }

  async worker(more: Partial<JobOffer> = {}): Promise<JobTab> {
    const worker = await this.tab()
    await worker.offer([jobOffer(more)])
    return worker
  }

  /** Time goes on for all, and nobody but these has been silent meanwhile. */
  pass(ms: number, silent: readonly JobTab[] = []): void {
    const gone = new Set(silent.map(({ client }) => client.peer))
    this.nowMs += ms
    for (const { id, presence } of this.hub.roster.all()) {
      if (!gone.has(id)) this.hub.roster.hear(id, presence ?? ASKS_ONLY, this.nowMs)
    }
    this.hub.sweep()
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close()
    await this.hub.close()
  }
}
