/**
 * Answers every HTTP request: health and figures, the page's settings, the model mirror, and the app for all else. It decides who
 * answers, names each request and keeps errors from leaking; what is answered is decided in the rooms it calls.
 */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import compression from 'compression'
import type { PageConfig } from '../web/wire/mirror.ts'
import { isOpenAiAddress } from '../web/wire/openai-call.ts'
import { COMPRESS_BYTES_MIN } from './config.ts'
import { networkOf } from './credits/grants.ts'
import { setSecurityHeaders } from './headers.ts'
import { HTTP_REFUSALS, type HttpRefusal, type HttpRoute, methodOf, OPERATOR_ROOT, routeOf } from './http-routes.ts'
import { faultOf } from './log/log.ts'
import type { Mirror } from './models/mirror.ts'
import { isModelFilePath, isModelPath, sendJson, serveModels } from './models/routes.ts'
import { refuseOpenAi } from './openai-absent.ts'
import type { Audit } from './operator/audit.ts'
import { type OperatorEndpoint, OperatorRouter } from './operator/router.ts'
import { serveMetrics } from './operator/routes.ts'
import { isPartnerPath, type PageReader, type PartnerHttpParts, servePartners } from './partners/routes.ts'
import type { Rates } from './rates.ts'
import { remoteOf } from './sockets/address-of.ts'
import type { Watch } from './watch.ts'

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Serves the app's files; calls `next` for a path that it does not know. */
export type AppHandler = (request: IncomingMessage, response: ServerResponse, next: () => void) => void

export interface HttpParts {
  readonly mirror: Mirror
  readonly page: PageConfig
  readonly app: AppHandler
  readonly pages: PageReader
  readonly partners: PartnerHttpParts['partners']
  readonly watch: Watch
  /** Why no traffic should come here now; null where it may. */
  readonly unready: () => Promise<'server-draining' | 'ledger-away' | 'redis-away' | null>
  readonly operatorToken: string | null
  readonly audit: Audit
  /** Below `OPERATOR_ROOT`. */
  readonly operatorEndpoints: readonly OperatorEndpoint[]
  /** By address. */
  readonly rates: Rates
  /** As `Config`. */
  readonly proxies: number
}

/** Who looks whether this server lives must not be told that it does not because others ask a lot. */
const UNCOUNTED: ReadonlySet<HttpRoute> = new Set(['health', 'ready'])

/** Of an answer that nobody waited for to its end, as proxies write it. */
const STATUS_GONE = 499

export function createHandler(parts: HttpParts): Handler {
  const compress = compression({ threshold: COMPRESS_BYTES_MIN })
  const { watch, audit, operatorToken: token } = parts
  const operator = new OperatorRouter({ token, watch, audit, refuse }, parts.operatorEndpoints)
  return (request, response) => {
    setSecurityHeaders(response)
    const pathname = readPath(request)
    const name = randomBytes(9).toString('base64url')
    response.setHeader('X-Request-Id', name)
    observe(watch, name, pathname, request, response)
    if (!UNCOUNTED.has(routeOf(pathname)) && !parts.rates.take(networkOf(remoteOf(request, parts.proxies)))) {
      watch.metrics.limited('http')
      response.setHeader('Retry-After', parts.rates.retrySeconds)
      return refuse(response, 'too-many-requests')
    }
    if (pathname === null) return sendJson(response, 400, { code: 'request-invalid', message: 'Bad path.' }, 'no-store')
    const answer = () => {
      route(parts, operator, name, pathname, request, response).catch((error: unknown) =>
        giveUp(watch, name, response, error),
      )
    }
    // Weights do not compress, and a compressed answer would have no ranges.
    if (isModelFilePath(pathname)) return answer()
    compress(asExpress(request), asExpress(response), answer)
  }
}

/** One line when the answer has ended, however it did. */
function observe(
  { log, metrics }: Watch,
  name: string,
  pathname: string | null,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const since = performance.now()
  response.once('close', () => {
    const status = response.writableFinished ? response.statusCode : STATUS_GONE
    const ms = Math.round(performance.now() - since)
    const [method, route] = [methodOf(request.method), routeOf(pathname)]
    log.write('http', { request: name, method, route, status, ms })
    metrics.answered(route, method, status, ms / 1_000)
  })
}

async function route(
  { mirror, page, app, pages, partners, proxies, unready, operatorToken: token, watch }: HttpParts,
  operator: OperatorRouter,
  name: string,
  pathname: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (pathname === '/healthz') return sendJson(response, 200, { ok: true }, 'no-store')
  if (pathname === '/readyz') {
    const refusal = await unready()
    return refusal === null ? sendJson(response, 200, { ok: true }, 'no-store') : refuse(response, refusal)
  }
  const ask = { name, request, response }
  if (pathname === '/metrics') return serveMetrics({ token, watch, refuse }, ask)
  if (pathname.startsWith(OPERATOR_ROOT)) return operator.serve(ask, pathname)
  if (pathname === '/config.json') return sendJson(response, 200, page, 'no-store')
  if (isOpenAiAddress(pathname)) return refuseOpenAi(response, pathname)
  if (isModelPath(pathname)) return serveModels(mirror, pathname, request, response)
  if (isPartnerPath(pathname)) {
    const from = networkOf(remoteOf(request, proxies))
    return servePartners({ partners, page: pages, metrics: watch.metrics, from, refuse }, pathname, request, response)
  }
  app(request, response, () => refuse(response, 'nothing-here'))
}

function refuse(response: ServerResponse, refusal: HttpRefusal): void {
  const [status, message] = HTTP_REFUSALS[refusal]
  sendJson(response, status, { code: refusal, message }, 'no-store')
}

/** Null for a path that is none. Percent signs stay as they are: no route of ours has one. */
function readPath(request: IncomingMessage): string | null {
  const target = request.url ?? '/'
  if (!target.startsWith('/')) return null
  return target.split('?', 1)[0] ?? '/'
}

/** A reader that went away is no error; anything else ends the answer without a word about why. */
function giveUp({ log }: Watch, name: string, response: ServerResponse, error: unknown): void {
  const gone = error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'
  if (!gone) log.write('http-failed', { request: name, ...faultOf(error) })
  if (response.headersSent) response.destroy()
  else refuse(response, 'server-error')
}

/** `compression` is typed for express but uses only what Node's own objects have. */
function asExpress<T>(object: IncomingMessage | ServerResponse): T {
  return object as T
}
