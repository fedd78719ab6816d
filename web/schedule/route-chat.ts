/**
 * Answers over other peers: asks the planner for a route, links to everybody in it, and talks through it as a session does
 * through one stage. Knows the words of the model and none of its layers.
 */
import type { EngineWorkerApi, WorkerHead } from '../engine/worker-api.ts'
import type { OnProgress } from '../weights/model-load.ts'
import type { ChatEvent, ChatMessage, ChatRequest } from '../wire/chat.ts'
import { PRIVATE_END_LAYERS } from '../wire/limits/mesh.ts'
import type { RequestId } from '../wire/peer-frame.ts'
import { peerOfSeat } from '../wire/peers.ts'
import type { Plan, PlanPays, PrivateEnds } from '../wire/plan-events.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import type { RoomId } from '../wire/rooms.ts'
import { readTicket, type TicketClaims } from '../wire/tickets.ts'
import { beside } from './beside.ts'
import type { ModelSource } from './engine-door.ts'
import { EventQueue } from './event-queue.ts'
import type { Exchange } from './exchange.ts'
import { type GgufParts, GgufWorker } from './gguf-worker.ts'
import { type Keepable, KeptRoute } from './kept-route.ts'
import { LapMeter, type RouteTimes } from './lap-meter.ts'
import { Offenders } from './offenders.ts'
import { committing, type RouteReceipts } from './receipts/route-receipts.ts'
import { RouteHop } from './route-hop.ts'
import type { RouteEvent, RouteParts } from './route-parts.ts'
import { RoutePlans, type RoutePlansParts } from './route-plans.ts'
import { Session } from './session.ts'
import { type TalkParts, talk } from './talk.ts'
import { UsageClock } from './usage-clock.ts'

const PRIVATE_ENDS: PrivateEnds = { first: PRIVATE_END_LAYERS, last: PRIVATE_END_LAYERS }

export interface RouteChatParts extends GgufParts, RoutePlansParts {
  readonly exchange: Pick<Exchange, 'linkTo' | 'join'>
  /** Signs for what others compute for a request; not there where nothing is paid. */
  readonly receipts?: (request: RequestId) => RouteReceipts
  /** What happens to a route while it answers. */
  readonly onRoute: (request: RequestId, event: RouteEvent | { readonly kind: 'planned'; readonly plan: Plan }) => void
}

interface OpenRoute extends Keepable {
  readonly plans: RoutePlans
  plan: Plan
  readonly session: Session
  readonly hop: RouteHop
  receipts: RouteReceipts | null
  /** What the answer under way has to say of its route. */
  said: EventQueue<ChatEvent>
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
  readonly #offenders = new Offenders()

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
    const { now } = this.#parts
    const head = this.#head
    const failed = (reason: Failure) => new UsageClock(now).end(reason.code === 'aborted' ? 'abort' : 'error', reason)
    if (!head) return yield failed(fail('not-loaded', ''))
    const prompt = await this.#encode(request.messages, '', request.raw)
    if (!prompt.ok) return yield failed(prompt)
    const encode: TalkParts['encode'] = async (begun) =>
      begun === '' ? prompt : this.#encode(request.messages, begun, request.raw)
    const kind = `${head.id} ${ends ? 'private' : ''} ${room ?? ''}`
    const pays = paysFor(head, request, prompt.value.length)
    const kept = request.resume ? null : await this.#kept.take(kind, prompt.value)
    // The GPU is given back once nobody keeps ends here.
    if (this.#private === 0) await this.#parts.ends.unload()
    const goesOn =
      kept !== null && (await this.#goOn(kept, { ...pays, reusedTokens: kept.session.shares(prompt.value) }))
    const route = goesOn ? ok(kept) : await this.#route(head, ends, room, kind, pays, signal)
    if (!route.ok) return yield failed(route)
    const { hop, receipts, plan } = route.value
    const session: TalkParts['session'] = {
      generate: (wish, until) => committing(route.value.session.generate(wish, until), receipts),
    }
    route.value.promptTokens = prompt.value.length
    route.value.said = new EventQueue()
    const giveUp = () => hop.giveUp()
    signal.addEventListener('abort', giveUp, { once: true })
    let good = true
    try {
      const answer = talk({ session, vocabulary: head.vocabulary, encode, now }, shortened(request, plan), signal)
      for await (const event of beside(answer, route.value.said, giveUp)) {
        if (event.kind === 'end') good = event.reason !== 'error'
        yield event
      }
    } finally {
      signal.removeEventListener('abort', giveUp)
      if (good) this.#offenders.didWell(hop.peers)
      if (good && this.#head === head) await this.#keep(route.value)
      else await route.value.session.close()
    }
  }

  /** Each answer that is paid has its tickets and receipts; one that nobody pays may find that it is. */
  async #keep(route: OpenRoute): Promise<void> {
    // Who stands by is named anew with the next tickets.
    if (this.#renews(route)) route.lost = false
    if (route.receipts?.isPaid) await route.hop.rest()
    await this.#kept.keep(route)
  }

  /** A turn more over the stages that hold the conversation. Where it cannot be had the route is closed. */
  async #goOn(kept: OpenRoute, pays: PlanPays): Promise<boolean> {
    const { onRoute, over } = this.#parts
    const { plans, hop, session } = kept
    const planned = this.#renews(kept) ? await plans.renew(hop.stages, pays) : null
    const { request } = plans
    if (planned?.ok) {
      kept.plan = planned.value
      kept.receipts = this.#parts.receipts?.(request) ?? null
      onRoute(request, { kind: 'planned', plan: kept.plan })
      const renewed = await hop.renew({ request, receipts: kept.receipts, ...plans.layOut(kept.plan) })
      if (renewed.ok) return true
    } else if (!kept.receipts?.isPaid) {
      // What is free goes on under its old tickets, also where the server is away.
      onRoute(request, { kind: 'planned', plan: kept.plan })
      return true
    }
    await session.close()
    if (planned?.ok) over?.(request)
    return false
  }

  /** The server may have other terms for a next answer. */
  #renews({ plan }: OpenRoute): boolean {
    const offers = this.#parts.receipts !== undefined && (this.#head?.activeParameters ?? 0) > 0
    return offers && ticketsOf(plan).some(({ pay }) => pay.kind === 'paid' || pay.kind === 'unpaid')
  }

