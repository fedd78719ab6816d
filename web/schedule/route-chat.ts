/**
 * Answers over other peers: asks the planner for a route, links to everybody in it, and talks through it as a session does
 * through one stage. Knows the words of the model and none of its layers.
 */
import type { EngineWorkerApi, WorkerHead } from '../engine/worker-api.ts'
import type { Link } from '../mesh/link.ts'
import { keepsEnds } from '../rules/private-ends.ts'
import type { OnProgress } from '../weights/model-load.ts'
import type { ChatEvent, ChatMessage, ChatRequest } from '../wire/chat.ts'
import { AVOIDED_MAX, PLANS_MAX, PRIVATE_END_LAYERS } from '../wire/limits.ts'
import type { RequestId } from '../wire/peer-frame.ts'
import { type PeerId, seatOf } from '../wire/peers.ts'
import type { Plan, PlanWish, PrivateEnds } from '../wire/plan-events.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { ModelSource } from './engine-door.ts'
import type { Exchange } from './exchange.ts'
import { type GgufParts, GgufWorker } from './gguf-worker.ts'
import type { Hop } from './hop.ts'
import { LapMeter, type RouteTimes } from './lap-meter.ts'
import type { OwnEnds } from './own-ends.ts'
import { type RouteClock, type RouteEvent, RouteHop, type RouteParts } from './route-hop.ts'
import { linkAll } from './route-links.ts'
import { Session } from './session.ts'
import { talk } from './talk.ts'
import { UsageClock } from './usage-clock.ts'

const PRIVATE_ENDS: PrivateEnds = { first: PRIVATE_END_LAYERS, last: PRIVATE_END_LAYERS }

export interface RouteChatParts extends GgufParts {
  readonly self: PeerId
  /** The layers that this tab computes itself, for answers with private ends. */
  readonly ends: Pick<OwnEnds, 'load' | 'unload'>
  readonly plan: (wish: PlanWish) => Promise<Result<Plan>>
  readonly connect: (peer: string) => Promise<Result<Link>>
  readonly exchange: Pick<Exchange, 'linkTo' | 'join'>
  readonly clock: RouteClock
  readonly randomRequest: () => RequestId
  /** What happens to a route while it answers. */
  readonly onRoute: (request: RequestId, event: RouteEvent | { readonly kind: 'planned'; readonly plan: Plan }) => void
}

export class RouteChat {
  readonly #parts: RouteChatParts
  readonly #gguf: GgufWorker<EngineWorkerApi>
  #head: WorkerHead | null = null
  #source: ModelSource | null = null
  /** Answers under way with private ends. */
  #private = 0
  #laps: LapMeter | null = null

