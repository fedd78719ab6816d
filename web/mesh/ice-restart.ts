/**
 * Looks for another way where packets of a link no longer arrive: soon, then at doubling, jittered intervals, until they do
 * or it has been tried often enough. What is on the link stays on it meanwhile. Only the side that called does it; two
 * offers at once would meet. Knows no library.
 */
import { ICE_RESTART_MS, ICE_RESTART_MS_MAX, ICE_RESTARTS_MAX } from '../wire/limits/links.ts'

export interface IceParts {
  readonly state: () => RTCIceConnectionState
  /** Gathers addresses anew and offers them. */
  readonly restart: () => void
  /** Returns how to call it off. */
  readonly later: (ms: number, run: () => void) => () => void
  /** 0 to 1. */
  readonly chance: () => number
}

export class IceRestart {
  readonly #parts: IceParts
  #tries = 0
  #cancel: (() => void) | null = null
  #ended = false

  constructor(parts: IceParts) {
    this.#parts = parts
  }

  /** The state may be another one. */
  look(): void {
    const state = this.#parts.state()
    if (state === 'connected' || state === 'completed') {
      this.#tries = 0
      this.#rest()
    } else if (state === 'disconnected') this.#plan()
  }

  end(): void {
    this.#ended = true
    this.#rest()
  }

  #plan(): void {
    if (this.#ended || this.#cancel || this.#tries >= ICE_RESTARTS_MAX) return
    const ms = Math.min(ICE_RESTART_MS * 2 ** this.#tries, ICE_RESTART_MS_MAX)
    this.#cancel = this.#parts.later(ms * (0.5 + this.#parts.chance()), () => {
      this.#cancel = null
      this.#tries += 1
      this.#parts.restart()
      this.#plan()
    })
  }

  #rest(): void {
    this.#cancel?.()
    this.#cancel = null
  }
}
