/**
 * Which peers answer a request over layers: a chain of stages that covers the model, a standby for each, and why; or which
 * of four things is missing. Pure and the same for the same snapshot and seed. What a peer is allowed to do and who it is
 * were decided before: the snapshot holds only peers with a live lease.
 *
 * Order of wishes: fewest stages (each one is a trip a token), then the lowest predicted time of a token, then the draw of
 * the seed, so that equal peers share the work. A stage runs its whole range, so ranges must meet exactly.
 */
import { PLACEMENT_CANDIDATES_MAX } from '../wire/limits/mesh.ts'
import type { LayerSpan } from '../wire/peers.ts'
import { type KeptStage, middleOf, type PrivateEnds } from '../wire/plan-events.ts'
import { mix } from './mix.ts'

export interface PlacementPeer {
  readonly id: string
  /** What it holds of the model, loaded and ready. */
  readonly span: LayerSpan
  readonly numericClass: string
  /** Measured; a token through one layer. */
  readonly msPerLayer: number
  /** KV positions it could reserve for one more request. */
  readonly freePositions: number
  /** Frames of others that go first, on average. */
  readonly queued: number
  readonly visible: boolean
  /** How likely it is to be gone without a word, from its past. 0 to 1. */
  readonly hazard: number
}

export interface PlacementRequest {
  readonly layers: number
  /** KV positions for prompt and answer. */
  readonly positions: number
  readonly asker: string
  /** What the asker computes itself: only the middle is looked for, among others. Null: all layers, whoever holds them. */
  readonly ends: PrivateEnds | null
  /** Peers that the asker's scope and rules allow; null for all. */
  readonly allowed: ReadonlySet<string> | null
  /** Round trip between two peers; null where no link can be made. */
  readonly rttMs: (a: string, b: string) => number | null
  readonly seed: number
}

export interface PlacedStage {
  readonly peer: string
  readonly span: LayerSpan
  /** The same span, not in the route; null where nobody has it. */
  readonly standby: string | null
}

export interface Placement {
  readonly stages: readonly PlacedStage[]
  /** Of one token: compute, queues and one way of every hop, back to the first stage. Without private ends. */
  readonly predictedMs: number
  /** All stages and standbys compute the same bits; those of private ends are the asker's to compare. */
  readonly oneClass: boolean
}

/**
 * `filter-empty`: peers could, but the asker's choice leaves too few. `no-holder`: some layer is held by nobody.
 * `no-capacity`: all are held, but somewhere no memory is free. `unreachable`: no links lead all the way.
 */
export type PlacementRefusal = 'filter-empty' | 'no-holder' | 'no-capacity' | 'unreachable'

export type PlacementResult =
  | { readonly ok: true; readonly placement: Placement }
  | { readonly ok: false; readonly refusal: PlacementRefusal; readonly missing: readonly LayerSpan[] }

/** A hidden tab may be slowed at any time; a loaded one keeps a request waiting. */
const HIDDEN_FACTOR = 2.7
/** Of a stage's time: what a peer that is sure to leave would cost beside one that stays. */
const HAZARD_FACTOR = 1

interface Step {
  readonly peer: PlacementPeer
  readonly before: Step | null
  readonly stages: number
  readonly ms: number
}

export function place(all: readonly PlacementPeer[], request: PlacementRequest): PlacementResult {
  const peers = request.ends ? all.filter(({ id }) => id !== request.asker) : all
  const allowed = peers.filter(({ id }) => request.allowed === null || request.allowed.has(id))
  const roomy = allowed.filter(({ freePositions }) => freePositions >= request.positions)
  const found = cheapest(roomy, request, request.rttMs)
  if (found) return { ok: true, placement: placementOf(found, roomy, request) }
  const anywhere = () => 0
  const refusal = ((): PlacementRefusal => {
    if (cheapest(roomy, request, anywhere)) return 'unreachable'
    if (cheapest(allowed, request, anywhere)) return 'no-capacity'
    return cheapest(peers, request, anywhere) ? 'filter-empty' : 'no-holder'
  })()
  const seen = refusal === 'no-capacity' ? roomy : refusal === 'no-holder' ? peers : allowed
  return { ok: false, refusal, missing: refusal === 'unreachable' ? [] : holes(seen, wantedOf(request)) }
}

/**
 * The stages of a route that holds something already, once more: they need no room, and standbys are chosen anew. Null where
 * one of them is gone, holds other layers or cannot be reached, or where they are no route.
 */
