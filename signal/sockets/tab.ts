/**
 * One socket of a tab, as the hub keeps it: who it has proven to be, how much it may say, and the names of its requests in the
 * log. It speaks to nobody by itself. There are thousands: what is not needed after the first word is let go.
 */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'socket.io'
import { Rate } from '../../web/rules/rate.ts'
import { EVENTS_BURST_MAX, EVENTS_PER_SECOND_MAX } from '../../web/wire/limits/signalling.ts'
import type { PeerId } from '../../web/wire/peers.ts'
import type { ServerSays, TabSays } from '../../web/wire/signal-events.ts'

export type TabSocket = Socket<TabSays, ServerSays>

export class Tab {
  readonly socket: TabSocket
  readonly openedMs: number
  /** Null until it has proven its key. */
  peer: PeerId | null = null
  /** What it has to sign; null once it has tried: a nonce is for one signature. */
  nonce: string | null = randomBytes(24).toString('base64url')
  resume = ''
  /** Ends a socket that proves nothing. */
  late: ReturnType<typeof setTimeout> | null = null
  readonly #rate: Rate
  #said = 0

  constructor(socket: TabSocket, nowMs: number) {
    this.socket = socket
    this.openedMs = nowMs
    this.#rate = new Rate({ perSecond: EVENTS_PER_SECOND_MAX, burst: EVENTS_BURST_MAX }, nowMs)
  }

  /** False: it says too much. */
  maySpeak(nowMs: number): boolean {
    this.#said += 1
    return this.#rate.take(nowMs)
  }

  /** Of what it said last. The tab knows the first half as its socket's id. */
  get request(): string {
    return `${this.socket.id}.${this.#said}`
  }

  /** What the tab asked for: it compares before it signs, so that no other server can pass a signature on to this one. */
  get server(): string {
    return this.socket.handshake.headers.host ?? ''
  }

  proves(): void {
    if (this.late !== null) clearTimeout(this.late)
    this.late = null
  }
}
