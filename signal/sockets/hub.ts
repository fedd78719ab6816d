/**
 * The sockets of all tabs: proves who a tab is, keeps its lease, and carries sealed words between two of them. It reads no
 * word that it carries. Every event is parsed here and nowhere else; what is wrong is answered by a code, and a socket that
 * says too much is closed.
 */
import { randomBytes } from 'node:crypto'
import type { Server as HttpServer } from 'node:http'
import { Server, type Socket } from 'socket.io'
import { Roster } from '../../web/rules/roster.ts'
import { EVENT_BYTES_MAX, LEASE_SWEEP_MS, PROVE_MS_MAX } from '../../web/wire/limits.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import {
  type PeerId,
  type Proof,
  parsePresence,
  parseProof,
  parseRelayWish,
  peerIdOf,
  type Reply,
  type ServerSays,
  SIGNAL_PROTOCOLS,
  type TabSays,
} from '../../web/wire/signal-events.ts'
import { EventRate } from './rate.ts'
import { verifyText } from './verify.ts'

type TabSocket = Socket<TabSays, ServerSays>

export interface HubParts {
  readonly server: HttpServer
  /** Names this server in what tabs sign: its public address. */
  readonly name: string
  readonly nowMs: () => number
}

export class Hub {
  readonly roster = new Roster()
  readonly #parts: HubParts
  readonly #io: Server<TabSays, ServerSays>
  readonly #sockets = new Map<PeerId, TabSocket>()
  readonly #sweeping: ReturnType<typeof setInterval>

  constructor(parts: HubParts) {
    this.#parts = parts
    this.#io = new Server(parts.server, {
      transports: ['websocket'],
      maxHttpBufferSize: EVENT_BYTES_MAX,
      perMessageDeflate: false,
      serveClient: false,
    })
    this.#io.on('connection', (socket) => this.#meet(socket))
    this.#sweeping = setInterval(() => this.roster.sweep(parts.nowMs()), LEASE_SWEEP_MS)
    this.#sweeping.unref()
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeping)
    await this.#io.close()
  }

  #meet(socket: TabSocket): void {
    const nonce = randomBytes(24).toString('base64url')
    const rate = new EventRate(this.#parts.nowMs())
    const late = setTimeout(() => socket.disconnect(true), PROVE_MS_MAX)
    let peer: PeerId | null = null
    let proving = false
    socket.use((_, next) => {
      if (rate.take(this.#parts.nowMs())) next()
      else socket.disconnect(true)
    })
    socket.on('disconnect', () => {
      clearTimeout(late)
      if (peer !== null && this.#sockets.get(peer) === socket) {
        this.#sockets.delete(peer)
        this.roster.lose(peer, this.#parts.nowMs())
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
      const checked = proof.ok ? await this.#check(proof.value, nonce) : proof
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
      const resume = proof.ok ? proof.value.resume : null
      const joined = this.roster.join(peer, resume, fresh, this.#parts.nowMs())
      reply(ok({ resume: joined.resume, timeMs: this.#parts.nowMs() }))
    })
    socket.on('presence', (value, reply) =>
      proven(reply, (own) => {
        const presence = parsePresence(value)
        if (!presence.ok) return presence
        return this.roster.hear(own, presence.value, this.#parts.nowMs()) ? ok(null) : fail('not-proven', '')
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
    socket.on('leave', (_, reply) =>
      proven(reply, (own) => {
        this.roster.leave(own)
        return ok(null)
      }),
    )
    socket.emit('challenge', { nonce, server: this.#parts.name, protocols: SIGNAL_PROTOCOLS })
  }

  async #check({ protocol, key, run, signature }: Proof, nonce: string): Promise<Result<PeerId>> {
    if (protocol < SIGNAL_PROTOCOLS.min || protocol > SIGNAL_PROTOCOLS.max) {
      return fail('protocol-unknown', `This server speaks ${SIGNAL_PROTOCOLS.min} to ${SIGNAL_PROTOCOLS.max}.`)
    }
    const holds = await verifyText(key, 'connect', [this.#parts.name, nonce, run], signature)
    return holds ? ok(peerIdOf(key, run)) : fail('proof-invalid', '')
  }
}
