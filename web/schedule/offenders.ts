/**
 * Peers that this tab leaves out of its next routes, because they were there and passed nothing on: for a rest that doubles
 * with each time, until one of their routes has gone well. In memory only; nobody else is told.
 */
import { Breaker } from '../rules/breaker.ts'
import { AVOIDED_MAX, BREAKERS_MAX } from '../wire/limits/mesh.ts'
import type { PeerId } from '../wire/peers.ts'

export class Offenders {
  /** Who offended last is last. */
  readonly #breakers = new Map<PeerId, Breaker>()

  /** `chance`: 0 to 1. */
  offended(peer: PeerId, nowMs: number, chance: number): void {
    const breaker = this.#breakers.get(peer) ?? new Breaker(1)
    this.#breakers.delete(peer)
    const [oldest] = this.#breakers.keys()
    if (oldest !== undefined && this.#breakers.size >= BREAKERS_MAX) this.#breakers.delete(oldest)
    breaker.failed(nowMs, chance)
    this.#breakers.set(peer, breaker)
  }

  didWell(peers: readonly PeerId[]): void {
    for (const peer of peers) this.#breakers.delete(peer)
  }

  resting(nowMs: number): readonly PeerId[] {
    const resting = [...this.#breakers].filter(([, breaker]) => !breaker.closed(nowMs))
    return resting.map(([peer]) => peer).slice(-AVOIDED_MAX)
  }
}
