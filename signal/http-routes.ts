/**
 * The names of what the server answers over HTTP: the whole list, for its log and its figures. A path is never one of them:
 * what a stranger asks for is no name of ours. Pure.
 */
import { isModelFilePath, isModelPath } from './models/routes.ts'

export type HttpRoute = 'health' | 'config' | 'models' | 'model-file' | 'app' | 'none'

/** `pathname`: null for a target that is none. */
export function routeOf(pathname: string | null): HttpRoute {
  if (pathname === null) return 'none'
  if (pathname === '/healthz') return 'health'
  if (pathname === '/config.json') return 'config'
  if (isModelFilePath(pathname)) return 'model-file'
  return isModelPath(pathname) ? 'models' : 'app'
}

export type HttpMethod = 'GET' | 'HEAD' | 'OPTIONS' | 'POST' | 'other'

const METHODS: readonly HttpMethod[] = ['GET', 'HEAD', 'OPTIONS', 'POST']

export function methodOf(method: string | undefined): HttpMethod {
  return METHODS.find((known) => known === method) ?? 'other'
}
