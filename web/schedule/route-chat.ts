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
import { type PeerId, peerOfSeat, seatOf } from '../wire/peers.ts'
import type { Plan, PlanWish, PrivateEnds } from '../wire/plan-events.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import type { RoomId } from '../wire/rooms.ts'
import type { ModelSource } from './engine-door.ts'
import type { Exchange } from './exchange.ts'
import { type GgufParts, GgufWorker } from './gguf-worker.ts'
import { type Keepable, KeptRoute } from './kept-route.ts'
import { LapMeter, type RouteTimes } from './lap-meter.ts'
import type { OwnEnds } from './own-ends.ts'
import { type RouteClock, type RouteEvent, RouteHop, type RouteParts } from './route-hop.ts'
import { linkAll } from './route-links.ts'
import { Session } from './session.ts'
import { type TalkParts, talk } from './talk.ts'
import { UsageClock } from './usage-clock.ts'

const PRIVATE_ENDS: PrivateEnds = { first: PRIVATE_END_LAYERS, last: PRIVATE_END_LAYERS }

export interface RouteChatParts extends GgufParts {
  readonly self: PeerId
  /** The layers that this tab computes itself, for answers with private ends. */
  readonly ends: Pick<OwnEnds, 'load' | 'unload'>
  readonly plan: (wish: PlanWish) => Promise<Result<Plan>>
  /** Within a room: refused where the peer does not belong to it. */
  readonly connect: (peer: string, room: RoomId | null) => Promise<Result<Link>>
  readonly exchange: Pick<Exchange, 'linkTo' | 'join'>
  readonly clock: RouteClock
  readonly randomRequest: () => RequestId
  /** What happens to a route while it answers. */
  readonly onRoute: (request: RequestId, event: RouteEvent | { readonly kind: 'planned'; readonly plan: Plan }) => void
}

interface OpenRoute extends Keepable {
  readonly request: RequestId
  readonly plan: Plan
  readonly session: Session
}

export class RouteChat {
  readonly #parts: RouteChatParts
  readonly #gguf: GgufWorker<EngineWorkerApi>
  #head: WorkerHead | null = null
  #source: ModelSource | null = null
  readonly #kept: KeptRoute<OpenRoute>
  /** Answers under way with private ends. */
  #private = 0
  #laps: LapMeter | null = null

  constructor(parts: RouteChatParts) {
    this.#parts = parts
    this.#kept = new KeptRoute(parts.clock)
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
    await this.#kept.close()
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
    await this.#kept.close()
    await this.#parts.ends.unload()
    await this.#gguf.unload()
  }

  /** As `ChatEngine.count`. */
  async count(messages: readonly ChatMessage[], signal: AbortSignal): Promise<Result<number>> {
    if (!this.#head) return fail('not-loaded', '')
    const prompt = await this.#encode(messages, '')
    if (signal.aborted) return fail('aborted', '')
    return prompt.ok ? ok(prompt.value.length) : prompt
  }

  /** `room`: over its members alone; null for anyone. `privateEnds`: the first and the last layers are computed here, so that nobody else sees a token. */
  async *chat(
    request: ChatRequest,
    signal: AbortSignal,
    privateEnds = false,
    room: RoomId | null = null,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    const ends = privateEnds ? PRIVATE_ENDS : null
    if (ends) this.#private += 1
    try {
      yield* this.#answer(request, ends, room, signal)
    } finally {
      if (ends) this.#private -= 1
    }
  }

  async *#answer(
    request: ChatRequest,
    ends: PrivateEnds | null,
    room: RoomId | null,
    signal: AbortSignal,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    const { now, onRoute } = this.#parts
    const head = this.#head
    const failed = (reason: Failure) => new UsageClock(now).end(reason.code === 'aborted' ? 'abort' : 'error', reason)
    if (!head) return yield failed(fail('not-loaded', ''))
    const prompt = await this.#encode(request.messages, '')
    if (!prompt.ok) return yield failed(prompt)
    const encode: TalkParts['encode'] = async (messages, begun) =>
      begun === '' ? prompt : this.#encode(messages, begun)
    const kind = `${head.id} ${ends ? 'private' : ''} ${room ?? ''}`
    const kept = request.resume ? null : await this.#kept.take(kind, prompt.value)
    // The GPU is given back once nobody keeps ends here.
    if (this.#private === 0) await this.#parts.ends.unload()
    if (kept) onRoute(kept.request, { kind: 'planned', plan: kept.plan })
    const route = kept ? ok(kept) : await this.#route(head, ends, room, kind, signal)
    if (!route.ok) return yield failed(route)
    const { session } = route.value
    route.value.promptTokens = prompt.value.length
    let good = true
    try {
      for await (const event of talk({ session, vocabulary: head.vocabulary, encode, now }, request, signal)) {
        if (event.kind === 'end') good = event.reason !== 'error'
        yield event
      }
    } finally {
      if (good && this.#head === head) await this.#kept.keep(route.value)
      else await session.close()
    }
  }

  #encode(messages: readonly ChatMessage[], begun: string): Promise<Result<readonly number[]>> {
    return this.#gguf.door.call((api) => api.encodeChat(messages, begun) as Promise<Result<readonly number[]>>)
  }

  /** A route all of whose stages can be reached, or have a standby that can. Others are asked for where not. */
  async #route(
    head: WorkerHead,
    ends: PrivateEnds | null,
    room: RoomId | null,
    kind: string,
    signal: AbortSignal,
  ): Promise<Result<OpenRoute>> {
    const { plan, clock, randomRequest, onRoute, self } = this.#parts
    const avoid: PeerId[] = []
    // Only these are in the route, whoever else has a link: within a room they have shown that they belong to it.
    const met = new Set<PeerId>()
    let stranger: Failure | null = null
    const connect = async (peer: PeerId) => {
      const link = await this.#parts.connect(peer, room)
      if (link.ok) met.add(peer)
      else if (link.code === 'peer-not-member') stranger = link
      return link
    }
    for (let tries = 1; ; tries += 1) {
      const request = randomRequest()
      const wish = {
        request,
        modelId: head.id,
        layers: head.layers,
        positions: head.contextPositions,
        avoid,
        ends,
        room,
      }
      const planned = await plan(wish)
      if (!planned.ok) return stranger ?? planned
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
      if (missing.length === 0) return ok(this.#open(head, request, planned.value, met, kind, ends !== null))
      avoid.push(...missing)
      if (tries === PLANS_MAX || avoid.length > AVOIDED_MAX) return stranger ?? fail('unreachable', '')
    }
  }

  #open(
    head: WorkerHead,
    request: RequestId,
    plan: Plan,
    met: ReadonlySet<PeerId>,
    kind: string,
    ownEnds: boolean,
  ): OpenRoute {
    const { stages } = plan
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
      if (event.kind === 'lost') open.lost = true
      // Between answers nobody waits for it: it is let go.
      if (this.#kept.has(open)) void this.#kept.close()
      else onRoute(request, event)
    }
    const heard: RouteParts['exchange'] = {
      linkTo: (peer) => (met.has(peerOfSeat(peer)) ? exchange.linkTo(peer) : null),
      join: (name, own) => exchange.join(name, laps.beside(own)),
    }
    const vocabulary = head.vocabulary.offsets.length - 1
    const hop: RouteHop = new RouteHop({ request, stages: route, tickets, exchange: heard, onEvent, clock, vocabulary })
    const session = new Session(1, [laps.around(hop)], head.contextPositions)
    const open: OpenRoute = { kind, session, promptTokens: 0, lost: false, request, plan }
    return open
  }
}
