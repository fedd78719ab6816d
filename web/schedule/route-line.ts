/**
 * Who stands where in a route now, who of them is dead, and who may step in: the plan as it is after some losses, until
 * another plan takes its place. Sends nothing and waits for nobody.
 */
import type { StagePlace } from '../wire/peer-control.ts'
import type { LayerSpan } from '../wire/peers.ts'
import type { Failure } from '../wire/result.ts'
import { placeOf, sparesOf } from './route-places.ts'

export interface RouteStage {
  readonly span: LayerSpan
  /** Or a seat of this tab. */
  readonly peer: string
  readonly standby: string | null
}

export interface RoutePlan {
  readonly stages: readonly RouteStage[]
  /** By peer, standbys too. */
  readonly tickets: ReadonlyMap<string, string>
  /** Of one token; what is measured says more. */
  readonly plannedMs?: number
}

export class RouteLine {
  readonly #isLinked: (peer: string) => boolean
  #plan: RoutePlan
  #peers: string[]
  readonly #dead = new Map<string, Failure>()

  constructor(plan: RoutePlan, isLinked: (peer: string) => boolean) {
    this.#plan = plan
    this.#peers = plan.stages.map(({ peer }) => peer)
    this.#isLinked = isLinked
  }

  /** First to tail. */
  get peers(): readonly string[] {
    return this.#peers
  }

  get tail(): string {
    return this.#peers.at(-1) ?? ''
  }

  /** Who has died and still has a place. */
  get dead(): readonly string[] {
    return [...this.#dead.keys()]
  }

  peerAt(index: number): string {
    return this.#peers[index] ?? ''
  }

  placeAt(index: number): StagePlace {
    return placeOf(this.#plan.stages, this.#peers, index)
  }

  /** Who may take the places of a stage's neighbours. */
  sparesAt(index: number): readonly string[] {
    return sparesOf(this.#plan.stages, this.#peers, index)
  }

  ticketOf(peer: string): string {
    return this.#plan.tickets.get(peer) ?? ''
  }

  spanOf(peer: string): LayerSpan {
    return this.#plan.stages[this.#peers.indexOf(peer)]?.span ?? { first: 0, last: 0 }
  }

  /** Null where nobody can take its place. */
  standbyOf(peer: string): string | null {
    const standby = this.#plan.stages[this.#peers.indexOf(peer)]?.standby ?? null
    return standby !== null && standby !== peer && this.#isLinked(standby) ? standby : null
  }

  /** False for who is dead already, or has no place here. */
  die(peer: string, reason: Failure): boolean {
    if (!this.#peers.includes(peer) || this.#dead.has(peer)) return false
    this.#dead.set(peer, reason)
    return true
  }

  /** Standbys step into the places of the dead, which are added to `fresh`. False where somebody has no standby. */
  promote(fresh: Set<number>): boolean {
    for (const peer of this.#dead.keys()) {
      const index = this.#peers.indexOf(peer)
      const standby = this.standbyOf(peer)
      if (standby === null) return false
      this.#peers[index] = standby
      fresh.add(index)
      this.#dead.delete(peer)
    }
    return true
  }

  /**
   * Another plan for the same request. Whoever has the same layers in both keeps what it holds; the places of all others
   * are in `fresh` afterwards. `known`: who was dead when it was asked for; where one of them is in it, it is back. Value:
   * who has no place any more.
   */
  lay(plan: RoutePlan, known: readonly string[], fresh: Set<number>): readonly string[] {
    const keyOf = (peer: string, { first, last }: LayerSpan) => `${first} ${last} ${peer}`
    const ready = this.#peers.filter((peer, index) => !fresh.has(index) && !this.#dead.has(peer))
    const holding = new Set(ready.map((peer) => keyOf(peer, this.spanOf(peer))))
    const before = this.#peers
    this.#plan = plan
    this.#peers = plan.stages.map(({ peer }) => peer)
    fresh.clear()
    for (const [index, { peer, span }] of plan.stages.entries()) if (!holding.has(keyOf(peer, span))) fresh.add(index)
    for (const peer of this.dead) if (known.includes(peer) || !this.#peers.includes(peer)) this.#dead.delete(peer)
    return before.filter((peer) => !this.#peers.includes(peer))
  }
}