export function placeAgain(
  all: readonly PlacementPeer[],
  request: PlacementRequest,
  kept: readonly KeptStage[],
): Placement | null {
  const { ends, asker, allowed, positions } = request
  const peers = all.filter(({ id }) => (!ends || id !== asker) && (allowed === null || allowed.has(id)))
  const own = withEnds([], request)
  const others = ends ? kept.slice(1, -1) : kept
  if (ends && ![kept[0], kept.at(-1)].every((end, index) => end && own[index] && isSame(end, own[index]))) return null
  const wanted = wantedOf(request)
  let step: Step | null = null
  let next = wanted.first
  for (const stage of others) {
    const peer = peers.find(({ id, span }) => isSame(stage, { peer: id, span }))
    const meets = peer && stage.span.first === next && reaches(asker, peer, request.rttMs)
    step = meets ? stepOver([step], peer, request.rttMs) : null
    if (!step) return null
    next = stage.span.last
  }
  const closed = step && next === wanted.last ? closedOf(step, request, request.rttMs) : null
  const roomy = peers.filter(({ freePositions }) => freePositions >= positions)
  return closed && placementOf(closed, roomy, request)
}

function isSame(a: KeptStage, b: KeptStage): boolean {
  return a.peer === b.peer && a.span.first === b.span.first && a.span.last === b.span.last
}

/** The layers that peers are looked for. */
function wantedOf({ ends, layers }: PlacementRequest): LayerSpan {
  return ends ? middleOf(ends, layers) : { first: 0, last: layers }
}

/** What a hidden tab, and one that tends to be gone without a word, make of a time. */
export function burdenOf({ visible, hazard }: Pick<PlacementPeer, 'visible' | 'hazard'>): number {
  return (visible ? 1 : HIDDEN_FACTOR) * (1 + HAZARD_FACTOR * hazard)
}

/** Predicted time of one token on a peer, with what makes a peer the worse choice. */
function stageMs(peer: PlacementPeer): number {
  const { span, msPerLayer, queued } = peer
  return msPerLayer * (span.last - span.first) * (1 + queued) * burdenOf(peer)
}

/** The best way through the layers: shortest first, then fastest. Null where there is none. */
function cheapest(
  peers: readonly PlacementPeer[],
  request: PlacementRequest,
  rttMs: PlacementRequest['rttMs'],
): Step | null {
  const { asker, seed } = request
  const wanted = wantedOf(request)
  const byFirst = candidates(peers, seed)
  const ends = new Map<number, Step[]>()
  const starts = [...byFirst.keys()].sort((a, b) => a - b)
  for (const first of starts) {
    const befores: readonly (Step | null)[] = first === wanted.first ? [null] : (ends.get(first) ?? [])
    for (const peer of byFirst.get(first) ?? []) {
      if (!reaches(asker, peer, rttMs)) continue
      const step = stepOver(befores, peer, rttMs)
      if (step) add(ends, peer.span.last, step)
    }
  }
  return best((ends.get(wanted.last) ?? []).flatMap((step) => closedOf(step, request, rttMs) ?? []))
}

/** With its way back: the tail sends the token to the asker and to the first stage, which the next token waits for. */
function closedOf(step: Step, { asker, ends }: PlacementRequest, rttMs: PlacementRequest['rttMs']): Step | null {
  const head = headOf(step)
  const toAsker = rttMs(step.peer.id, asker)
  const fromAsker = rttMs(asker, head.id)
  const toHead = head.id === step.peer.id ? 0 : rttMs(step.peer.id, head.id)
  if (toAsker === null || fromAsker === null || toHead === null) return null
  const back = ends ? toAsker + fromAsker : toHead
  return { ...step, ms: step.ms + back / 2 }
}

/** The asker talks to every stage itself: it opens them, and tells them of a takeover. */
function reaches(asker: string, { id }: PlacementPeer, rttMs: PlacementRequest['rttMs']): boolean {
  return id === asker || rttMs(asker, id) !== null
}

/** To this peer by the first of the best ways. There are thousands of pairs: a step is made for each peer, not for each pair. */
function stepOver(
  befores: readonly (Step | null)[],
  peer: PlacementPeer,
  rttMs: PlacementRequest['rttMs'],
): Step | null {
  const own = stageMs(peer)
  let found: Omit<Step, 'peer'> = { before: null, stages: Number.POSITIVE_INFINITY, ms: Number.POSITIVE_INFINITY }
  for (const before of befores) {
    const rtt = before ? rttMs(before.peer.id, peer.id) : 0
    if (rtt === null || uses(before, peer.id)) continue
    const stages = (before?.stages ?? 0) + 1
    const ms = (before?.ms ?? 0) + rtt / 2 + own
    if (stages < found.stages || (stages === found.stages && ms < found.ms)) found = { before, stages, ms }
  }
  return found.stages === Number.POSITIVE_INFINITY ? null : { peer, ...found }
}

