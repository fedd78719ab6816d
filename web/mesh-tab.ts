/**
 * The mesh as this tab takes part in it: one identity, one place at the signalling server, the links, what it serves and
 * what it asks. Joins the parts; decides nothing.
 */

import { DeviceKey, type KeptKey, verifySigned } from './account/device-key.ts'
import { type AccountShelf, type AccountView, MyAccount } from './account/my-account.ts'
import { MyRooms } from './account/my-rooms.ts'
import { type OutboxStore, openOutboxStore } from './account/outbox-store.ts'
import { BROWSER_ROOM_CRYPTO } from './account/room.ts'
import type { RoomShelf } from './account/room-shelf.ts'
import type { RoomView } from './account/room-view.ts'
import { TicketCheck } from './account/ticket-check.ts'
import { loopback } from './mesh/loopback.ts'
import { MeshNode, type Visitor } from './mesh/node.ts'
import type { SignalState } from './mesh/signal-client.ts'
import { Ticker } from './mesh/ticker.ts'
import { MeshReceipts, type MeshReceiptsParts } from './mesh-receipts.ts'
import { Contribution, type ContributionState } from './schedule/contribution.ts'
import { Exchange } from './schedule/exchange.ts'
import { JobAsker } from './schedule/jobs/job-asker.ts'
import { JobServer } from './schedule/jobs/job-server.ts'
import { JobWords } from './schedule/jobs/job-words.ts'
import type { JobRunner } from './schedule/jobs/job-work.ts'
import { OwnEnds } from './schedule/own-ends.ts'
import type { StageUse } from './schedule/provider.ts'
import { BROWSER_HASHES, payStages, signRoutes } from './schedule/receipts/stage-desk.ts'
import { RoomGate } from './schedule/room-gate.ts'
import { RouteChat, type RouteChatParts } from './schedule/route-chat.ts'
import { soon } from './schedule/soon.ts'
import { WorkerStage } from './schedule/worker-stage.ts'
import type { PricedModel } from './wire/active-parameters.ts'
import type { Census } from './wire/census.ts'
import { toBase64Url } from './wire/device-keys.ts'
import type { RequestId } from './wire/peer-frame.ts'
import type { PeerId } from './wire/peers.ts'
import { fail, ok, type Result } from './wire/result.ts'
import type { RoomId } from './wire/rooms.ts'
import type { Announcement } from './wire/rulings.ts'
import type { Holding } from './wire/signal-events.ts'

export interface MeshTabParts {
  readonly baseUrl: string
  readonly key: KeptKey
  readonly roomShelf: RoomShelf
  readonly accountShelf: AccountShelf
  readonly makeStageWorker: () => Worker
  readonly makeTicker: () => Worker
  /** The engines of this browser, for whole jobs of others. */
  readonly jobRunner: JobRunner
  readonly askPersistence: () => Promise<boolean>
  /** Of a tab that stands in a partner's page. */
  readonly visitor?: Visitor | null
  readonly relayOnly: () => boolean
  /** Gives and wants to earn nothing; false by default. */
  readonly donor?: () => boolean
  readonly onSignal: (state: SignalState) => void
  readonly onCensus?: (census: Census) => void
  /** What the operator tells everybody, all that is in force. */
  readonly onAnnouncements?: (announcements: readonly Announcement[]) => void
  readonly onAccount: (account: AccountView) => void
  readonly onRooms: (rooms: readonly RoomView[]) => void
  readonly onContribution: (state: ContributionState) => void
  /** Jobs of others came or went here. */
  readonly onJobs: () => void
  readonly onRoute: RouteChatParts['onRoute']
  /** A receipt of this browser's work was accepted, or refused for good. */
  readonly onSettled?: MeshReceiptsParts['onSettled']
}

const now = () => performance.now()
const HOLDS_NOTHING = { numericClass: '', visible: true, held: [] }

