/**
 * Answers what tabs ask of the planner, from who is there now: a route with tickets for all in it, or the layers that a new
 * tab is needed for. The rules are `web/rules`; this joins them with the roster and the mint.
 */
import { assignSpan } from '../../web/rules/coverage.ts'
import { mix } from '../../web/rules/mix.ts'
import { type PlacementPeer, place } from '../../web/rules/placement.ts'
import type { Roster } from '../../web/rules/roster.ts'
import type { LayerSpan, PeerId } from '../../web/wire/peers.ts'
import type { AssignWish, Plan, PlanWish } from '../../web/wire/plan-events.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import type { TicketMint } from './tickets.ts'

/** Of a pair that nobody has measured yet. */
const ROUND_TRIP_ASSUMED_MS = 40

export class Planner {
  readonly #roster: Roster
  readonly #mint: TicketMint

  constructor(roster: Roster, mint: TicketMint) {
    this.#roster = roster
    this.#mint = mint
  }

  /** Refusals: `no-holder`, `no-capacity`, `unreachable`, `filter-empty`. */
  async plan(asker: PeerId, wish: PlanWish): Promise<Result<Plan>> {
    const { request, modelId, layers, positions, avoid } = wish
    const found = place(
      this.#holders(modelId).filter(({ id }) => !avoid.includes(id)),
      {
        layers,
        positions,
        asker,
        allowed: null,
        rttMs: () => ROUND_TRIP_ASSUMED_MS,
        seed: mix(request, 0),
      },
    )
    if (!found.ok) return fail(found.refusal, found.missing.map(({ first, last }) => `${first} to ${last}`).join(', '))
    const ticket = (worker: PeerId, span: LayerSpan) =>
      this.#mint.sign({ request, asker, worker, modelId, span, positions })
    const { stages, predictedMs, oneClass } = found.placement
    const planned = stages.map(async ({ peer, span, standby }) => ({
      peer,
      span,
      ticket: await ticket(peer, span),
      standby: standby === null ? null : { peer: standby, ticket: await ticket(standby, span) },
    }))
    return ok({ stages: await Promise.all(planned), predictedMs, oneClass })
  }

  assign(own: PeerId, { modelId, layers, layersMax }: AssignWish): LayerSpan {
    const held = this.#holders(modelId).flatMap(({ id, span }) => (id === own ? [] : [span]))
    return assignSpan({ layers, layersMax, held })
  }

  #holders(modelId: string): readonly PlacementPeer[] {
    return this.#roster.all().flatMap(({ id, presence }) =>
      (presence?.held ?? [])
        .filter((range) => range.modelId === modelId)
        .map(({ span, msPerLayer, freePositions, queued }) => ({
          id,
          span,
          msPerLayer,
          freePositions,
          queued,
          numericClass: presence?.numericClass ?? '',
          visible: presence?.visible ?? false,
          hazard: 0,
        })),
    )
  }
}
