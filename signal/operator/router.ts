/**
 * What the operator asks for over HTTP, below `/operator/`: lets it in, reads what it sent, and hands it to the endpoint of a list
 * that is given. What changes something is in the audit log before it is done, whoever writes the endpoint. It knows none of them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Code, explain } from '../../web/wire/codes.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { OPERATOR_BODY_BYTES_MAX, OPERATOR_BODY_MS_MAX } from '../config.ts'
import { OPERATOR_ROOT } from '../http-routes.ts'
import { sendJson } from '../models/routes.ts'
import type { Audit, OperatorAction } from './audit.ts'
import { type DoorParts, letsIn, type OperatorAsk } from './door.ts'

/** What one request says. */
export interface OperatorCall {
  /** The groups of the endpoint's path. */
  readonly names: readonly string[]
  readonly query: URLSearchParams
  /** Of a POST, as JSON; null of a GET. */
  readonly body: unknown
}

/** What a POST comes to, once it is known to be right: written down first, then done. */
export interface OperatorDeed {
  readonly action: OperatorAction
  /** Whom or what it is done to: a name, never what was said. */
  readonly subject: string
  /** The value is answered as JSON. */
  readonly act: () => Promise<Result<unknown>>
}

/** `path`: of what follows `OPERATOR_ROOT`. */
export type OperatorEndpoint =
  | {
      readonly method: 'GET'
      readonly path: RegExp
      /** The value is answered as JSON. */
      readonly answer: (call: OperatorCall) => Promise<Result<unknown>>
    }
  | {
      readonly method: 'POST'
      readonly path: RegExp
      /** Changes nothing yet. */
      readonly deed: (call: OperatorCall) => Promise<Result<OperatorDeed>> | Result<OperatorDeed>
    }

export interface OperatorParts extends DoorParts {
  readonly audit: Pick<Audit, 'record'>
}

const JSON_TYPE = /^application\/json\s*(;|$)/i
/** By what was refused; anything else is 409: what was asked does not fit what there is. */
const STATUSES: Readonly<Partial<Record<Code, number>>> = {
  'request-invalid': 400,
  'partner-unknown': 404,
  'ruling-unknown': 404,
  'not-kept': 503,
  'ledger-away': 503,
}

export class OperatorRouter {
  readonly #parts: OperatorParts
  readonly #endpoints: readonly OperatorEndpoint[]

  constructor(parts: OperatorParts, endpoints: readonly OperatorEndpoint[]) {
    this.#parts = parts
    this.#endpoints = endpoints
  }

  /** `pathname`: below `OPERATOR_ROOT`. */
  async serve(ask: OperatorAsk, pathname: string): Promise<void> {
    if (!letsIn(this.#parts, ask)) return
    const { request, response } = ask
    const path = pathname.slice(OPERATOR_ROOT.length)
    const here = this.#endpoints.filter((endpoint) => endpoint.path.test(path))
    if (here.length === 0) return this.#parts.refuse(response, 'nothing-here')
    const endpoint = here.find(({ method }) => method === request.method)
    if (!endpoint) {
      response.setHeader('Allow', here.map(({ method }) => method).join(', '))
      return say(response, fail('request-invalid', `It is no ${request.method ?? 'request'}.`), 405)
    }
    const [, ...names] = endpoint.path.exec(path) ?? []
    const query = new URLSearchParams(request.url?.split('?', 2)[1] ?? '')
    if (endpoint.method === 'GET') return say(response, await endpoint.answer({ names, query, body: null }))
    const body = await readBody(request)
    // What is still on its way is not waited for.
    if (!body.ok) response.setHeader('Connection', 'close')
    say(response, body.ok ? await this.#do(endpoint, { names, query, body: body.value }) : body)
  }

  async #do(endpoint: OperatorEndpoint & { readonly method: 'POST' }, call: OperatorCall): Promise<Result<unknown>> {
    const deed = await endpoint.deed(call)
    if (!deed.ok) return deed
    const { action, subject, act } = deed.value
    const kept = await this.#parts.audit.record(action, subject)
    return kept.ok ? act() : kept
  }
}

function say(response: ServerResponse, result: Result<unknown>, status = statusOf(result)): void {
  const body = result.ok ? result.value : { code: result.code, message: explain(result.code, result.detail) }
  sendJson(response, status, body, 'no-store')
}

function statusOf(result: Result<unknown>): number {
  return result.ok ? 200 : (STATUSES[result.code] ?? 409)
}

/** Refusals: `request-invalid`, also where it does not come in time. */
function readBody(request: IncomingMessage): Promise<Result<unknown>> {
  const refuse = (why: string) => Promise.resolve(fail('request-invalid', why))
  if (!JSON_TYPE.test(request.headers['content-type'] ?? '')) return refuse('It is no application/json.')
  const parts: Buffer[] = []
  let bytes = 0
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(fail('request-invalid', 'It came too slowly.')), OPERATOR_BODY_MS_MAX)
    const end = (result: Result<unknown>) => {
      clearTimeout(late)
      resolve(result)
    }
    request.on('data', (part: Buffer) => {
      bytes += part.length
      if (bytes <= OPERATOR_BODY_BYTES_MAX) return void parts.push(part)
      parts.length = 0
      end(fail('request-invalid', `It has more than ${OPERATOR_BODY_BYTES_MAX} bytes.`))
    })
    request.once('end', () => end(parsed(Buffer.concat(parts).toString('utf8'))))
    request.once('close', () => end(fail('request-invalid', 'It was cut.')))
  })
}

function parsed(text: string): Result<unknown> {
  try {
    return ok(JSON.parse(text))
  } catch {
    return fail('request-invalid', 'It is not JSON.')
  }
}
