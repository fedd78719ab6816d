/**
 * Answers what tabs ask of the planner, from who is there now: a route with tickets for all in it, or the layers that a new
 * tab is needed for. The rules are `web/rules`; this joins them with the roster and the mint.
 */
import { assignSpan } from '../../web/rules/coverage.ts'
import { mix } from '../../web/rules/mix.ts'
import {
  type Placement,
  type PlacementPeer,
  type PlacementRequest,
  place,
  placeAgain,
} from '../../web/rules/placement.ts'
import type { Roster } from '../../web/rules/roster.ts'
import { WantedMiddles } from '../../web/rules/wanted-middles.ts'
import type { LayerSpan, PeerId } from '../../web/wire/peers.ts'
import {
  type Assigned,
  type AssignWish,
  type KeptStage,
  middleOf,
  type Plan,
  type PlanWish,
} from '../../web/wire/plan-events.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import type { RoomId } from '../../web/wire/rooms.ts'
import type { TicketDesk } from '../credits/ticket-desk.ts'
import { distancesOf } from './distances.ts'
import type { Rooms } from './rooms.ts'

export class Planner {
  readonly #roster: Roster
  readonly #rooms: Pick<Rooms, 'peersIn'>
  readonly #tickets: Pick<TicketDesk, 'issue'>
  readonly #nowMs: () => number
  readonly #middles = new WantedMiddles()

  constructor(roster: Roster, rooms: Pick<Rooms, 'peersIn'>, tickets: Pick<TicketDesk, 'issue'>, nowMs: () => number) {
    this.#roster = roster
    this.#rooms = rooms
    this.#tickets = tickets
    this.#nowMs = nowMs
  }

  /**
   * Refusals: `no-holder`, also where a stage that is asked for again is gone; `no-capacity`, `unreachable`, `filter-empty`;
   * `room-unknown` where the asker is not in it; those of the tickets.
   */
  async plan(asker: PeerId, wish: PlanWish): Promise<Result<Plan>> {
    const { request, modelId, layers, positions, avoid, ends, room } = wish
    const members = room === null ? null : this.#rooms.peersIn(asker, room)
    if (room !== null && !members) return fail('room-unknown', '')
    if (ends) this.#middles.add(asker, modelId, middleOf(ends, layers), this.#nowMs())
    const holders = this.#holders(modelId, room).filter(({ id }) => !avoid.includes(id))
    const rttMs = distancesOf(this.#roster)
    const wanted = { layers, positions, asker, ends, allowed: members, rttMs, seed: mix(request, 0) }
    const placed = wish.again ? placedAgain(holders, wanted, wish.again) : placedAnew(holders, wanted)
    if (!placed.ok) return placed
    const { stages, predictedMs, oneClass } = placed.value
    const { pays } = wish
    const outputTokens = pays?.outputTokens ?? positions
    const tokens = Math.min(positions, pays ? pays.promptTokens + pays.outputTokens : positions)
    // What nobody holds for certain is read, whatever the asker says.
    const reusedAtFirst = pays?.reusedTokens ?? 0
    const reusedTokens = wish.again ? reusedAtFirst : 0
    const about = {
      request,
      asker,
      modelId,
      layers,
      room,
      job: null,
      tokens,
      outputTokens,
      reusedTokens,
      reusedAtFirst,
    }
    // Who stands by has its ticket from the start as well.
    const workers = stages.flatMap(({ peer, span, standby }) =>
      [peer, standby].flatMap((worker) => (worker === null ? [] : [{ worker, span, positions }])),
    )
    const issued = await this.#tickets.issue({ ...about, activeParameters: pays?.activeParameters ?? null }, workers)
    if (!issued.ok) return issued
    const signed = issued.value
    const ticketOf = (peer: PeerId, { first }: LayerSpan) =>
      signed[workers.findIndex(({ worker, span }) => worker === peer && span.first === first)]?.ticket ?? ''
    const planned = stages.map(({ peer, span, standby }) => ({
      peer,
      span,
      ticket: ticketOf(peer, span),
      standby: standby === null ? null : { peer: standby, ticket: ticketOf(standby, span) },
    }))
    return ok({ stages: planned, predictedMs, oneClass })
  }

  /** What is missing among those whom the same askers can reach. */
  assign(own: PeerId, { modelId, layers, layersMax, adapter, room }: AssignWish): Assigned {
    const members = room === null ? null : this.#rooms.peersIn(own, room)
    const others = this.#holders(modelId, room).filter(({ id }) => id !== own && (room === null || members?.has(id)))
    const middles = this.#middles.of(modelId, this.#nowMs()).filter(({ last }) => last < layers)
    const span = assignSpan({ layers, layersMax, held: others.map((other) => other.span), middles })
    const classes = others.map(({ numericClass }) => numericClass).filter((name) => name.startsWith(`${adapter}/`))
    return { span, numericClass: commonest(classes) }
  }

  /** Of those who serve anyone, or this room alone. */
  #holders(modelId: string, room: RoomId | null): readonly PlacementPeer[] {
    return this.#roster.serving(modelId).flatMap(({ id, presence }) =>
      (presence?.held ?? [])
        .filter((range) => range.modelId === modelId && (presence?.room ?? room) === room)
        .map(({ span, msPerLayer, freePositions, queued }) => ({
          id,
          span,
          msPerLayer,
          freePositions,
          queued,
          numericClass: presence?.numericClass ?? '',
          visible: presence?.visible ?? false,
          hazard: this.#roster.hazard(id, this.#nowMs()),
        })),
    )
  }
}

function placedAnew(holders: readonly PlacementPeer[], wanted: PlacementRequest): Result<Placement> {
  const found = place(holders, wanted)
  if (found.ok) return ok(found.placement)
  return fail(found.refusal, found.missing.map(({ first, last }) => `${first} to ${last}`).join(', '))
}

function placedAgain(
  holders: readonly PlacementPeer[],
  wanted: PlacementRequest,
  kept: readonly KeptStage[],
): Result<Placement> {
  const found = placeAgain(holders, wanted, kept)
  return found ? ok(found) : fail('no-holder', 'A stage of this route is gone.')
}

function commonest(names: readonly string[]): string | null {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))[0]?.[0] ?? null
}
