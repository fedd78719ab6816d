/**
 * Lets the operator in and answers everybody else. Without a token in the settings there is nothing here for anybody. An address of
 * this machine is no token: behind a proxy every visitor has one.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpRefusal } from '../http-routes.ts'
import type { Watch } from '../watch.ts'
import { operatorOf } from './token.ts'

export interface DoorParts {
  readonly token: string | null
  readonly watch: Watch
  readonly refuse: (response: ServerResponse, refusal: HttpRefusal) => void
}

/** Of one request: `name` in the log. */
export interface OperatorAsk {
  readonly name: string
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** False: it was answered. */
export function letsIn({ token, watch, refuse }: DoorParts, { name, request, response }: OperatorAsk): boolean {
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
