/**
 * Who is there: peers by their leases. A peer that says nothing for `LEASE_MS` is gone; one whose socket closed is gone
 * unless it comes back within `RESUME_MS`. The lease decides, never a claim of the tab. Pure: the time comes in.
 */
import { LEASE_MS, RESUME_MS } from '../wire/limits/signalling.ts'
import type { PeerId } from '../wire/peers.ts'
import type { Presence } from '../wire/signal-events.ts'
import { Hazards } from './hazard.ts'

export interface RosterPeer {
  readonly id: PeerId
  /** Null until it has said what it holds. */
  readonly presence: Presence | null
  readonly resume: string
  readonly untilMs: number
  readonly connected: boolean
}

export class Roster {
  readonly #peers = new Map<PeerId, RosterPeer>()
  /** Who holds or offers something of a model: a plan looks at those alone, however many are here. */
  readonly #serving = new Map<string, Set<PeerId>>()
  readonly #hazards = new Hazards()

  get size(): number {
    return this.#peers.size
  }

  peer(id: PeerId): RosterPeer | null {
    return this.#peers.get(id) ?? null
  }

  all(): readonly RosterPeer[] {
    return [...this.#peers.values()]
  }

  /** Those who hold or offer something of this model. */
  serving(modelId: string): readonly RosterPeer[] {
    return [...(this.#serving.get(modelId) ?? [])].flatMap((id) => this.#peers.get(id) ?? [])
  }

  /** A proven peer. `resume`: what it was given when it was here before; the right one keeps what it had said. */
  join(id: PeerId, resume: string | null, fresh: string, nowMs: number): RosterPeer {
    const known = this.#peers.get(id)
    const back = known && resume !== null && known.resume === resume
    const peer = {
      id,
      presence: back ? known.presence : null,
      resume: back ? known.resume : fresh,
      untilMs: nowMs + LEASE_MS,
      connected: true,
    }
    this.#put(peer)
    return peer
  }

  /** Also renews the lease, and no more where it is the very presence that is known. False for a peer that is not here. */
  hear(id: PeerId, presence: Presence, nowMs: number): boolean {
    const peer = this.#peers.get(id)
    if (!peer) return false
    if (presence === peer.presence) {
      this.#peers.set(id, { ...peer, untilMs: nowMs + LEASE_MS })
      return true
    }
    if (!serves(presence)) this.#ended(peer, true, nowMs)
    this.#put({ ...peer, presence, untilMs: nowMs + LEASE_MS })
    return true
  }

  /** As the process that has its tab tells of it: that one ends its lease, or is gone itself. */
  mirror(id: PeerId, told: Pick<RosterPeer, 'presence' | 'resume' | 'connected'>, nowMs: number): void {
    const known = this.#peers.get(id)
    if (known && told.presence && !serves(told.presence)) this.#ended(known, true, nowMs)
    this.#put({ id, ...told, untilMs: Number.POSITIVE_INFINITY })
  }

  /** Its socket closed without a word. */
  lose(id: PeerId, nowMs: number): void {
    const peer = this.#peers.get(id)
    if (peer) this.#peers.set(id, { ...peer, connected: false, untilMs: Math.min(peer.untilMs, nowMs + RESUME_MS) })
  }

  leave(id: PeerId, nowMs: number, announced = true): void {
    const peer = this.#peers.get(id)
    if (!peer) return
    this.#ended(peer, announced, nowMs)
    this.#take(peer)
  }

  /** How likely the device of a peer is to be gone without a word: 0 to 1. */
  hazard(id: PeerId, nowMs: number): number {
    return this.#hazards.of(deviceOf(id), nowMs)
  }

  /** Takes out whose lease has ended and says who. */
  sweep(nowMs: number): readonly PeerId[] {
    const gone = this.all().filter(({ untilMs }) => untilMs <= nowMs)
    for (const peer of gone) {
      this.#ended(peer, false, nowMs)
      this.#take(peer)
    }
    return gone.map(({ id }) => id)
  }

  /** Only of who served: nobody waits for a tab that asks. */
  #ended({ id, presence }: RosterPeer, announced: boolean, nowMs: number): void {
    if (presence && serves(presence)) this.#hazards.ended(deviceOf(id), announced, nowMs)
  }

  #put(peer: RosterPeer): void {
    const before = this.#peers.get(peer.id)
    this.#peers.set(peer.id, peer)
    const models = modelsOf(peer)
    if (before) for (const model of modelsOf(before)) if (!models.has(model)) this.#forget(peer.id, model)
    for (const model of models) {
      const serving = this.#serving.get(model)
      if (serving) serving.add(peer.id)
      else this.#serving.set(model, new Set([peer.id]))
    }
  }

  #take(peer: RosterPeer): void {
    this.#peers.delete(peer.id)
    for (const model of modelsOf(peer)) this.#forget(peer.id, model)
  }

  #forget(id: PeerId, model: string): void {
    const serving = this.#serving.get(model)
    serving?.delete(id)
    if (serving?.size === 0) this.#serving.delete(model)
  }
}

/** Of a proven peer, whose id was parsed when it came: there is no need to do it for each of a thousand once more. */
function deviceOf(id: PeerId): string {
  const end = id.indexOf('/')
  return end < 0 ? id : id.slice(0, end)
}

function modelsOf({ presence }: RosterPeer): ReadonlySet<string> {
  return new Set([...(presence?.held ?? []), ...(presence?.offers ?? [])].map(({ modelId }) => modelId))
}

function serves({ held, offers }: Presence): boolean {
  return held.length + offers.length > 0
}
