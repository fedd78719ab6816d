/**
 * The sockets of all tabs: proves who a tab is, keeps its lease, and carries sealed words between two of them. It reads no
 * word that it carries. Every event is parsed here and nowhere else; what is wrong is answered by a code, and a socket that
 * says too much is closed.
 */
import { randomBytes } from 'node:crypto'
import type { Server as HttpServer } from 'node:http'
import { Server, type Socket } from 'socket.io'
import { Rate } from '../../web/rules/rate.ts'
import { Roster } from '../../web/rules/roster.ts'
import { parseAccountWish } from '../../web/wire/accounts.ts'
import { parseLook } from '../../web/wire/census.ts'
import { parseCreditWish } from '../../web/wire/credit-events.ts'
import { parseJobNews, parseJobWish } from '../../web/wire/jobs.ts'
import {
  EVENT_BYTES_MAX,
  EVENTS_BURST_MAX,
  EVENTS_PER_SECOND_MAX,
  LEASE_SWEEP_MS,
  PROVE_MS_MAX,
  TICKET_ROTATE_LOOK_MS,
} from '../../web/wire/limits.ts'
import { keyOfPeer, type PeerId, peerIdOf } from '../../web/wire/peers.ts'
import { parseAssignWish, parsePlanWish } from '../../web/wire/plan-events.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { parseRoomWish } from '../../web/wire/room-events.ts'
import {
  type IceServer,
  type Proof,
  parsePresence,
  parseProof,
  parseRelayWish,
  type Reply,
  type ServerSays,
  SIGNAL_PROTOCOLS,
  type TabSays,
} from '../../web/wire/signal-events.ts'
import type { Credits } from '../credits/credits.ts'
import { TicketDesk } from '../credits/ticket-desk.ts'
import type { Accounts } from './accounts.ts'
import { addressOf } from './address-of.ts'
import { CensusDesk } from './census-desk.ts'
import { JobDesk } from './jobs.ts'
import { Planner } from './planner.ts'
import { Rooms } from './rooms.ts'
import type { TicketMint } from './tickets.ts'
import { verifyText } from './verify.ts'

type TabSocket = Socket<TabSays, ServerSays>

export interface HubParts {
  readonly server: HttpServer
  readonly mint: TicketMint
  readonly credits: Pick<Credits, 'terms' | 'wish'>
  readonly accounts: Accounts
  readonly iceServers: (peer: PeerId) => readonly IceServer[]
  readonly nowMs: () => number
  /** As `Config`. */
  readonly proxies: number
}

export class Hub {
  readonly roster = new Roster()
  readonly #parts: HubParts
  readonly #io: Server<TabSays, ServerSays>
  readonly #sockets = new Map<PeerId, TabSocket>()
  readonly #rooms: Rooms
  readonly #planner: Planner
  readonly #jobs: JobDesk
  readonly #census: CensusDesk
  readonly #sweeping: ReturnType<typeof setInterval>
  readonly #rotating: ReturnType<typeof setInterval>

