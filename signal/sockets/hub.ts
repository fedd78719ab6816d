/**
 * The sockets of all tabs: proves who a tab is, keeps its lease, and cuts off who says too much. What each word is answered
 * with stands in `answers.ts`.
 */
import { randomBytes } from 'node:crypto'
import type { Server as HttpServer, IncomingMessage } from 'node:http'
import { Server } from 'socket.io'
import { Roster } from '../../web/rules/roster.ts'
import type { Code } from '../../web/wire/codes.ts'
import { TICKET_ROTATE_LOOK_MS } from '../../web/wire/limits/mesh.ts'
import { EVENT_BYTES_MAX, LEASE_SWEEP_MS, PROVE_MS_MAX } from '../../web/wire/limits/signalling.ts'
import type { PartnerKey } from '../../web/wire/partner-keys.ts'
import { type PeerId, peerIdOf } from '../../web/wire/peers.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import {
  type IceServer,
  type Proof,
  parseProof,
  SIGNAL_PROTOCOLS,
  type TabSays,
  type Welcome,
} from '../../web/wire/signal-events.ts'
import { ALONE, type Cluster, type ClusterWay, type HubServer } from '../cluster/cluster.ts'
import { SharedCluster } from '../cluster/shared.ts'
import type { Going } from '../cluster/words.ts'
import type { Credits } from '../credits/credits.ts'
import { networkOf } from '../credits/grants.ts'
import { TicketDesk } from '../credits/ticket-desk.ts'
import { faultOf } from '../log/log.ts'
import type { Rates } from '../rates.ts'
import type { Watch } from '../watch.ts'
import type { Accounts } from './accounts.ts'
import { remoteOf } from './address-of.ts'
import { type Answers, type Asked, answersOf, isAsked } from './answers.ts'
import { CensusDesk } from './census-desk.ts'
import { JobDesk } from './jobs.ts'
import { Pairings } from './pairings.ts'
import { PartnerDesk } from './partner-desk.ts'
import { Planner } from './planner.ts'
import { Rooms } from './rooms.ts'
import { RuledDoor, type RulingsInForce } from './ruled-door.ts'
import { Tab, type TabSocket } from './tab.ts'
import type { TicketMint } from './tickets.ts'
import { verifyText } from './verify.ts'

/** Not from a server that is about to stop: whoever asks finds another, or the next one. */
const NEW_WORK: ReadonlySet<keyof TabSays> = new Set(['plan', 'assign', 'job'] as const)

export interface HubParts {
  readonly server: HttpServer
  readonly mint: TicketMint
  readonly credits: Pick<Credits, 'terms' | 'wish' | 'partners'>
  readonly accounts: Accounts
  readonly iceServers: (peer: PeerId) => readonly IceServer[]
  readonly nowMs: () => number
  /** As `Config`. */
  readonly proxies: number
  readonly watch: Watch
  /** New sockets, by address. */
  readonly connects: Rates
  /** Null: no other process serves the same tabs. */
  readonly way: ClusterWay | null
  readonly rulings?: RulingsInForce
}

export class Hub {
  readonly roster = new Roster()
  readonly #parts: HubParts
  readonly #io: HubServer
  readonly #sockets = new Map<PeerId, TabSocket>()
  readonly #answers: Answers
  readonly #rooms: Rooms
  readonly #planner: Planner
  readonly #jobs: JobDesk
  readonly #census: CensusDesk
  readonly #partners: PartnerDesk
  readonly #pairings: Pairings
  readonly #cluster: Cluster
  readonly #door: RuledDoor
  #draining = false
  readonly #sweeping: ReturnType<typeof setInterval>
  readonly #rotating: ReturnType<typeof setInterval>

