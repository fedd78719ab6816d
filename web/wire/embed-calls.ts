/**
 * A call of a partner's page at the widget's frame, where both sides of its port need the same: how a refusal looks on it, and what
 * it is read as. The other words on that port are those of `openai-call.ts`. Pure.
 */
import { CODES, type Code, explain } from './codes.ts'
import { CALL_LOCK, type OpenAiSay } from './openai-call.ts'
import { type Failure, fail } from './result.ts'

/** What a frame says first on a port, so that the page knows that it is heard. It holds no such lock: it goes with its page. */
export function hereSay(id: string): OpenAiSay {
  return { kind: 'here', lock: CALL_LOCK + id }
}

/** The whole of an answer that is none. */
export function refusalSays({ code, detail }: Failure): readonly OpenAiSay[] {
  const error = { message: explain(code, detail), type: 'engine_error', code, param: null }
  return [
    { kind: 'head', status: 403, stream: false },
    { kind: 'chunk', text: JSON.stringify({ error, detail }) },
    { kind: 'end' },
  ]
}

/** Of a body of the shape above; a code that nobody knows is the engine's own trouble. */
export function failureOf(body: Readonly<Record<string, unknown>>): Failure {
  const { error, detail } = body
  const code = error !== null && typeof error === 'object' && 'code' in error ? error.code : null
  return isCode(code) ? fail(code, typeof detail === 'string' ? detail : '') : fail('engine-failed', '')
}

export function isCode(value: unknown): value is Code {
  return typeof value === 'string' && Object.hasOwn(CODES, value)
}
