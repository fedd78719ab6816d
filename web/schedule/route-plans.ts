/**
 * The plans of one answer over other peers: a first one, and others for the same request where its route is lost. Each is
 * looked at before it is believed, and counts only when somebody in every place of it can be reached. Opens no stage.
 */
import type { WorkerHead } from '../engine/worker-api.ts'
import type { Link } from '../mesh/link.ts'
import { keepsEnds } from '../rules/private-ends.ts'
import { AVOIDED_MAX, PLANS_MAX } from '../wire/limits/mesh.ts'
import { LEASE_MS } from '../wire/limits/signalling.ts'
import type { RequestId } from '../wire/peer-frame.ts'
import { type PeerId, seatOf } from '../wire/peers.ts'
import type { KeptStage, Plan, PlanPays, PlanWish, PrivateEnds } from '../wire/plan-events.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import type { RoomId } from '../wire/rooms.ts'
import type { ModelSource } from './engine-door.ts'
import type { Offenders } from './offenders.ts'
import type { OwnEnds } from './own-ends.ts'
import type { RoutePlan } from './route-line.ts'
import { linkAll } from './route-links.ts'
import type { RouteClock } from './route-parts.ts'

export interface RoutePlansParts {
  readonly self: PeerId
  /** The layers that this tab computes itself, for answers with private ends. */
  readonly ends: Pick<OwnEnds, 'load' | 'unload'>
  readonly plan: (wish: PlanWish) => Promise<Result<Plan>>
  /** Within a room: refused where the peer does not belong to it. */
  readonly connect: (peer: string, room: RoomId | null) => Promise<Result<Link>>
  readonly clock: RouteClock
  readonly randomRequest: () => RequestId
  /** A request that was planned and is not asked of anybody. */
  readonly over?: (request: RequestId) => void
  /** 0 to 1. */
  readonly chance?: () => number
}

export interface RouteWish {
  readonly head: Pick<WorkerHead, 'id' | 'layers' | 'activeParameters' | 'contextPositions'>
  readonly source: ModelSource | null
  readonly ends: PrivateEnds | null
  readonly room: RoomId | null
  /** Null where nothing is offered. */
  readonly pays?: PlanPays | null
}

export class RoutePlans {
  readonly #parts: RoutePlansParts
  readonly #offenders: Offenders
  #wish: RouteWish
  /** Only these are in the route, whoever else has a link: within a room they have shown that they belong to it. */
  readonly #met = new Set<PeerId>()
  /** Until when each of them is left out. */
  readonly #lostMs = new Map<PeerId, number>()
  #stranger: Failure | null = null
  #request: RequestId = ''

  constructor(parts: RoutePlansParts, offenders: Offenders, wish: RouteWish) {
    this.#parts = parts
    this.#offenders = offenders
    this.#wish = wish
  }

  /** Of the newest plan that began a request. */
  get request(): RequestId {
    return this.#request
  }

  hasMet(peer: PeerId): boolean {
    return this.#met.has(peer)
  }