  constructor(parts: HubParts) {
    this.#parts = parts
    this.#rooms = new Rooms({
      nowMs: parts.nowMs,
      isHere: (peer) => this.#sockets.has(peer) || this.#cluster.has(peer),
      tell: (peer, word) => void this.#sockets.get(peer)?.emit('room', word),
    })
    this.#partners = new PartnerDesk({
      partners: parts.credits.partners,
      tell: (peer) => void this.#sockets.get(peer)?.emit('partner', { refused: 'partner-revoked' }),
      limited: (place) => parts.watch.metrics.limited(place),
    })
    this.#pairings = new Pairings({
      nowMs: parts.nowMs,
      isHere: (peer) => this.#sockets.has(peer),
      isElsewhere: (peer) => this.#cluster.has(peer),
      tell: (peer, word) => {
        const socket = this.#sockets.get(peer)
        if (socket) socket.emit('pair', word)
        else this.#cluster.pairWord(peer, word)
      },
      share: (peer, fact) => this.#cluster.pair(peer, fact),
    })
    const tickets = new TicketDesk(parts.mint, parts.credits.terms, (asker) => this.#partners.of(asker))
    this.#planner = new Planner(this.roster, this.#rooms, tickets, parts.nowMs)
    this.#jobs = new JobDesk({
      roster: this.roster,
      isHere: (peer) => this.#sockets.has(peer),
      rooms: this.#rooms,
      tickets,
      nowMs: parts.nowMs,
      tell: (peer, word) => void this.#sockets.get(peer)?.emit('job', word),
      ended: (state) => parts.watch.metrics.jobEnded(state),
    })
    this.#census = new CensusDesk(this.roster, (room) => this.#jobs.waiting(room))
    this.#door = new RuledDoor({
      rulings: parts.rulings ?? null,
      ownersOf: (key) => parts.accounts.ownersOf(key),
      sockets: this.#sockets,
      gone: (peer) => this.#leave(peer),
    })
    this.#answers = answersOf({
      ...parts,
      roster: this.roster,
      sockets: this.#sockets,
      rooms: this.#rooms,
      planner: this.#planner,
      jobs: this.#jobs,
      census: this.#census,
      partners: this.#partners,
      pairings: this.#pairings,
      door: this.#door,
      cluster: () => this.#cluster,
      leave: (peer) => this.#leave(peer),
    })
    this.#io = new Server(parts.server, {
      transports: ['websocket'],
      maxHttpBufferSize: EVENT_BYTES_MAX,
      perMessageDeflate: false,
      serveClient: false,
      ...(parts.way?.adapter ? { adapter: parts.way.adapter } : {}),
      allowRequest: (request, answer) => answer(null, this.#lets(request)),
    })
    const [io, roster, rooms, jobs, sockets] = [this.#io, this.roster, this.#rooms, this.#jobs, this.#sockets]
    const pairings = this.#pairings
    const look = (partner: PartnerKey | null) =>
      void (partner === null ? parts.rulings?.look() : this.#partners.look(partner))
    const gone = (peer: PeerId) => this.#gone(peer)
    const shared = { ...parts, io, roster, rooms, pairings, jobs, sockets, gone, look }
    this.#cluster = parts.way ? new SharedCluster(parts.way.bus(io), shared) : ALONE
    parts.credits.partners.onRuled((key) => this.#cluster.ruled(key))
    this.#io.on('connection', (socket) => this.#meet(socket))
    parts.watch.metrics.watchPresences(() => ({
      peers: this.roster.size - this.#cluster.others,
      connected: this.#sockets.size,
      sockets: this.sockets,
      rooms: this.#rooms.size,
      jobs: this.#jobs.counts(),
    }))
    this.#sweeping = setInterval(() => this.sweep(), LEASE_SWEEP_MS)
    this.#sweeping.unref()
    this.#rotating = setInterval(() => void this.rotateTickets(), TICKET_ROTATE_LOOK_MS)
    this.#rotating.unref()
  }

  /** Tells everybody where the keys are others now. */
  async rotateTickets(): Promise<void> {
    const { mint } = this.#parts
    if (!(await mint.rotate())) return
    this.#cluster.rotated()
    this.#io.local.emit('ticketKeys', this.#cluster.keys(mint.keys))
  }

  /** Until it knows who is at other processes. */
  joined(): Promise<void> {
    return this.#cluster.joined()
  }

  /** Takes out whose lease has ended, also of their rooms and of the line of jobs, and looks at what those wait for. */
  sweep(): readonly PeerId[] {
    const gone = this.roster.sweep(this.#parts.nowMs())
    // One that only sleeps gets its lease back, and is where it was.
    for (const peer of gone) {
      if (this.#sockets.has(peer)) this.#cluster.gone(peer, 'asleep')
      else this.#gone(peer, 'lost')
    }
    this.#jobs.sweep()
    return gone
  }

  /** Open ones, also of tabs that have proven nothing yet. */
  get sockets(): number {
    return this.#io.of('/').sockets.size
  }

  /** For the operator to look at. */
  get draining(): boolean {
    return this.#draining
  }

  get rooms(): Pick<Rooms, 'halls' | 'size'> {
    return this.#rooms
  }

  get jobs(): Pick<JobDesk, 'open' | 'counts'> {
    return this.#jobs
  }

  get connected(): number {
    return this.#sockets.size
  }

  /** When the socket of this peer was opened; null where it has none. */
  sinceMs(peer: PeerId): number | null {
    return this.#sockets.get(peer)?.handshake.issued ?? null
  }

  /** No new work and no new tab from now on. What was planned may still be linked, and paid. */
  drain(closesInMs: number): void {
    this.#draining = true
    this.#io.local.emit('draining', { closesInMs })
  }

  /** What is in force has changed. */
  ruled(): void {
    this.#door.ruled()
  }

  /** It was changed here: other processes look at it. */
  tellRuled(): void {
    this.#cluster.ruled(null)
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeping)
    clearInterval(this.#rotating)
    // The goodbye of a process is told to others in place of the parting of each of its tabs.
    this.#cluster.close()
    await this.#io.close()
    // Tabs that part change their rooms: who tells of that ends after them.
    this.#rooms.close()
    this.#census.close()
    await this.#parts.way?.close()
    await this.#parts.accounts.close()
  }

  #leave(peer: PeerId): void {
    this.roster.leave(peer, this.#parts.nowMs())
    this.#gone(peer)
  }

  #gone(peer: PeerId, how: Going = 'left'): void {
    this.#rooms.gone(peer)
    this.#jobs.gone(peer)
    this.#partners.put(peer, null)
    this.#pairings.gone(peer)
    this.#cluster.gone(peer, how)
  }

  /** A tab that is not let in comes again, later each time. */
  #lets(request: IncomingMessage): boolean {
    const { connects, proxies, watch } = this.#parts
    if (this.#draining) return false
    if (connects.take(networkOf(remoteOf(request, proxies)))) return true
    watch.metrics.limited('connect')
    return false
  }

  #meet(socket: TabSocket): void {
    const { nowMs, watch } = this.#parts
    const tab = new Tab(socket, nowMs())
    tab.late = setTimeout(() => socket.disconnect(true), PROVE_MS_MAX)
    watch.log.write('socket-opened', { socket: socket.id })
    // One listener for all events: a listener for each would be a dozen functions a socket.
    socket.onAny((event: unknown, value: unknown, reply: unknown) => this.#hear(tab, event, value, reply))
    socket.on('disconnect', (reason) => this.#part(tab, reason))
    socket.emit('challenge', { nonce: tab.nonce ?? '', server: tab.server, protocols: SIGNAL_PROTOCOLS })
  }

  #part(tab: Tab, reason: string): void {
    const { socket, peer, openedMs } = tab
    const { nowMs, watch } = this.#parts
    tab.proves()
    this.#census.leave(socket)
    watch.log.write('socket-closed', { socket: socket.id, reason: reason.replaceAll(' ', '-'), ms: nowMs() - openedMs })
    if (peer === null || this.#sockets.get(peer) !== socket) return
    this.#sockets.delete(peer)
    this.roster.lose(peer, nowMs())
    if (this.roster.peer(peer)) this.#cluster.here(peer)
    else this.#gone(peer, 'lost')
  }

  /** Everything that a tab says comes through here. */
  #hear(tab: Tab, event: unknown, value: unknown, reply: unknown): void {
    const { nowMs, watch } = this.#parts
    if (!tab.maySpeak(nowMs())) {
      watch.log.write('socket-flooded', { socket: tab.socket.id })
      watch.metrics.limited('events')
      tab.socket.disconnect(true)
      return
    }
    if (typeof reply !== 'function' || typeof event !== 'string') return
    if (event !== 'prove' && !isAsked(this.#answers, event)) return
    const { request } = tab
    const say = (result: Result<unknown>) => {
      if (!result.ok) this.#refused(request, event, result.code)
      reply(result)
    }
    if (event === 'prove') {
      this.#prove(tab, value, say).catch((error: unknown) => {
        watch.log.write('event-failed', { request, said: event, ...faultOf(error) })
      })
      return
    }
    if (tab.peer === null) say(fail('not-proven', ''))
    else if (this.#draining && NEW_WORK.has(event)) say(fail('signal-away', 'It is about to stop.'))
    else
      this.#answer(event, tab.peer, value, tab, say).catch((error: unknown) => {
        watch.log.write('event-failed', { request, said: event, ...faultOf(error) })
      })
  }

  async #answer(event: Asked, own: PeerId, value: unknown, tab: Tab, say: (result: Result<unknown>) => void) {
    const result = this.#answers[event](own, value, tab)
    // What is known at once is said before the next event is heard.
    say(result instanceof Promise ? await result : result)
  }

  #refused(request: string, said: keyof TabSays, code: Code): void {
    const { log, metrics } = this.#parts.watch
    log.write('event-refused', { request, said, code })
    metrics.refused(said, code)
  }

  async #prove(tab: Tab, value: unknown, say: (result: Result<Welcome>) => void): Promise<void> {
    const { nonce, server, socket } = tab
    // One try a socket: a nonce is for one signature.
    if (nonce === null) return
    tab.nonce = null
    const { nowMs, mint, iceServers, watch } = this.#parts
    const proof = parseProof(value)
    const checked = proof.ok ? await this.#check(proof.value, server, nonce) : proof
    if (!checked.ok) {
      say(checked)
      socket.disconnect(true)
      return
    }
    const partner = proof.ok ? proof.value.partner : null
    const met = partner === null ? ok(null) : await this.#partners.meets(partner)
    if (!met.ok) {
      say(met)
      // A tab whose socket is cut comes again by itself; one that is sent away does not.
      if (met.code === 'partner-busy') socket.conn.close()
      else socket.disconnect(true)
      return
    }
    // It may have gone while it was looked at.
    if (!socket.connected) return
    tab.proves()
    const peer = checked.value
    tab.peer = peer
    // What the socket before was known as goes with it.
    this.#sockets.get(peer)?.disconnect(true)
    this.#partners.put(peer, partner)
    this.#sockets.set(peer, socket)
    const fresh = randomBytes(24).toString('base64url')
    tab.resume = this.roster.join(peer, proof.ok ? proof.value.resume : null, fresh, nowMs()).resume
    if (this.#parts.way) void socket.join(peer)
    this.#cluster.here(peer)
    watch.log.write('socket-proven', { socket: socket.id })
    const ticketKeys = this.#cluster.keys(mint.keys)
    say(ok({ resume: tab.resume, timeMs: nowMs(), ticketKeys, iceServers: iceServers(peer) }))
    this.#door.greet(socket)
    // What was ruled while it was looked at.
    this.#door.check(peer)
  }

  async #check({ protocol, key, run, signature }: Proof, name: string, nonce: string): Promise<Result<PeerId>> {
    if (protocol < SIGNAL_PROTOCOLS.min || protocol > SIGNAL_PROTOCOLS.max) {
      return fail('protocol-unknown', `This server speaks ${SIGNAL_PROTOCOLS.min} to ${SIGNAL_PROTOCOLS.max}.`)
    }
    const holds = await verifyText(key, 'connect', [name, nonce, run], signature)
    if (!holds) return fail('proof-invalid', '')
    return this.#door.refusal(key) ?? ok(peerIdOf(key, run))
  }
}
