/**
 * A link to one peer: what it says and the frames it sends, each parsed before anybody sees it. A link carries two pipes,
 * so that a word is never behind tensors. A peer that does not keep to the format is closed with the reason and harms
 * nobody else.
 */
import { type PeerSays, readPeerSays, writePeerSays } from '../wire/peer-control.ts'
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
}

export class PipeLink implements Link {
  readonly peer: string
  readonly closed: Promise<Failure>
  readonly #control: Pipe
  readonly #tensors: Pipe

  constructor(peer: string, control: Pipe, tensors: Pipe) {
    this.peer = peer
    this.#control = control
    this.#tensors = tensors
    this.closed = Promise.race([control.closed, tensors.closed])
    void this.closed.then((reason) => this.close(reason))
  }

  get stats(): LinkStats {
    return { control: this.#control.stats, tensors: this.#tensors.stats }
  }

  say(message: PeerSays): Promise<Result<null>> {
    return this.#control.send(new TextEncoder().encode(writePeerSays(message)), 'now')
  }

  send(frame: PeerFrame, urgency: Urgency): Promise<Result<null>> {
    return this.#tensors.send(encodePeerFrame(frame), urgency)
  }

  onSays(listener: (message: PeerSays) => void): void {
    this.#control.onMessage((bytes) => {
      const message = readPeerSays(new TextDecoder().decode(bytes))
      if (message.ok) listener(message.value)
      else this.close(message)
    })
  }

  onFrame(listener: (frame: PeerFrame) => void): void {
    this.#tensors.onMessage((bytes) => {
      const frame = decodePeerFrame(bytes)
      if (frame.ok) listener(frame.value)
      else this.close(frame)
    })
  }

  close(reason: Failure = fail('link-closed', '')): void {
    this.#control.close(reason)
    this.#tensors.close(reason)
  }
}
