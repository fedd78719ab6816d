/**
 * The server's answer at `/v1/...`: models run in browsers, so here is none. A page whose service worker is not there yet gets
 * it, in the shape that OpenAI's clients read. What such a call brings is not read.
 */
import type { ServerResponse } from 'node:http'
import { OPENAI_REFUSALS, openAiPathOf, refusalBody } from '../web/wire/openai-call.ts'
import { sendJson } from './models/routes.ts'

export function refuseOpenAi(response: ServerResponse, pathname: string): void {
  const refusal = openAiPathOf(pathname) === null ? 'address' : 'missing'
  // The rest of a body that nobody reads would stand before the next request.
  response.setHeader('Connection', 'close')
  response.setHeader('X-Should-Retry', 'false')
  sendJson(response, OPENAI_REFUSALS[refusal].status, refusalBody(refusal), 'no-store')
}
