/**
 * A link to one peer: what it says and the frames it sends, each parsed before anybody sees it. A link carries two pipes,
 * so that a word is never behind tensors. A peer that does not keep to the format is closed with the reason and harms
 * nobody else.
 */
import { Rate } from '../rules/rate.ts'
import {
  FRAMES_BURST_MAX,
  FRAMES_PER_SECOND_MAX,
  ROUND_TRIP_MS_MAX,
  ROUND_TRIPS_KEPT,
  WORDS_BURST_MAX,
  WORDS_PER_SECOND_MAX,
} from '../wire/limits/links.ts'
import { type ControlSays, type LinkSays, type PeerSays, readPeerSays, writePeerSays } from '../wire/peer-control.ts'
import { decodePeerFrame, encodePeerFrame, type PeerFrame } from '../wire/peer-frame.ts'
import { type Failure, fail, type Result } from '../wire/result.ts'
import type { Pipe, PipeStats, Urgency } from './pipe.ts'

export interface LinkStats {
  readonly control: PipeStats
  readonly tensors: PipeStats
}

export interface Link {
  /** Who is at the other end: proven before the link was made. */
  readonly peer: string
  /** Refusals of both: those of `Pipe.send`. */
  say(message: PeerSays): Promise<Result<null>>
  send(frame: PeerFrame, urgency: Urgency): Promise<Result<null>>
  /** One listener each. */
  onSays(listener: (message: PeerSays) => void): void
  onFrame(listener: (frame: PeerFrame) => void): void
  /** Idempotent, the only exit. */
  close(reason: Failure): void
  readonly closed: Promise<Failure>
  readonly stats: LinkStats
  /** Asks the other side for an answer, which tells the round trip. */
  ping(): void
  /** There and back, as its newest answers say; null before the first. */
  readonly roundTripMs: number | null
}

export class PipeLink implements Link {
  readonly peer: string
  readonly closed: Promise<Failure>
  readonly #control: Pipe
  readonly #tensors: Pipe
  readonly #nowMs: () => number
  readonly #words: Rate
  readonly #frames: Rate
  #pinged: { readonly id: number; readonly atMs: number } = { id: 0, atMs: 0 }
  #roundTripsMs: readonly number[] = []

  constructor(peer: string, control: Pipe, tensors: Pipe, nowMs: () => number = () => performance.now()) {
    this.peer = peer
    this.#control = control
    this.#tensors = tensors
    this.#nowMs = nowMs
    this.#words = new Rate({ perSecond: WORDS_PER_SECOND_MAX, burst: WORDS_BURST_MAX }, nowMs())
    this.#frames = new Rate({ perSecond: FRAMES_PER_SECOND_MAX, burst: FRAMES_BURST_MAX }, nowMs())
    this.closed = Promise.race([control.closed, tensors.closed])
    void this.closed.then((reason) => this.close(reason))
  }

  get stats(): LinkStats {
    return { control: this.#control.stats, tensors: this.#tensors.stats }
  }

  get roundTripMs(): number | null {
    return this.#roundTripsMs.length === 0 ? null : Math.min(...this.#roundTripsMs)
  }

  ping(): void {
    this.#pinged = { id: this.#pinged.id + 1, atMs: this.#nowMs() }
    void this.#write({ says: 'ping', id: this.#pinged.id })
  }

  say(message: PeerSays): Promise<Result<null>> {
    return this.#write(message)
  }

  send(frame: PeerFrame, urgency: Urgency): Promise<Result<null>> {
    return this.#tensors.send(encodePeerFrame(frame), urgency)
  }

  onSays(listener: (message: PeerSays) => void): void {
    this.#control.onMessage((bytes) => {
      if (!this.#words.take(this.#nowMs())) return this.close(fail('link-flooded', 'It said too much.'))
      const message = readPeerSays(new TextDecoder().decode(bytes))
      if (!message.ok) this.close(message)
      else if (isAboutLink(message.value)) this.#hear(message.value)
      else listener(message.value)
    })
  }

  onFrame(listener: (frame: PeerFrame) => void): void {
    this.#tensors.onMessage((bytes) => {
      if (!this.#frames.take(this.#nowMs())) return this.close(fail('link-flooded', 'It sent too many frames.'))
      const frame = decodePeerFrame(bytes)
      if (frame.ok) listener(frame.value)
      else this.close(frame)
    })
  }

  close(reason: Failure = fail('link-closed', '')): void {
    this.#control.close(reason)
    this.#tensors.close(reason)
  }

  /** An answer to an older ping says nothing: who answers late, or twice, is not nearer for it. */
  #hear({ says, id }: LinkSays): void {
    if (says === 'ping') {
      void this.#write({ says: 'pong', id })
      return
    }
    if (id !== this.#pinged.id || this.#pinged.atMs < 0) return
    const tookMs = this.#nowMs() - this.#pinged.atMs
    this.#pinged = { id, atMs: -1 }
    if (tookMs <= ROUND_TRIP_MS_MAX) this.#roundTripsMs = [...this.#roundTripsMs, tookMs].slice(-ROUND_TRIPS_KEPT)
  }

  #write(message: ControlSays): Promise<Result<null>> {
    return this.#control.send(new TextEncoder().encode(writePeerSays(message)), 'now')
  }
}

function isAboutLink(message: ControlSays): message is LinkSays {
  return message.says === 'ping' || message.says === 'pong'
}