/** The first of the best: candidates stand in the order of the seed. */
function best(steps: readonly Step[]): Step | null {
  let found: Step | null = null
  for (const step of steps) {
    if (!found || step.stages < found.stages || (step.stages === found.stages && step.ms < found.ms)) found = step
  }
  return found
}

/** By first layer. Of peers with the same span only the best few are looked at, so that a plan's cost has a bound. */
function candidates(peers: readonly PlacementPeer[], seed: number): ReadonlyMap<number, readonly PlacementPeer[]> {
  const bySpan = new Map<string, PlacementPeer[]>()
  for (const peer of peers) {
    add(bySpan, `${peer.span.first}-${peer.span.last}`, peer)
  }
  const byFirst = new Map<number, PlacementPeer[]>()
  for (const same of bySpan.values()) {
    const few = inOrder(same, seed).slice(0, PLACEMENT_CANDIDATES_MAX)
    const first = few[0]?.span.first ?? 0
    byFirst.set(first, [...(byFirst.get(first) ?? []), ...few])
  }
  return byFirst
}

/** Fastest first; equals by a draw that is another for every seed. */
function inOrder(peers: readonly PlacementPeer[], seed: number): readonly PlacementPeer[] {
  const keyed = peers.map((peer) => ({ peer, ms: stageMs(peer), draw: mix(peer.id, seed) }))
  return keyed
    .sort((a, b) => a.ms - b.ms || a.draw - b.draw || (a.peer.id < b.peer.id ? -1 : 1))
    .map(({ peer }) => peer)
}

function add<Key, T>(lists: Map<Key, T[]>, key: Key, one: T): void {
  const list = lists.get(key)
  if (list) list.push(one)
  else lists.set(key, [one])
}

function uses(step: Step | null, id: string): boolean {
  for (let at = step; at; at = at.before) if (at.peer.id === id) return true
  return false
}

function chainOf(step: Step): readonly PlacementPeer[] {
  const chain: PlacementPeer[] = []
  for (let at: Step | null = step; at; at = at.before) chain.unshift(at.peer)
  return chain
}

function headOf(step: Step): PlacementPeer {
  let at = step
  while (at.before) at = at.before
  return at.peer
}

function placementOf(step: Step, peers: readonly PlacementPeer[], request: PlacementRequest): Placement {
  const chain = chainOf(step)
  const taken = new Set(chain.map(({ id }) => id))
  const stages = chain.map(({ id, span, numericClass }, index) => {
    const neighbours = [request.asker, chain[index - 1]?.id, chain[index + 1]?.id]
    const reachable = (other: string) =>
      neighbours.every((near) => near === undefined || near === other || request.rttMs(near, other) !== null)
    const able = peers.filter(
      (peer) =>
        peer.span.first === span.first && peer.span.last === span.last && !taken.has(peer.id) && reachable(peer.id),
    )
    const ordered = inOrder(able, request.seed)
    const standby = ordered.find((peer) => peer.numericClass === numericClass) ?? ordered[0] ?? null
    // One standby stands for one stage: two deaths at once must not ask for the same peer.
    if (standby) taken.add(standby.id)
    return { stage: { peer: id, span, standby: standby?.id ?? null }, standby }
  })
  const classes = new Set([
    ...chain.map(({ numericClass }) => numericClass),
    ...stages.flatMap(({ standby }) => (standby ? [standby.numericClass] : [])),
  ])
  const others = stages.map(({ stage }) => stage)
  return { stages: withEnds(others, request), predictedMs: step.ms, oneClass: classes.size === 1 }
}

/** Nobody can stand by for the ends: they are the asker's. */
function withEnds(others: readonly PlacedStage[], { ends, layers, asker }: PlacementRequest): readonly PlacedStage[] {
  if (!ends) return others
  const { first, last } = middleOf(ends, layers)
  const own = (span: LayerSpan): PlacedStage => ({ peer: asker, span, standby: null })
  return [own({ first: 0, last: first }), ...others, own({ first: last, last: layers })]
}

/** Of these layers those that nobody holds. */
function holes(peers: readonly PlacementPeer[], wanted: LayerSpan): readonly LayerSpan[] {
  const held = new Array<boolean>(wanted.last).fill(false)
  for (const { span } of peers) held.fill(true, span.first, Math.min(span.last, wanted.last))
  const found: LayerSpan[] = []
  for (let layer = wanted.first; layer < wanted.last; layer += 1) {
    if (held[layer]) continue
    const last = found.at(-1)
    if (last && last.last === layer) found[found.length - 1] = { first: last.first, last: layer + 1 }
    else found.push({ first: layer, last: layer + 1 })
  }
  return found
}
