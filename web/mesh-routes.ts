/**
 * What became of this tab's own routes, from what they tell: who stands where, who was lost and who took over, and how long
 * it took. Pure; the time comes in. Keeps the newest `ROUTES_SHOWN_MAX`.
 */
import type { RouteNews, RouteStageView, RouteView } from './app-mesh-view.ts'
import type { RouteTimes } from './schedule/lap-meter.ts'
import type { RouteEvent } from './schedule/route-hop.ts'
import { ROUTE_NEWS_MAX, ROUTES_SHOWN_MAX } from './wire/limits.ts'
import type { Plan } from './wire/plan-events.ts'

export type RouteWord = RouteEvent | { readonly kind: 'planned'; readonly plan: Plan }
export type Routes = readonly RouteView[]

export function hearRoute(routes: Routes, request: string, modelId: string, word: RouteWord, atMs: number): Routes {
  if (word.kind !== 'planned') {
    return routes.map((route) => (route.request === request ? happened(route, word, atMs) : route))
  }
  const stages = word.plan.stages.map(({ span, peer, standby }): RouteStageView => {
    return { span, peer, standby: standby?.peer ?? null, lost: [], state: 'ready' }
  })
  const fresh: RouteView = { request, modelId, stages, tokens: 0, running: true, news: [], times: null }
  return [fresh, ...routes.filter((route) => route.request !== request)].slice(0, ROUTES_SHOWN_MAX)
}

export function addTokens(routes: Routes, request: string, count: number): Routes {
  return routes.map((route) => (route.request === request ? { ...route, tokens: route.tokens + count } : route))
}

export function timeRoute(routes: Routes, request: string, times: RouteTimes): Routes {
  return routes.map((route) => (route.request === request ? { ...route, times } : route))
}

export function endRoute(routes: Routes, request: string): Routes {
  return routes.map((route) => (route.request === request ? { ...route, running: false } : route))
}

function happened(route: RouteView, word: RouteEvent, atMs: number): RouteView {
  const news = [...route.news, newsOf(route, word, atMs)].slice(-ROUTE_NEWS_MAX)
  switch (word.kind) {
    case 'lost':
      return {
        ...route,
        news,
        stages: route.stages.map((stage) =>
          stage.peer === word.peer ? { ...stage, state: 'lost', lost: [...stage.lost, word.peer] } : stage,
        ),
      }
    case 'replaced':
      return {
        ...route,
        news,
        stages: route.stages.map((stage) => {
          if (stage.span.first !== word.span.first) return stage
          return { ...stage, peer: word.peer, standby: null, state: 'ready' }
        }),
      }
    case 'recovered':
      return { ...route, news }
    default:
      return word satisfies never
  }
}

function newsOf(route: RouteView, word: RouteEvent, atMs: number): RouteNews {
  if (word.kind !== 'recovered') return { kind: word.kind, peer: word.peer, span: word.span, atMs, tookMs: null }
  const last = route.news.findLastIndex(({ kind }) => kind === 'recovered')
  const since = route.news.slice(last + 1).find(({ kind }) => kind === 'lost')
  return { kind: 'recovered', peer: null, span: null, atMs, tookMs: since ? atMs - since.atMs : null }
}
