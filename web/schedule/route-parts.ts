/** What a route is made of and what it tells of itself. Types alone. */
import type { RequestId } from '../wire/peer-frame.ts'
import type { LayerSpan } from '../wire/peers.ts'
import type { Failure, Result } from '../wire/result.ts'
import type { Exchange } from './exchange.ts'
import type { RouteReceipts } from './receipts/route-receipts.ts'
import type { RoutePlan, RouteStage } from './route-line.ts'

export type RouteEvent =
  | { readonly kind: 'lost'; readonly peer: string; readonly span: LayerSpan; readonly reason: Failure }
  /** `fed`: from its neighbour's journal; else the whole route began anew from the tokens. */
  | { readonly kind: 'replaced'; readonly peer: string; readonly span: LayerSpan; readonly fed: boolean }
  /** The answer goes on; `position` is what was committed. */
  | { readonly kind: 'recovered'; readonly position: number }
  /** Nobody stood by: another route is asked for. */
  | { readonly kind: 'searching' }
  | { readonly kind: 'rerouted'; readonly stages: readonly RouteStage[] }

export interface RouteParts extends RoutePlan {
  readonly request: RequestId
  readonly exchange: Pick<Exchange, 'linkTo' | 'join'>
  readonly onEvent: (event: RouteEvent) => void
  readonly clock: RouteClock
  /** Null where nothing is paid. */
  readonly receipts?: RouteReceipts | null
  /** Ids of tokens are less; a tail that draws others is closed. */
  readonly vocabulary?: number
  /** Another plan for this request, all of whose stages are linked; asked for again until it is refused with `route-broken`. */
  readonly replan?: () => Promise<Result<RoutePlan>>
  /** 0 to 1. */
  readonly chance?: () => number
}

/** The same stages under other tickets. */
export interface RenewedRoute extends RoutePlan {
  readonly request: RequestId
  /** Null where nothing is paid. */
  readonly receipts: RouteReceipts | null
}

export interface RouteClock {
  readonly nowMs: () => number
  /** Calls again and again until told to stop; also while the tab is hidden. */
  readonly every: (ms: number, run: () => void) => () => void
}
