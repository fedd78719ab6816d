/**
 * What became of this tab's own routes, from what they tell: who stands where, who was lost and who took over, and how long
 * it took. Pure; the time comes in. Keeps the newest `ROUTES_SHOWN_MAX`.
 */
import type { RouteNews, RouteStageView, RouteView } from './app-mesh-view.ts'
import type { RouteTimes } from './schedule/lap-meter.ts'
import type { RouteEvent } from './schedule/route-parts.ts'
import { ROUTE_NEWS_MAX, ROUTES_SHOWN_MAX } from './wire/limits/mesh.ts'
import type { Plan } from './wire/plan-events.ts'

export type RouteWord = RouteEvent | { readonly kind: 'planned'; readonly plan: Plan }
export type Routes = readonly RouteView[]
type Laid = Extract<RouteEvent, { readonly kind: 'rerouted' }>['stages'][number]

export function hearRoute(routes: Routes, request: string, modelId: string, word: RouteWord, atMs: number): Routes {
  if (word.kind !== 'planned') {
    return routes.map((route) => (route.request === request ? happened(route, word, atMs) : route))
  }
  const stages = word.plan.stages.map(({ span, peer, standby }): RouteStageView => {
    return { span, peer, standby: standby?.peer ?? null, lost: [], state: 'ready' }
  })
  const fresh: RouteView = {
    request,
    modelId,
    stages,
    tokens: 0,
    searching: false,
    running: true,
    news: [],
    times: null,
  }
  return [fresh, ...routes.filter((route) => route.request !== request)].slice(0, ROUTES_SHOWN_MAX)
}

export function addTokens(routes: Routes, request: string, count: number): Routes {
  return routes.map((route) => (route.request === request ? { ...route, tokens: route.tokens + count } : route))
}

export function timeRoute(routes: Routes, request: string, times: RouteTimes): Routes {
  return routes.map((route) => (route.request === request ? { ...route, times } : route))
}

export function endRoute(routes: Routes, request: string): Routes {
  return routes.map((route) => (route.request === request ? { ...route, running: false, searching: false } : route))
}

function happened(route: RouteView, word: RouteEvent, atMs: number): RouteView {
  const news = [...route.news, newsOf(route, word, atMs)].slice(-ROUTE_NEWS_MAX)
  switch (word.kind) {
    case 'lost':
      return {
        ...route,
        news,
        stages: route.stages.map((stage) =>
          stage.span.first === word.span.first ? { ...stage, state: 'lost', lost: [...stage.lost, word.peer] } : stage,
        ),
      }
    case 'replaced':
      return {
        ...route,
        news,
        stages: route.stages.map((stage) => {
          if (stage.span.first !== word.span.first) return stage
          const standby = stage.peer === word.peer ? stage.standby : null
          return { ...stage, peer: word.peer, standby, state: 'ready' }
        }),
      }
    case 'recovered':
      return { ...route, news }
    case 'searching':
      return { ...route, news, searching: true }
    case 'rerouted':
      return { ...route, news, searching: false, stages: word.stages.map((stage) => anew(stage, route.stages)) }
    default:
      return word satisfies never
  }
}

/** A stage of another plan; those who were lost before count where its layers begin. */
function anew({ span, peer, standby }: Laid, before: readonly RouteStageView[]): RouteStageView {
  const lost = before.filter((stage) => span.first <= stage.span.first && stage.span.first < span.last)
  return { span, peer, standby, lost: lost.flatMap((stage) => stage.lost), state: 'ready' }
}

function newsOf(route: RouteView, word: RouteEvent, atMs: number): RouteNews {
  if (word.kind === 'searching' || word.kind === 'rerouted') {
    return { kind: word.kind, peer: null, span: null, atMs, tookMs: null }
  }
  if (word.kind !== 'recovered') return { kind: word.kind, peer: word.peer, span: word.span, atMs, tookMs: null }
  const last = route.news.findLastIndex(({ kind }) => kind === 'recovered')
  const since = route.news.slice(last + 1).find(({ kind }) => kind === 'lost')
  return { kind: 'recovered', peer: null, span: null, atMs, tookMs: since ? atMs - since.atMs : null }
}
