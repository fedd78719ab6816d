/**
 * Where the time of an own route goes: how long each token took for its lap, how much of that the stages say they computed,
 * and so how long a hop is. Listens beside the route and changes nothing of it. A loss is no lap.
 */
import { quantile } from '../rules/quantiles.ts'
import { LAPS_KEPT_MAX } from '../wire/limits/giving.ts'
import type { PeerId } from '../wire/peers.ts'
import type { Route } from './exchange.ts'
import type { Hop } from './hop.ts'

/** In ms. Null of what nobody has measured yet. */
export interface RouteTimes {
  readonly laps: number
  readonly lapP50Ms: number | null
  readonly lapP95Ms: number | null
  /** One trip from tab to tab: what of a lap is not computing, shared among its trips. */
  readonly hopP50Ms: number | null
  readonly hopP95Ms: number | null
  /** How long a token is at each stage, by its own word. */
  readonly stageMs: ReadonlyMap<PeerId, number>
}

export class LapMeter {
  readonly #nowMs: () => number
  readonly #peers: () => readonly PeerId[]
  readonly #stageMs = new Map<PeerId, number>()
  /** Each lap with what it computed, null where a stage has not said. */
  #laps: { readonly ms: number; readonly computeMs: number | null }[] = []
  #lastMs: number | null = null

  /** `peers`: the stages of the route now, first to tail. */
  constructor(nowMs: () => number, peers: () => readonly PeerId[]) {
    this.#nowMs = nowMs
    this.#peers = peers
  }

  get times(): RouteTimes {
    const laps = this.#laps.map(({ ms }) => ms)
    const trips = this.#peers().length
    const hops = this.#laps.flatMap(({ ms, computeMs }) =>
      computeMs === null || trips === 0 ? [] : [Math.max(0, ms - computeMs) / trips],
    )
    return {
      laps: laps.length,
      lapP50Ms: quantile(laps, 0.5),
      lapP95Ms: quantile(laps, 0.95),
      hopP50Ms: quantile(hops, 0.5),
      hopP95Ms: quantile(hops, 0.95),
      stageMs: this.#stageMs,
    }
  }

  /** The same hop, whose tokens are timed. */
  around(hop: Hop): Hop {
    return {
      open: (request) => hop.open(request),
      truncate: (...what) => hop.truncate(...what),
      close: (session) => hop.close(session),
      run: async (frame) => {
        const sentMs = this.#nowMs()
        const done = await hop.run(frame)
        if (done.ok && done.value.kind === 'token') this.#token(sentMs, frame.count === 1)
        return done
      },
    }
  }

  /** The same route, whose stages are heard. */
  beside(route: Route): Route {
    return {
      hear: (from, message) => {
        if (message.says === 'alive' && message.frameMs !== undefined) this.#stageMs.set(from, message.frameMs)
        route.hear(from, message)
      },
      take: (from, frame) => route.take(from, frame),
      gone: (peer, reason) => route.gone(peer, reason),
    }
  }

  /** What is under way takes as long as the takeover, which is told elsewhere. */
  broke(): void {
    this.#lastMs = null
  }

  /** A token that was asked for early began its lap when the one before it came. */
  #token(sentMs: number, single: boolean): void {
    const now = this.#nowMs()
    const began = this.#lastMs === null ? null : Math.max(this.#lastMs, sentMs)
    this.#lastMs = now
    if (!single || began === null) return
    const stages = this.#peers().map((peer) => this.#stageMs.get(peer))
    const known = stages.every((ms) => ms !== undefined)
    const computeMs = known ? stages.reduce((sum, ms) => sum + ms, 0) : null
    this.#laps = [...this.#laps, { ms: now - began, computeMs }].slice(-LAPS_KEPT_MAX)
  }
}