  constructor(parts: RouteChatParts) {
    this.#parts = parts
    this.#gguf = new GgufWorker(parts, () => {
      this.#head = null
    })
  }

  /** Of the newest route; null before the first. */
  get times(): RouteTimes | null {
    return this.#laps?.times ?? null
  }

  /** Only the words of the model are fetched. */
  async load(source: ModelSource, onProgress: OnProgress, signal: AbortSignal): Promise<Result<WorkerHead>> {
    const loaded = await this.#gguf.loadBy<WorkerHead>(
      (api, spec, said) => api.loadHead(spec, said) as Promise<Result<WorkerHead>>,
      source,
      onProgress,
      signal,
    )
    if (loaded.ok) [this.#head, this.#source] = [loaded.value, source]
    return loaded
  }

  async unload(): Promise<void> {
    await this.#parts.ends.unload()
    await this.#gguf.unload()
  }

  /** `privateEnds`: the first and the last layers are computed here, so that nobody else sees a token. */
  async *chat(
    request: ChatRequest,
    signal: AbortSignal,
    privateEnds = false,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    const ends = privateEnds ? PRIVATE_ENDS : null
    if (ends) this.#private += 1
    // The GPU is given back once nobody keeps ends here.
    else if (this.#private === 0) await this.#parts.ends.unload()
    try {
      yield* this.#answer(request, ends, signal)
    } finally {
      if (ends) this.#private -= 1
    }
  }

  async *#answer(
    request: ChatRequest,
    ends: PrivateEnds | null,
    signal: AbortSignal,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    const { now } = this.#parts
    const head = this.#head
    if (!head) return yield new UsageClock(now).end('error', fail('not-loaded', ''))
    const route = await this.#route(head, ends, signal)
    if (!route.ok) return yield new UsageClock(now).end(route.code === 'aborted' ? 'abort' : 'error', route)
    const session = new Session(1, [route.value], head.contextPositions)
    const encode = (messages: readonly ChatMessage[], begun: string) =>
      this.#gguf.door.call((api) => api.encodeChat(messages, begun) as Promise<Result<readonly number[]>>)
    try {
      yield* talk({ session, vocabulary: head.vocabulary, encode, now }, request, signal)
    } finally {
      await session.close()
    }
  }

  /** A route all of whose stages can be reached, or have a standby that can. Others are asked for where not. */
  async #route(head: WorkerHead, ends: PrivateEnds | null, signal: AbortSignal): Promise<Result<Hop>> {
    const { plan, connect, clock, randomRequest, onRoute, self } = this.#parts
    const avoid: PeerId[] = []
    for (let tries = 1; ; tries += 1) {
      const request = randomRequest()
      const wish = { request, modelId: head.id, layers: head.layers, positions: head.contextPositions, avoid, ends }
      const planned = await plan(wish)
      if (!planned.ok) return planned
      if (signal.aborted) return fail('aborted', '')
      if (planned.value.stages.at(-1)?.span.last !== head.layers) {
        return fail('event-invalid', 'The plan leaves layers out.')
      }
      if (ends) {
        if (!keepsEnds(planned.value.stages, self, ends, head.layers)) {
          return fail('event-invalid', 'The plan leaves an end to others.')
        }
        const own = this.#source && (await this.#parts.ends.load(this.#source, head, ends, signal))
        if (!own?.ok) return own ?? fail('not-loaded', '')
        // Tickets start within minutes or not at all: those of before the load may be too old.
        if (own.value && tries < PLANS_MAX) continue
      }
      onRoute(request, { kind: 'planned', plan: planned.value })
      const missing = await linkAll(planned.value.stages, { connect, every: clock.every })
      if (missing.length === 0) return ok(this.#hop(request, planned.value, head, ends !== null))
      avoid.push(...missing)
      if (tries === PLANS_MAX || avoid.length > AVOIDED_MAX) return fail('unreachable', '')
    }
  }

  #hop(request: RequestId, { stages }: Plan, { vocabulary }: WorkerHead, ownEnds: boolean): Hop {
    const { exchange, clock, onRoute, self } = this.#parts
    const tickets = new Map<string, string>()
    const nameOf = (index: number, peer: PeerId) => {
      if (ownEnds && index === 0) return seatOf(self, 'first')
      return ownEnds && index === stages.length - 1 ? seatOf(self, 'last') : peer
    }
    const route = stages.map(({ span, peer, standby, ticket }, index) => {
      const name = nameOf(index, peer)
      tickets.set(name, ticket)
      if (standby) tickets.set(standby.peer, standby.ticket)
      return { span, peer: name, standby: standby?.peer ?? null }
    })
    const laps = new LapMeter(clock.nowMs, () => hop.peers)
    this.#laps = laps
    const onEvent = (event: RouteEvent) => {
      laps.broke()
      onRoute(request, event)
    }
    const heard: RouteParts['exchange'] = {
      linkTo: (peer) => exchange.linkTo(peer),
      join: (name, own) => exchange.join(name, laps.beside(own)),
    }
    const ids = vocabulary.offsets.length - 1
    const hop: RouteHop = new RouteHop({ request, stages: route, tickets, exchange: heard, onEvent, clock, vocabulary: ids })
    return laps.around(hop)
  }
}