  #encode(messages: readonly ChatMessage[], begun: string, raw = false): Promise<Result<readonly number[]>> {
    return this.#gguf.door.call((api) => api.encodeChat(messages, begun, raw) as Promise<Result<readonly number[]>>)
  }

  async #route(
    head: WorkerHead,
    ends: PrivateEnds | null,
    room: RoomId | null,
    kind: string,
    pays: PlanPays,
    signal: AbortSignal,
  ): Promise<Result<OpenRoute>> {
    const { onRoute, receipts } = this.#parts
    const wish = { head, source: this.#source, ends, room, pays: receipts && head.activeParameters > 0 ? pays : null }
    const plans = new RoutePlans(this.#parts, this.#offenders, wish)
    const planned = await plans.first((request, plan) => onRoute(request, { kind: 'planned', plan }), signal)
    return planned.ok ? ok(this.#open(head, plans, planned.value, kind)) : planned
  }

  #open(head: WorkerHead, plans: RoutePlans, plan: Plan, kind: string): OpenRoute {
    const { exchange, clock, onRoute } = this.#parts
    const receipts = this.#parts.receipts?.(plans.request) ?? null
    const laps = new LapMeter(clock.nowMs, () => hop.peers)
    this.#laps = laps
    const onEvent = (event: RouteEvent) => {
      laps.broke()
      if (event.kind === 'lost') {
        open.lost = true
        plans.lost(event.peer, event.reason)
      }
      // Between answers nobody waits for it: it is let go.
      if (this.#kept.has(open)) void this.#kept.close()
      else onRoute(plans.request, event)
      if (event.kind === 'searching') open.said.push({ kind: 'notice', code: 'route-searching', detail: '' })
    }
    const heard: RouteParts['exchange'] = {
      linkTo: (peer) => (plans.hasMet(peerOfSeat(peer)) ? exchange.linkTo(peer) : null),
      join: (name, own) => exchange.join(name, laps.beside(own)),
    }
    const hop: RouteHop = new RouteHop({
      request: plans.request,
      ...plans.layOut(plan),
      exchange: heard,
      onEvent,
      clock,
      receipts,
      vocabulary: head.vocabulary.offsets.length - 1,
      replan: () => plans.again(),
    })
    const session = new Session(1, [laps.around(hop)], head.contextPositions)
    const said = new EventQueue<ChatEvent>()
    const open: OpenRoute = { kind, session, hop, receipts, said, promptTokens: 0, lost: false, plans, plan }
    return open
  }
}

/** No longer than its tickets allow, where there are such. */
function shortened(request: ChatRequest, plan: Plan): ChatRequest {
  // Who computes for itself or for its room sets no end.
  const ends = ticketsOf(plan).filter(({ pay }) => pay.kind === 'paid' || pay.kind === 'unpaid')
  const begun = request.resume?.tokens.length ?? 0
  const tokens = ends.map(({ outputTokens }) => begun + outputTokens)
  return { ...request, maxTokens: Math.min(request.maxTokens, ...tokens) }
}

function ticketsOf({ stages }: Plan): readonly TicketClaims[] {
  return stages.flatMap(({ ticket }) => {
    const read = readTicket(ticket)
    return read.ok ? [read.value] : []
  })
}

/** The worst case of an answer. */
function paysFor({ activeParameters, contextPositions }: WorkerHead, request: ChatRequest, prompt: number): PlanPays {
  const begun = request.resume?.tokens.length ?? 0
  const promptTokens = Math.min(prompt + begun, contextPositions)
  const outputTokens = Math.max(0, Math.min(request.maxTokens - begun, contextPositions - promptTokens))
  return { activeParameters, promptTokens, outputTokens }
}
