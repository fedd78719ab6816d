/**
 * What only the operator may read over HTTP: the server's figures, and what was done as the operator. Without a token in the settings there is nothing here for
 * anybody. An address of this machine is no token: behind a proxy every visitor has one.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { AUDIT_PAGE_MAX } from '../config.ts'
import type { HttpRefusal } from '../http-routes.ts'
import { sendJson } from '../models/routes.ts'
import type { Watch } from '../watch.ts'
import type { Audit } from './audit.ts'
import { operatorOf } from './token.ts'

export interface OperatorParts {
  readonly token: string | null
  readonly watch: Watch
  readonly audit: Audit
  readonly refuse: (response: ServerResponse, refusal: HttpRefusal) => void
}

/** Of one request: `name` in the log. */
export interface OperatorAsk {
  readonly name: string
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** For `/metrics`. */
export async function serveMetrics(parts: OperatorParts, ask: OperatorAsk): Promise<void> {
  if (!letsIn(parts, ask)) return
  const { response } = ask
  const { metrics } = parts.watch
  const text = await metrics.read()
  response.setHeader('Content-Type', metrics.contentType)
  response.setHeader('Cache-Control', 'no-store')
  response.end(text)
}

/** For `/operator/audit?before=<number>`: the newest lines, or those before this one. That it was read is one as well. */
export async function serveAudit(parts: OperatorParts, ask: OperatorAsk): Promise<void> {
  if (!letsIn(parts, ask)) return
  const { request, response } = ask
  const said = /[?&]before=(\d{1,15})(?:&|$)/.exec(request.url ?? '')?.[1]
  const lines = parts.audit.read(said === undefined ? null : Number(said), AUDIT_PAGE_MAX)
  const kept = await parts.audit.record('audit-read')
  if (!kept.ok) return parts.refuse(response, 'not-kept')
  sendJson(response, 200, { lines, damagedAt: parts.audit.damagedAt }, 'no-store')
}

/** Answers who is not the operator. */
function letsIn({ token, watch, refuse }: OperatorParts, { name, request, response }: OperatorAsk): boolean {
  if (token === null) {
    refuse(response, 'nothing-here')
    return false
  }
  const who = operatorOf(request.headers, token)
  if (who === 'operator') return true
  if (who === 'wrong') watch.log.write('operator-refused', { request: name })
  response.setHeader('WWW-Authenticate', 'Bearer')
  refuse(response, 'operator-only')
  return false
}
