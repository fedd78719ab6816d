/**
 * What only the operator may read over HTTP: the server's figures. Without a token in the settings there is nothing here for
 * anybody. An address of this machine is no token: behind a proxy every visitor has one.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpRefusal } from '../http-routes.ts'
import type { Watch } from '../watch.ts'
import { operatorOf } from './token.ts'

export interface OperatorParts {
  readonly token: string | null
  readonly watch: Watch
  readonly refuse: (response: ServerResponse, refusal: HttpRefusal) => void
}

/** For `/metrics`. `name`: of the request, in the log. */
export async function serveMetrics(
  { token, watch: { log, metrics }, refuse }: OperatorParts,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (token === null) return refuse(response, 'nothing-here')
  const who = operatorOf(request.headers, token)
  if (who !== 'operator') {
    if (who === 'wrong') log.write('operator-refused', { request: name })
    response.setHeader('WWW-Authenticate', 'Bearer')
    return refuse(response, 'operator-only')
  }
  const text = await metrics.read()
  response.setHeader('Content-Type', metrics.contentType)
  response.setHeader('Cache-Control', 'no-store')
  response.end(text)
}
