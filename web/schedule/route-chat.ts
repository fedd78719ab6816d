/**
 * Answers over other peers: asks the planner for a route, links to everybody in it, and talks through it as a session does
 * through one stage. Knows the words of the model and none of its layers.
 */
import type { EngineWorkerApi, WorkerHead } from '../engine/worker-api.ts'
import type { Link } from '../mesh/link.ts'
import type { OnProgress } from '../weights/model-load.ts'
import type { ChatEvent, ChatMessage, ChatRequest } from '../wire/chat.ts'
import { AVOIDED_MAX, PLANS_MAX } from '../wire/limits.ts'
import type { RequestId } from '../wire/peer-frame.ts'
import type { PeerId } from '../wire/peers.ts'
import type { Plan, PlanWish } from '../wire/plan-events.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { ModelSource } from './engine-door.ts'
import type { Exchange } from './exchange.ts'
import { type GgufParts, GgufWorker } from './gguf-worker.ts'
import { type RouteClock, type RouteEvent, RouteHop } from './route-hop.ts'
import { Session } from './session.ts'
import { talk } from './talk.ts'
import { UsageClock } from './usage-clock.ts'

export interface RouteChatParts extends GgufParts {
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

  constructor(parts: RouteChatParts) {
    this.#parts = parts
    this.#gguf = new GgufWorker(parts, () => {
      this.#head = null
    })
  }

  /** Only the words of the model are fetched. */
  async load(source: ModelSource, onProgress: OnProgress, signal: AbortSignal): Promise<Result<WorkerHead>> {
    const loaded = await this.#gguf.loadBy<WorkerHead>(
      (api, spec, said) => api.loadHead(spec, said) as Promise<Result<WorkerHead>>,
      source,
      onProgress,
      signal,
    )
    if (loaded.ok) this.#head = loaded.value
    return loaded
  }

  unload(): Promise<void> {
    return this.#gguf.unload()
  }

  async *chat(request: ChatRequest, signal: AbortSignal): AsyncGenerator<ChatEvent, void, undefined> {
    const { now } = this.#parts
    const head = this.#head
    if (!head) return yield new UsageClock(now).end('error', fail('not-loaded', ''))
    const route = await this.#route(head)
    if (!route.ok) return yield new UsageClock(now).end('error', route)
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
  async #route(head: WorkerHead): Promise<Result<RouteHop>> {
    const { plan, randomRequest, onRoute } = this.#parts
    const avoid: PeerId[] = []
    for (let tries = 1; ; tries += 1) {
      const request = randomRequest()
      const wish = { request, modelId: head.id, layers: head.layers, positions: head.contextPositions, avoid }
      const planned = await plan(wish)
      if (!planned.ok) return planned
      if (planned.value.stages.at(-1)?.span.last !== head.layers) {
        return fail('event-invalid', 'The plan leaves layers out.')
      }
      onRoute(request, { kind: 'planned', plan: planned.value })
      const missing = await this.#link(planned.value)
      if (missing.length === 0) return ok(this.#hop(request, planned.value))
      avoid.push(...missing)
      if (tries === PLANS_MAX || avoid.length > AVOIDED_MAX) return fail('unreachable', '')
    }
  }

  /** Links to all in the plan. Value: who is missing where nobody can stand in. */
  async #link({ stages }: Plan): Promise<readonly PeerId[]> {
    const { connect } = this.#parts
    const missing = stages.map(async ({ peer, standby }) => {
      // Both at once: a standby that is linked already takes over in no time.
      const spare = standby && connect(standby.peer)
      const [own, other] = [await connect(peer), spare]
      if (own.ok || (await other)?.ok) return []
      return [peer, ...(standby ? [standby.peer] : [])]
    })
    return (await Promise.all(missing)).flat()
  }

  #hop(request: RequestId, { stages }: Plan): RouteHop {
    const { exchange, clock, onRoute } = this.#parts
    const tickets = new Map<string, string>()
    for (const { peer, ticket, standby } of stages) {
      tickets.set(peer, ticket)
      if (standby) tickets.set(standby.peer, standby.ticket)
    }
    const route = stages.map(({ span, peer, standby }) => ({ span, peer, standby: standby?.peer ?? null }))
    const onEvent = (event: RouteEvent) => onRoute(request, event)
    return new RouteHop({ request, stages: route, tickets, exchange, onEvent, clock })
  }
}
