/**
 * A peer that speaks the mesh's own wire and lies: what its stage computes, and what goes over its links, is another thing
 * than it should be. For links in memory. The product knows nothing of it.
 */
import type { Link } from '../../web/mesh/link.ts'
import type { Urgency } from '../../web/mesh/pipe.ts'
import type { PeerSays } from '../../web/wire/peer-control.ts'
import type { PeerFrame } from '../../web/wire/peer-frame.ts'
import type { Failure, Result } from '../../web/wire/result.ts'
import type { MemoryChannel } from './memory-channel.ts'

export interface RawChannels {
  readonly control: MemoryChannel
  readonly tensors: MemoryChannel
}

export interface Lies {
  /** What goes out in the place of a frame; nothing for one that is held back. */
  readonly frames?: (frame: PeerFrame, to: string, raw: RawChannels) => readonly PeerFrame[]
  readonly words?: (word: PeerSays, to: string, raw: RawChannels) => readonly PeerSays[]
}

/** A link whose owner lies to the peer at its other end. */
export class LyingLink implements Link {
  readonly #inner: Link
  readonly #lies: Lies
  readonly #raw: RawChannels

  constructor(inner: Link, lies: Lies, raw: RawChannels) {
    this.#inner = inner
    this.#lies = lies
    this.#raw = raw
  }

  get peer(): string {
    return this.#inner.peer
  }

  get closed(): Promise<Failure> {
    return this.#inner.closed
  }

  get stats() {
    return this.#inner.stats
  }

  get roundTripMs(): number | null {
    return this.#inner.roundTripMs
  }

  ping(): void {
    this.#inner.ping()
  }

  async say(word: PeerSays): Promise<Result<null>> {
    let said: Result<null> = { ok: true, value: null }
    for (const other of this.#lies.words?.(word, this.peer, this.#raw) ?? [word]) said = await this.#inner.say(other)
    return said
  }

  async send(frame: PeerFrame, urgency: Urgency): Promise<Result<null>> {
    let sent: Result<null> = { ok: true, value: null }
    for (const other of this.#lies.frames?.(frame, this.peer, this.#raw) ?? [frame]) {
      sent = await this.#inner.send(other, urgency)
    }
    return sent
  }

  onSays(listener: (message: PeerSays) => void): void {
    this.#inner.onSays(listener)
  }

  onFrame(listener: (frame: PeerFrame) => void): void {
    this.#inner.onFrame(listener)
  }

  close(reason: Failure): void {
    this.#inner.close(reason)
  }
}