  /** `onPlanned`: of each plan that is tried. Refusals: those of the planner and of the load of own ends; `unreachable`. */
  async first(onPlanned: (request: RequestId, plan: Plan) => void, signal: AbortSignal): Promise<Result<Plan>> {
    const { ends, clock, randomRequest } = this.#parts
    const { head, source, ends: own } = this.#wish
    const avoid: PeerId[] = []
    for (let tries = 1; ; tries += 1) {
      this.#request = randomRequest()
      const planned = await this.#ask([...this.#offenders.resting(clock.nowMs()), ...avoid])
      if (!planned.ok) return this.#stranger ?? planned
      if (signal.aborted) return this.#let(fail('aborted', ''))
      const wrong = this.#whyNot(planned.value)
      if (wrong) return this.#let(wrong)
      if (own) {
        const loaded = source && (await ends.load(source, head, own, signal))
        if (!loaded?.ok) return this.#let(loaded ?? fail('not-loaded', ''))
        // Tickets start within minutes or not at all: those of before the load may be too old.
        if (loaded.value && tries < PLANS_MAX) {
          this.#parts.over?.(this.#request)
          continue
        }
      }
      onPlanned(this.#request, planned.value)
      const missing = await this.#missing(planned.value)
      if (missing.length === 0) return planned
      avoid.push(...missing)
      this.#parts.over?.(this.#request)
      if (tries === PLANS_MAX || avoid.length > AVOIDED_MAX) return this.#stranger ?? fail('unreachable', '')
    }
  }

  /** The same stages for a next answer, which is a request of its own. Refusals: those of the planner; `event-invalid` where it names others. */
  async renew(stages: readonly KeptStage[], pays: PlanPays): Promise<Result<Plan>> {
    const request = this.#parts.randomRequest()
    const resting = this.#offenders.resting(this.#parts.clock.nowMs())
    const planned = await this.#ask(resting, { request, pays, again: stages })
    if (!planned.ok) return planned
    const wrong = isSameRoute(planned.value.stages, stages) ? this.#whyNot(planned.value) : NOT_AGAIN
    if (wrong) {
      this.#parts.over?.(request)
      return wrong
    }
    this.#request = request
    this.#wish = { ...this.#wish, pays }
    // Who stands by is not waited for: it is there for what may happen later.
    for (const { standby } of planned.value.stages)
      if (standby && !this.hasMet(standby.peer)) void this.#meet(standby.peer)
    return planned
  }

  /** A stage is gone. Who is only away may be back once the server has seen it go; who did nothing is asked no more. */
  lost(peer: PeerId, { code }: Failure): void {
    const { clock, chance = Math.random } = this.#parts
    if (code === 'stage-mute') this.#offenders.offended(peer, clock.nowMs(), chance())
    this.#lostMs.set(peer, code === 'stage-mute' ? Number.POSITIVE_INFINITY : clock.nowMs() + LEASE_MS)
  }

  /** For the same request, without those who are gone. Refusals: those of the planner; `route-broken` where an own end is. */
  async again(): Promise<Result<RoutePlan>> {
    const nowMs = this.#parts.clock.nowMs()
    if (this.#wish.ends && this.#lostMs.has(this.#parts.self)) return fail('route-broken', '')
    const lately = [...this.#lostMs].filter(([, untilMs]) => nowMs < untilMs).map(([peer]) => peer)
    const planned = await this.#ask([...this.#offenders.resting(nowMs), ...lately])
    if (!planned.ok) return planned
    const wrong = this.#whyNot(planned.value)
    if (wrong) return wrong
    const missing = await this.#missing(planned.value)
    for (const peer of missing) this.lost(peer, fail('unreachable', ''))
    return missing.length === 0 ? ok(this.layOut(planned.value)) : (this.#stranger ?? fail('unreachable', ''))
  }

  /** Own ends stand at their seats. */
  layOut({ stages, predictedMs }: Plan): RoutePlan {
    const { self } = this.#parts
    const tickets = new Map<string, string>()
    const nameOf = (index: number, peer: PeerId) => {
      if (this.#wish.ends && index === 0) return seatOf(self, 'first')
      return this.#wish.ends && index === stages.length - 1 ? seatOf(self, 'last') : peer
    }
    const route = stages.map(({ span, peer, standby, ticket }, index) => {
      const name = nameOf(index, peer)
      tickets.set(name, ticket)
      if (standby) tickets.set(standby.peer, standby.ticket)
      return { span, peer: name, standby: standby?.peer ?? null }
    })
    return { stages: route, tickets, plannedMs: predictedMs }
  }

  /** Nobody is asked. */
  #let(failure: Failure): Failure {
    this.#parts.over?.(this.#request)
    return failure
  }

  #ask(avoid: readonly PeerId[], next: Partial<PlanWish> = {}): Promise<Result<Plan>> {
    const { head, ends, room, pays } = this.#wish
    const { id: modelId, layers, contextPositions: positions } = head
    const left = [...new Set(avoid)].slice(-AVOIDED_MAX)
    const about = { request: this.#request, modelId, layers, positions, avoid: left, ends, room }
    return this.#parts.plan({ ...about, ...(pays ? { pays } : {}), ...next })
  }

  #whyNot({ stages }: Plan): Failure | null {
    const { head, ends } = this.#wish
    if (stages.at(-1)?.span.last !== head.layers) return fail('event-invalid', 'The plan leaves layers out.')
    if (!ends || keepsEnds(stages, this.#parts.self, ends, head.layers)) return null
    return fail('event-invalid', 'The plan leaves an end to others.')
  }

  #missing({ stages }: Plan): Promise<readonly PeerId[]> {
    return linkAll(stages, { connect: (peer) => this.#meet(peer), every: this.#parts.clock.every })
  }

  async #meet(peer: PeerId): Promise<Result<Link>> {
    const link = await this.#parts.connect(peer, this.#wish.room)
    if (link.ok) this.#met.add(peer)
    else if (link.code === 'peer-not-member') this.#stranger = link
    return link
  }
}

const NOT_AGAIN = fail('event-invalid', 'The plan names another route.')

function isSameRoute(planned: readonly KeptStage[], stages: readonly KeptStage[]): boolean {
  const name = ({ peer, span }: KeptStage) => `${span.first} ${span.last} ${peer}`
  return planned.map(name).join() === stages.map(name).join()
}
