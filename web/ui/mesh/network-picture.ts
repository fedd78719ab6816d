/**
 * Geometry of the Network picture: peers are upright threads, the layers they hold a band on them, an own route a thread
 * across from band to band. Pure numbers; `MeshPicture.svelte` draws. Peers of which only a count is known have no name.
 */
import type { RouteView } from '../../app-mesh-view.ts'
import type { CensusRange } from '../../wire/census.ts'
import type { LayerSpan, PeerId } from '../../wire/peers.ts'

export type ThreadKind = 'other' | 'own' | 'route' | 'standby' | 'lost'

export interface Thread {
  readonly key: string
  readonly kind: ThreadKind
  readonly peer: PeerId | null
  readonly span: LayerSpan
  readonly x: number
  /** Of the band. */
  readonly top: number
  readonly bottom: number
}

export interface Weft {
  readonly request: string
  readonly path: string
  /** The stages it goes through, in order. */
  readonly knots: readonly (readonly [x: number, y: number])[]
  readonly running: boolean
  readonly tokens: number
  /** A stage of it is lost and nobody stands there yet. */
  readonly broken: boolean
}

export interface Picture {
  readonly threads: readonly Thread[]
  readonly wefts: readonly Weft[]
  /** Holders that the picture has no room for. */
  readonly more: number
}

export interface PictureWish {
  readonly ranges: readonly CensusRange[]
  readonly layers: number
  readonly routes: readonly RouteView[]
  readonly self: PeerId | null
  readonly own: LayerSpan | null
  readonly width: number
}

export const HEIGHT = 260
/** Room above and below the layers, for the ends of the threads. */
export const EDGE = 20
/** Room at both sides, where this tab asks and gets its answer. */
const SIDE = 36
/** Where this tab stands at either side, from the edge. */
export const YOU = SIDE / 2
/** Names of two neighbours stand side by side. */
const THREAD_GAP_MIN = 34
/** Of one range: more than any screen has room for. */
const UNNAMED_MAX = 64

type Place = Pick<Thread, 'key' | 'kind' | 'peer' | 'span'>

export function pictureOf({ ranges, layers, routes, self, own, width }: PictureWish): Picture {
  const counted = withRoutes(ranges, routes).map((range) => placesOf(range, routes, self, own))
  const all = counted.flatMap(({ places }) => places)
  const total = counted.reduce((sum, { count }) => sum + count, 0)
  const room = Math.max(1, Math.floor((width - 2 * SIDE) / THREAD_GAP_MIN))
  const places = thin(all, room)
  const gap = (width - 2 * SIDE) / places.length
  const y = (layer: number) => EDGE + (layer / Math.max(1, layers)) * (HEIGHT - 2 * EDGE)
  const threads = places.map((place, index): Thread => {
    return { ...place, x: SIDE + gap * (index + 0.5), top: y(place.span.first) + 2, bottom: y(place.span.last) - 2 }
  })
  return { threads, wefts: routes.map((route) => weftOf(route, threads, width)), more: total - places.length }
}

/** Also ranges that only a route knows any more: its holder was the last one. */
function withRoutes(ranges: readonly CensusRange[], routes: readonly RouteView[]): readonly CensusRange[] {
  const all = [...ranges]
  for (const { span } of routes.flatMap(({ stages }) => stages)) {
    if (!all.some((range) => same(range.span, span))) all.push({ span, holders: 0, msPerLayer: 0 })
  }
  return all.sort((a, b) => a.span.first - b.span.first || a.span.last - b.span.last)
}

/** Those with a name first, then as many without as the census says there are more. */
function placesOf(
  { span, holders }: CensusRange,
  routes: readonly RouteView[],
  self: PeerId | null,
  own: LayerSpan | null,
): { readonly places: readonly Place[]; readonly count: number } {
  const named = new Map<PeerId, ThreadKind>()
  for (const { stages } of [...routes].reverse()) {
    const stage = stages.find((one) => same(one.span, span))
    if (!stage) continue
    for (const peer of stage.lost) named.set(peer, 'lost')
    if (stage.standby) named.set(stage.standby, 'standby')
    if (stage.state === 'ready') named.set(stage.peer, 'route')
  }
  const isOwn = own !== null && same(own, span)
  if (isOwn && self !== null && named.get(self) === undefined) named.set(self, 'own')
  const here = [...named.values()].filter((kind) => kind !== 'lost').length
  const places = [...named].map(([peer, kind]): Place => ({ key: peer, kind, peer, span }))
  const unnamed = Math.max(0, holders - here)
  const others = Array.from({ length: Math.min(unnamed, UNNAMED_MAX) }, (_, index): Place => {
    return { key: `${span.first}-${span.last}-${index}`, kind: 'other', peer: null, span }
  })
  return { places: [...places, ...others], count: places.length + unnamed }
}

/** Takes out others, evenly over the ranges, until there is room. */
function thin(places: readonly Place[], room: number): readonly Place[] {
  const kept = [...places]
  while (kept.length > room) {
    const counts = new Map<number, number>()
    for (const { kind, span } of kept) if (kind === 'other') counts.set(span.first, (counts.get(span.first) ?? 0) + 1)
    const fullest = [...counts].sort(([, a], [, b]) => b - a)[0]?.[0]
    const index = kept.findLastIndex(({ kind, span }) => kind === 'other' && span.first === fullest)
    kept.splice(index === -1 ? kept.length - 1 : index, 1)
  }
  return kept
}

/** From this tab through the middle of each band and back to this tab. */
function weftOf({ request, stages, running, tokens }: RouteView, threads: readonly Thread[], width: number): Weft {
  const points = stages.flatMap(({ peer, span }) => {
    const thread = threads.find((one) => one.peer === peer && same(one.span, span))
    return thread ? [[thread.x, (thread.top + thread.bottom) / 2] as const] : []
  })
  const middle = HEIGHT / 2
  const [start, end] = [[YOU, middle] as const, [width - YOU, middle] as const]
  let path = `M${start[0]} ${start[1]}`
  let [x, y] = start
  for (const [nextX, nextY] of [...points, end]) {
    const half = (x + nextX) / 2
    path += `C${half} ${y} ${half} ${nextY} ${nextX} ${nextY}`
    x = nextX
    y = nextY
  }
  return { request, path, knots: points, running, tokens, broken: stages.some(({ state }) => state === 'lost') }
}

function same(a: LayerSpan, b: LayerSpan): boolean {
  return a.first === b.first && a.last === b.last
}
