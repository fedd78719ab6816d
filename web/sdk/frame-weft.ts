/**
 * OpenAI's calls over the widget's frame: requests go as text, and what comes back is looked at before it is handed on. How a call
 * gets there is the caller's; who answers it, the frame's.
 */
import type { Weft } from '../openai.ts'
import { type CallOptions, WeftError } from '../openai-run.ts'
import { failureOf } from '../wire/embed-calls.ts'
import type { OpenAiPath } from '../wire/openai-call.ts'
import { fail } from '../wire/result.ts'
import type { FrameCall, Piece } from './frame-call.ts'
import { later } from './lazy-weft.ts'

export type Call = (call: FrameCall) => AsyncIterable<Piece>

type Body = Readonly<Record<string, unknown>>
/** Of a stream: what OpenAI's server writes as one event. */
const EVENT = /^data: (.*)\n\n$/
const LAST = '[DONE]'

export function weftOver(call: Call): Weft {
  const create =
    (path: OpenAiPath, whole: string, chunk: string) =>
    (request: Body, options: CallOptions = {}) =>
      request['stream'] === true
        ? later(Promise.resolve(chunksOf(call, path, request, options, chunk)))
        : later(wholeOf(call, path, request, options, whole))
  const made = {
    chat: { completions: { create: create('chat/completions', 'chat.completion', 'chat.completion.chunk') } },
    completions: { create: create('completions', 'text_completion', 'text_completion') },
    embeddings: { create: create('embeddings', 'list', 'list') },
    models: { list: () => wholeOf(call, 'models', {}, {}, 'list') },
  }
  // What it says it is was looked at; its fields are of the frame's own `openai.ts`.
  return made as unknown as Weft
}

function callOf(path: OpenAiPath, request: Body, { signal = new AbortController().signal }: CallOptions): FrameCall {
  return { path, body: textOf(request), signal }
}

function textOf(request: Body): string {
  try {
    return JSON.stringify(request)
  } catch {
    throw new WeftError(fail('request-invalid', 'The request must be what JSON can say.'))
  }
}

async function wholeOf(
  call: Call,
  path: OpenAiPath,
  request: Body,
  options: CallOptions,
  object: string,
): Promise<Body> {
  let text = ''
  let good = true
  for await (const piece of call(callOf(path, request, options))) {
    text += piece.text
    good = piece.status === 200
  }
  const body = readBody(text)
  if (!good) throw new WeftError(failureOf(body))
  return checked(body, object, path === 'models' || path === 'embeddings' ? 'data' : 'choices')
}

async function* chunksOf(
  call: Call,
  path: OpenAiPath,
  request: Body,
  options: CallOptions,
  object: string,
): AsyncGenerator<Body, void, undefined> {
  for await (const { status, text } of call(callOf(path, request, options))) {
    // Refused before its first chunk.
    if (status !== 200) throw new WeftError(failureOf(readBody(text)))
    const [, data = ''] = EVENT.exec(text) ?? []
    if (data === LAST) continue
    const chunk = readBody(data)
    if ('error' in chunk) throw new WeftError(failureOf(chunk))
    yield checked(chunk, object, 'choices')
  }
}

function readBody(text: string): Body {
  try {
    const body: unknown = JSON.parse(text)
    if (body !== null && typeof body === 'object') return body as Body
  } catch {
    // Said below.
  }
  throw new WeftError(fail('event-invalid', ''))
}

function checked(body: Body, object: string, list: string): Body {
  if (body['object'] === object && Array.isArray(body[list])) return body
  throw new WeftError(fail('event-invalid', ''))
}
