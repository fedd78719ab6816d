/**
 * The names of what the server answers over HTTP, and of its refusals that no page shows: the whole lists, for its log and
 * its figures. A path is never one of them: what a stranger asks for is no name of ours. Pure.
 */
import { isOpenAiAddress } from '../web/wire/openai-call.ts'
import { isModelFilePath, isModelPath } from './models/routes.ts'

export type HttpRoute =
  | 'health'
  | 'ready'
  | 'metrics'
  | 'config'
  | 'operator'
  | 'partner'
  | 'widget'
  | 'models'
  | 'model-file'
  | 'openai'
  | 'app'
  | 'none'

const EXACT: Readonly<Record<string, HttpRoute>> = {
  '/healthz': 'health',
  '/readyz': 'ready',
  '/metrics': 'metrics',
  '/config.json': 'config',
  '/partner.json': 'partner',
  '/widget.html': 'widget',
}

/** Only the operator is answered below it. */
export const OPERATOR_ROOT = '/operator/'

/** `pathname`: null for a target that is none. */
export function routeOf(pathname: string | null): HttpRoute {
  if (pathname === null) return 'none'
  const exact = Object.hasOwn(EXACT, pathname) ? EXACT[pathname] : undefined
  if (exact) return exact
  if (pathname.startsWith(OPERATOR_ROOT)) return 'operator'
  if (isOpenAiAddress(pathname)) return 'openai'
  if (isModelFilePath(pathname)) return 'model-file'
  return isModelPath(pathname) ? 'models' : 'app'
}

export type HttpMethod = 'GET' | 'HEAD' | 'OPTIONS' | 'POST' | 'other'

const METHODS: readonly HttpMethod[] = ['GET', 'HEAD', 'OPTIONS', 'POST']

export function methodOf(method: string | undefined): HttpMethod {
  return METHODS.find((known) => known === method) ?? 'other'
}

/** What `code` says in the body of an answer, with its status and a sentence for who reads it. */
export const HTTP_REFUSALS = {
  'server-error': [500, 'The server failed at this request.'],
  'server-draining': [503, 'This server is about to stop.'],
  'ledger-away': [503, 'The ledger cannot be reached.'],
  'redis-away': [503, 'The other processes of this server cannot be reached.'],
  'not-kept': [503, 'It could not be written down, so it was not done.'],
  'operator-only': [401, "This is for the operator of this server, by its operator's token."],
  'nothing-here': [404, 'There is nothing at this address.'],
  'too-many-requests': [429, 'Too many requests came from this address. Wait a moment.'],
} as const satisfies Readonly<Record<string, readonly [status: number, message: string]>>

export type HttpRefusal = keyof typeof HTTP_REFUSALS