export class MeshTab {
  readonly node: MeshNode
  readonly contribution: Contribution
  readonly chat: RouteChat
  readonly stage: WorkerStage
  /** Whole jobs that this tab does for others, and those that others do for it. */
  readonly jobs: JobServer
  readonly jobAsker: JobAsker
  readonly rooms: MyRooms
  readonly account: MyAccount
  readonly receipts: MeshReceipts
  readonly #gate: RoomGate
  readonly #exchange: Exchange
  /** Whom this tab serves; null for anyone. */
  #within: RoomId | null = null
  #presence: Omit<Holding, 'room' | 'offers'> = HOLDS_NOTHING

  private constructor(parts: MeshTabParts, key: DeviceKey, outbox: OutboxStore, rooms: MyRooms, account: MyAccount) {
    const { baseUrl, makeStageWorker, askPersistence, relayOnly, onSignal, onCensus, onContribution, onRoute } = parts
    const { every } = new Ticker(parts.makeTicker())
    const gguf = { makeWorker: makeStageWorker, baseUrl, askPersistence, now }
    const node = new MeshNode({
      url: new URL(baseUrl).origin,
      key,
      verify: verifySigned,
      randomId: () => toBase64Url(crypto.getRandomValues(new Uint8Array(16))),
      nowMs: Date.now,
      relayOnly,
      every,
      onState: (state) => {
        onSignal(state)
        if (state.state !== 'here') return
        void rooms.arrive()
        void account.arrive()
        receipts.arrive()
      },
      onRoom: (word) => void rooms.hear(word),
      ...(onCensus ? { onCensus } : {}),
      ...(parts.onAnnouncements ? { onAnnouncements: parts.onAnnouncements } : {}),
      onJob: (word) => words.hear(word),
      visitor: parts.visitor ?? null,
      onLink: (link) => exchange.add(link),
    })
    const { server } = node
    const { onSettled } = parts
    const receipts = new MeshReceipts({
      key,
      server,
      store: outbox,
      every,
      isDonor: parts.donor ?? (() => false),
      ...(onSettled ? { onSettled } : {}),
    })
    const tickets = new TicketCheck({
      self: node.peer,
      keys: () => server.ticketKeys,
      nowMs: () => server.serverNowMs(),
      letsIn: (asker, room) => this.#letsIn(asker, room),
    })
    const admit = (asker: string, { request, ticket, span, positions }: StageUse, model: PricedModel) =>
      tickets.admit(ticket, { request, asker, modelId: model.id, whole: model, span, job: null, positions })
    const connect = async (peer: string) => {
      const own = peer === node.peer ? exchange.linkTo(peer) : null
      return own ? ok(own) : node.connect(peer)
    }
    const words = new JobWords()
    const tellJobs = soon(every, () => this.#tell())
    const jobs = new JobServer({
      runner: parts.jobRunner,
      nowMs: now,
      every,
      admit(asker, { request, ticket, layers, kind, positions }, whole) {
        const [span, { modelId }] = [{ first: 0, last: layers }, whole]
        return tickets.admit(ticket, { request, asker, modelId, whole, span, job: kind, positions })
      },
      receipts: receipts.desk,
      onChange() {
        tellJobs()
        parts.onJobs()
      },
    })
    const stage = new WorkerStage(gguf, () => void contribution.stop())
    const contribution: Contribution = new Contribution({
      worker: stage,
      assign: (wish) => server.assign({ ...wish, room: this.#within }),
      say: (presence) => {
        this.#presence = presence
        this.#tell()
      },
      linkTo: (peer) => exchange.linkTo(peer),
      connect,
      every,
      admit,
      pay: payStages(receipts.desk, BROWSER_HASHES, () => server.serverNowMs()),
      visible: () => document.visibilityState === 'visible',
      nowMs: now,
      onChange: onContribution,
    })
    const gate = new RoomGate({
      own: (room) => rooms.own(room),
      removals: (room) => rooms.removals(room),
      learn: (room, removals) => rooms.learn(room, removals),
      check: (room, peerKey, membership) => rooms.check(room, peerKey, membership),
    })
    const exchange: Exchange = new Exchange(
      {
        hear: (from, message) => contribution.hear(from, message),
        take(from, frame) {
          contribution.take(from, frame)
          ends.take(from, frame)
        },
        gone(peer, reason) {
          contribution.gone(peer, reason)
          ends.gone(peer, reason)
        },
      },
      gate,
      jobs,
      receipts.desk,
    )
    // What this tab serves may be a stage of its own route.
    for (const end of loopback(node.peer, node.peer)) exchange.add(end)
    const ends: OwnEnds = new OwnEnds({
      self: node.peer,
      makeStage: (onLost) => new WorkerStage(gguf, onLost),
      assign: (wish) => server.assign({ ...wish, room: this.#within }),
      exchange,
      connect,
      every,
      admit,
    })
    const meet = async (peer: PeerId, room: RoomId | null) => {
      const link = await connect(peer)
      const met = link.ok && room !== null && peer !== node.peer ? await gate.meet(link.value, room) : ok(null)
      return met.ok ? link : met
    }
    this.chat = new RouteChat({
      ...gguf,
      self: node.peer,
      ends,
      plan: (wish) => server.plan(wish),
      connect: meet,
      exchange,
      clock: { nowMs: now, every },
      randomRequest,
      receipts: signRoutes(receipts.desk, BROWSER_HASHES, exchange, every),
      over: (request) => receipts.desk.over(request),
      onRoute,
    })
    this.jobAsker = new JobAsker({
      match: (wish) => server.job(wish),
      onWord: (job, listener) => words.listen(job, listener),
      connect: meet,
      exchange,
      clock: { nowMs: now, every },
      randomId: randomRequest,
      tell: (news) => void server.jobNews(news),
      receipts: receipts.desk,
    })
    this.jobs = jobs
    this.node = node
    this.stage = stage
    this.contribution = contribution
    this.rooms = rooms
    this.account = account
    this.receipts = receipts
    this.#gate = gate
    this.#exchange = exchange
    addEventListener('pagehide', () => {
      contribution.drain()
      jobs.drain()
    })
    document.addEventListener('visibilitychange', () => {
      contribution.tell()
      this.#tell()
    })
  }

  static async join(parts: MeshTabParts): Promise<MeshTab> {
    const key = await DeviceKey.of(parts.key)
    let tab: MeshTab | null = null
    const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))
    const rooms = await MyRooms.open({
      key,
      shelf: parts.roomShelf,
      crypto: { verify: verifySigned, ...BROWSER_ROOM_CRYPTO },
      random,
      nowMs: () => tab?.node.server.serverNowMs() ?? Date.now(),
      say: async (wish) => (tab ? tab.node.server.room(wish) : fail('signal-away', '')),
      onChange: parts.onRooms,
      onRemovals(id) {
        if (tab) void tab.#gate.renew(id)
      },
    })
    const account = await MyAccount.open({
      key,
      shelf: parts.accountShelf,
      random,
      say: async (wish) => (tab ? tab.node.server.account(wish) : fail('signal-away', '')),
      onChange: parts.onAccount,
    })
    tab = new MeshTab(parts, key, await openOutboxStore(), rooms, account)
    return tab
  }

  /** Serves members of this room alone from now on; null for anyone. What is under way goes on. */
  within(room: RoomId | null): void {
    if (room === this.#within) return
    this.#within = room
    this.#tell()
  }

  async leave(): Promise<void> {
    this.jobs.close()
    await this.contribution.stop()
    await this.chat.unload()
    this.receipts.close()
    await this.node.leave()
  }

  /** What this tab holds and offers now. A tab that only asks has nothing to tell. */
  #tell(): void {
    const { offers } = this.jobs
    const visible = document.visibilityState === 'visible'
    this.node.server.say({ ...this.#presence, visible, offers, room: this.#within })
  }

  async #letsIn(asker: PeerId, room: RoomId | null): Promise<Result<null>> {
    if (this.#within !== null && room !== this.#within) {
      return fail('ticket-invalid', 'This tab serves members of its room alone.')
    }
    const link = this.#exchange.linkTo(asker)
    if (room === null) return ok(null)
    return link ? this.#gate.isMember(link, room) : fail('link-closed', '')
  }
}

function randomRequest(): RequestId {
  return hex(crypto.getRandomValues(new Uint8Array(16)))
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
