/** What a tab asks the planner and what it gets: a route with standbys and tickets, or the layers to serve. */
import { ACTIVE_PARAMETERS_MAX } from './limits/credits.ts'
import { CONTEXT_POSITIONS_MAX } from './limits/engine.ts'
import { AVOIDED_MAX, TICKET_CHARACTERS_MAX } from './limits/mesh.ts'
import { LAYERS_MAX, NAME_CHARACTERS_MAX } from './limits/models.ts'
import type { RequestId } from './peer-frame.ts'
import { type LayerSpan, type PeerId, peerReaderOf } from './peers.ts'
import type { Result } from './result.ts'
import type { RoomId } from './rooms.ts'

export interface PlanWish {
  readonly request: RequestId
  readonly modelId: string
  readonly layers: number
  /** KV positions for prompt and answer. */
  readonly positions: number
  /** Peers that could not be reached a moment ago. */
  readonly avoid: readonly PeerId[]
  /** Only over members of this room, which the asker is in; null over anybody who shares with anyone. */
  readonly room: RoomId | null
  /** What the asker computes itself; null where it computes nothing, or whatever it serves to all. */
  readonly ends: PrivateEnds | null
  /** What it is to be paid by; nothing is paid without. */
  readonly pays?: PlanPays
  /** All stages of a route that holds the turns before this one: tickets for these and no others. */
  readonly again?: readonly KeptStage[]
}

export interface KeptStage {
  readonly span: LayerSpan
  readonly peer: PeerId
}

export interface PlanPays {
  /** Of the whole model, that one token runs through. */
  readonly activeParameters: number
  /** Prompt and answer of this answer at most; the rest of `positions` is room that costs nothing. */
  readonly promptTokens: number
  readonly outputTokens: number
  /** Of the prompt, what the stages that are asked for again hold: only a replay reads it. */
  readonly reusedTokens?: number
}

/** So many layers at each end stay with the asker, so that no other peer sees a token. At least one each, not all. */
export interface PrivateEnds {
  readonly first: number
  readonly last: number
}

/** The layers that others compute. */
export function middleOf({ first, last }: PrivateEnds, layers: number): LayerSpan {
  return { first, last: layers - last }
}

export interface PlannedStage {
  readonly span: LayerSpan
  readonly peer: PeerId
  readonly ticket: string
  /** Has its ticket from the start, so that it can take over while the server is away. */
  readonly standby: { readonly peer: PeerId; readonly ticket: string } | null
}

export interface Plan {
  readonly stages: readonly PlannedStage[]
  /** Of one token: compute, queues and one way of every hop. */
  readonly predictedMs: number
  /** All stages and standbys compute the same bits. */
  readonly oneClass: boolean
}

export interface AssignWish {
  readonly modelId: string
  readonly layers: number
  /** What the tab has room for. */
  readonly layersMax: number
  /** Its GPU, as numeric classes name it. */
  readonly adapter: string
  /** Whom it will serve: this room, or anyone. */
  readonly room: RoomId | null
}

export interface Assigned {
  readonly span: LayerSpan
  /** What most others with such a GPU compute in; who computes the same bits can take their place. Null for the first. */
  readonly numericClass: string | null
}

const { attempt, record, refuse, list, words, orNull, number, whole, flag, peer, span, modelId, requestId, run } =
  peerReaderOf('event-invalid')

export function parsePlanWish(value: unknown): Result<PlanWish> {
  return attempt(() => {
    const fields = record(value, 'A request for a plan')
    const layers = whole(fields, 'layers', LAYERS_MAX)
    const pays = orNull(fields, 'pays', paysOf)
    const again = orNull(fields, 'again', (stages) => list(stages, '`again`', LAYERS_MAX).map(readKept))
    return {
      ...(pays ? { pays } : {}),
      ...(again ? { again } : {}),
      request: requestId(fields, 'request'),
      modelId: modelId(fields, 'modelId'),
      layers,
      positions: whole(fields, 'positions', CONTEXT_POSITIONS_MAX),
      avoid: list(fields['avoid'], '`avoid`', AVOIDED_MAX).map((one) => peer({ one }, 'one')),
      ends: orNull(fields, 'ends', (ends) => readEnds(ends, layers)),
      room: orNull(fields, 'room', () => run(fields, 'room')),
    }
  })
}

export function parsePlan(value: unknown): Result<Plan> {
  return attempt(() => {
    const fields = record(value, 'A plan')
    const stages = list(fields['stages'], '`stages`', LAYERS_MAX).map(readStage)
    let next = 0
    for (const { span: own } of stages) {
      if (own.first !== next) refuse('`stages`', 'leave layers out')
      next = own.last
    }
    if (stages.length === 0) refuse('`stages`', 'is empty')
    return { stages, predictedMs: number(fields, 'predictedMs', 0, 1e9), oneClass: flag(fields, 'oneClass') }
  })
}

export function parseAssignWish(value: unknown): Result<AssignWish> {
  return attempt(() => {
    const fields = record(value, 'A wish to serve')
    const [layers, layersMax] = [whole(fields, 'layers', LAYERS_MAX), whole(fields, 'layersMax', LAYERS_MAX)]
    if (layers < 1 || layersMax < 1) refuse('`layers`', 'is zero')
    return {
      modelId: modelId(fields, 'modelId'),
      layers,
      layersMax,
      adapter: words(fields, 'adapter', NAME_CHARACTERS_MAX),
      room: orNull(fields, 'room', () => run(fields, 'room')),
    }
  })
}

export function parseAssigned(value: unknown): Result<Assigned> {
  return attempt(() => {
    const fields = record(value, 'The answer')
    const numericClass = orNull(fields, 'numericClass', () => words(fields, 'numericClass', NAME_CHARACTERS_MAX))
    return { span: span(fields, 'span'), numericClass }
  })
}

function paysOf(value: unknown): PlanPays {
  const fields = record(value, '`pays`')
  const count = (field: string) => whole(fields, field, CONTEXT_POSITIONS_MAX)
  const [promptTokens, outputTokens] = [count('promptTokens'), count('outputTokens')]
  const reusedTokens = orNull(fields, 'reusedTokens', () => count('reusedTokens'))
  if ((reusedTokens ?? 0) > promptTokens) refuse('`reusedTokens`', 'are more than there are')
  const activeParameters = whole(fields, 'activeParameters', ACTIVE_PARAMETERS_MAX)
  return { activeParameters, promptTokens, outputTokens, ...(reusedTokens === null ? {} : { reusedTokens }) }
}

function readKept(value: unknown): KeptStage {
  const fields = record(value, 'A stage')
  return { span: span(fields, 'span'), peer: peer(fields, 'peer') }
}

function readEnds(value: unknown, layers: number): PrivateEnds {
  const fields = record(value, '`ends`')
  const [first, last] = [whole(fields, 'first', LAYERS_MAX), whole(fields, 'last', LAYERS_MAX)]
  if (first < 1 || last < 1) refuse('`ends`', 'leave an end to others')
  return first + last < layers ? { first, last } : refuse('`ends`', 'leave nothing to others')
}

function readStage(value: unknown): PlannedStage {
  const fields = record(value, 'A stage')
  const ticket = words(fields, 'ticket', TICKET_CHARACTERS_MAX)
  const standby = orNull(fields, 'standby', (one) => {
    const inner = record(one, '`standby`')
    return { peer: peer(inner, 'peer'), ticket: words(inner, 'ticket', TICKET_CHARACTERS_MAX) }
  })
  return { span: span(fields, 'span'), peer: peer(fields, 'peer'), ticket, standby }
}