  constructor(parts: HubParts) {
    this.#parts = parts
    this.#rooms = new Rooms({
      nowMs: parts.nowMs,
      isHere: (peer) => this.#sockets.has(peer),
      tell: (peer, word) => void this.#sockets.get(peer)?.emit('room', word),
    })
    const tickets = new TicketDesk(parts.mint, parts.credits.terms)
    this.#planner = new Planner(this.roster, this.#rooms, tickets, parts.nowMs)
    this.#jobs = new JobDesk({
      roster: this.roster,
      rooms: this.#rooms,
      tickets,
      nowMs: parts.nowMs,
      tell: (peer, word) => void this.#sockets.get(peer)?.emit('job', word),
    })
    this.#census = new CensusDesk(this.roster, (room) => this.#jobs.waiting(room))
    this.#io = new Server(parts.server, {
      transports: ['websocket'],
      maxHttpBufferSize: EVENT_BYTES_MAX,
      perMessageDeflate: false,
      serveClient: false,
    })
    this.#io.on('connection', (socket) => this.#meet(socket))
    this.#sweeping = setInterval(() => this.sweep(), LEASE_SWEEP_MS)
    this.#sweeping.unref()
    this.#rotating = setInterval(() => void this.rotateTickets(), TICKET_ROTATE_LOOK_MS)
    this.#rotating.unref()
  }

  /** Tells everybody where the keys are others now. */
  async rotateTickets(): Promise<void> {
    const { mint } = this.#parts
    if (await mint.rotate()) this.#io.emit('ticketKeys', mint.keys)
  }

  /** Takes out whose lease has ended, also of their rooms and of the line of jobs, and looks at what those wait for. */
  sweep(): readonly PeerId[] {
    const gone = this.roster.sweep(this.#parts.nowMs())
    // One that only sleeps gets its lease back, and is where it was.
    for (const peer of gone) if (!this.#sockets.has(peer)) this.#gone(peer)
    this.#jobs.sweep()
    return gone
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeping)
    this.#rooms.close()
    clearInterval(this.#rotating)
    this.#census.close()
    await this.#io.close()
    await this.#parts.accounts.close()
  }

  #gone(peer: PeerId): void {
    this.#rooms.gone(peer)
    this.#jobs.gone(peer)
  }

  #meet(socket: TabSocket): void {
    const nonce = randomBytes(24).toString('base64url')
    // What the tab asked for: it compares before it signs, so that no other server can pass a signature on to this one.
    const name = socket.handshake.headers.host ?? ''
    const rate = new Rate({ perSecond: EVENTS_PER_SECOND_MAX, burst: EVENTS_BURST_MAX }, this.#parts.nowMs())
    const late = setTimeout(() => socket.disconnect(true), PROVE_MS_MAX)
    let peer: PeerId | null = null
    let proving = false
    let resume = ''
    socket.use((_, next) => {
      if (rate.take(this.#parts.nowMs())) next()
      else socket.disconnect(true)
    })
    socket.on('disconnect', () => {
      clearTimeout(late)
      this.#census.leave(socket)
      if (peer !== null && this.#sockets.get(peer) === socket) {
        this.#sockets.delete(peer)
        this.roster.lose(peer, this.#parts.nowMs())
        if (!this.roster.peer(peer)) this.#gone(peer)
      }
    })
    const proven = <T>(reply: Reply<T>, work: (own: PeerId) => Result<T>) => {
      if (typeof reply !== 'function') return
      reply(peer === null ? fail('not-proven', '') : work(peer))
    }
    socket.on('prove', async (value, reply) => {
      // One try a socket: a nonce is for one signature.
      if (proving || typeof reply !== 'function') return
      proving = true
      const proof = parseProof(value)
      const checked = proof.ok ? await this.#check(proof.value, name, nonce) : proof
      if (!checked.ok) {
        reply(checked)
        socket.disconnect(true)
        return
      }
      clearTimeout(late)
      peer = checked.value
      this.#sockets.get(peer)?.disconnect(true)
      this.#sockets.set(peer, socket)
      const fresh = randomBytes(24).toString('base64url')
      resume = this.roster.join(peer, proof.ok ? proof.value.resume : null, fresh, this.#parts.nowMs()).resume
      reply(
        ok({
          resume,
          timeMs: this.#parts.nowMs(),
          ticketKeys: this.#parts.mint.keys,
          iceServers: this.#parts.iceServers(peer),
        }),
      )
    })
    socket.on('presence', (value, reply) =>
      proven(reply, (own) => {
        const presence = parsePresence(value)
        if (!presence.ok) return presence
        // A tab that slept for longer than its lease is still the one that this socket has proven.
        if (!this.roster.peer(own)) this.roster.join(own, null, resume, this.#parts.nowMs())
        if (!this.roster.hear(own, presence.value, this.#parts.nowMs())) return fail('not-proven', '')
        this.#jobs.heard(own)
        return ok(null)
      }),
    )
    socket.on('relay', (value, reply) =>
      proven(reply, (own) => {
        const wish = parseRelayWish(value)
        if (!wish.ok) return wish
        const { to, sealed } = wish.value
        const other = this.#sockets.get(to)
        if (!other) return fail('peer-unknown', '')
        other.emit('relayed', { from: own, sealed })
        return ok(null)
      }),
    )
    socket.on('plan', async (value, reply) => {
      if (typeof reply !== 'function') return
      const wish = parsePlanWish(value)
      if (peer === null) reply(fail('not-proven', ''))
      else reply(wish.ok ? await this.#planner.plan(peer, wish.value) : wish)
    })
    socket.on('assign', (value, reply) =>
      proven(reply, (own) => {
        const wish = parseAssignWish(value)
        return wish.ok ? ok(this.#planner.assign(own, wish.value)) : wish
      }),
    )
    socket.on('job', async (value, reply) => {
      if (typeof reply !== 'function') return
      const wish = parseJobWish(value)
      if (peer === null) reply(fail('not-proven', ''))
      else reply(wish.ok ? await this.#jobs.wish(peer, wish.value) : wish)
    })
    socket.on('jobNews', (value, reply) =>
      proven(reply, (own) => {
        const news = parseJobNews(value)
        return news.ok ? this.#jobs.news(own, news.value) : news
      }),
    )
    socket.on('room', async (value, reply) => {
      if (typeof reply !== 'function') return
      const wish = parseRoomWish(value)
      if (peer === null) reply(fail('not-proven', ''))
      else reply(wish.ok ? await this.#rooms.wish(peer, wish.value) : wish)
    })
    socket.on('account', async (value, reply) => {
      if (typeof reply !== 'function') return
      const wish = parseAccountWish(value)
      const key = peer === null ? null : keyOfPeer(peer)
      if (key === null) reply(fail('not-proven', ''))
      else reply(wish.ok ? await this.#parts.accounts.wish(key, wish.value) : wish)
    })
    socket.on('credit', async (value, reply) => {
      if (typeof reply !== 'function') return
      const wish = parseCreditWish(value)
      const key = peer === null ? null : keyOfPeer(peer)
      const { address: remote, headers } = socket.handshake
      const forwarded = headers['x-forwarded-for']
      const said = Array.isArray(forwarded) ? forwarded.join(',') : forwarded
      const address = addressOf(remote, said, this.#parts.proxies)
      if (key === null) reply(fail('not-proven', ''))
      else reply(wish.ok ? await this.#parts.credits.wish({ key, address }, wish.value) : wish)
    })
    socket.on('look', (value, reply) =>
      proven(reply, (own) => {
        const on = parseLook(value)
        if (!on.ok) return on
        const room = typeof on.value === 'string' ? on.value : null
        const peers = () => (room === null ? null : this.#rooms.peersIn(own, room))
        this.#census.look(socket, on.value !== false, room === null ? null : { room, peers })
        return ok(null)
      }),
    )
    socket.on('leave', (_, reply) =>
      proven(reply, (own) => {
        this.roster.leave(own, this.#parts.nowMs())
        this.#gone(own)
        if (this.#sockets.get(own) === socket) this.#sockets.delete(own)
        peer = null
        return ok(null)
      }),
    )
    socket.emit('challenge', { nonce, server: name, protocols: SIGNAL_PROTOCOLS })
  }

  async #check({ protocol, key, run, signature }: Proof, name: string, nonce: string): Promise<Result<PeerId>> {
    if (protocol < SIGNAL_PROTOCOLS.min || protocol > SIGNAL_PROTOCOLS.max) {
      return fail('protocol-unknown', `This server speaks ${SIGNAL_PROTOCOLS.min} to ${SIGNAL_PROTOCOLS.max}.`)
    }
    const holds = await verifyText(key, 'connect', [name, nonce, run], signature)
    return holds ? ok(peerIdOf(key, run)) : fail('proof-invalid', '')
  }
}
