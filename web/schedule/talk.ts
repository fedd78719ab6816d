/**
 * An answer in text from a session: messages become tokens, tokens become text with stop strings, what was begun elsewhere
 * goes on. The same for a stage in this tab and for a route over other peers; the session knows which, this does not.
 */

import { tokensLeft } from '../rules/committed.ts'
import type { VocabularyBytes } from '../tokens/codec.ts'
import type { ChatEvent, ChatRequest } from '../wire/chat.ts'
import type { Result } from '../wire/result.ts'
import { AnswerText } from './answer-text.ts'
import type { Session } from './session.ts'
import { UsageClock } from './usage-clock.ts'

export interface TalkParts {
  readonly session: Pick<Session, 'generate'>
  readonly vocabulary: VocabularyBytes
  /** The request's prompt. `begun`: the answer so far, where one goes on from its text; else empty. */
  readonly encode: (begun: string) => Promise<Result<readonly number[]>>
  readonly now: () => number
}

export async function* talk(
  { session, vocabulary, encode, now }: TalkParts,
  request: ChatRequest,
  signal: AbortSignal,
): AsyncGenerator<ChatEvent, void, undefined> {
  const clock = new UsageClock(now)
  const begun = request.resume ?? null
  const byText = begun !== null && begun.tokens.length === 0
  const prompt = await encode(byText ? begun.text : '')
  if (!prompt.ok) return yield clock.end('error', prompt)
  clock.prompt(prompt.value.length)
  const text = new AnswerText(vocabulary, request.stop, byText || request.raw === true)
  if (byText) yield { kind: 'notice', code: 'resumed-from-text', detail: '' }
  else if (begun) {
    const shown = text.restore(begun)
    if (!shown.ok) return yield clock.end('error', shown)
    clock.begun(begun.tokens.length)
    if (shown.value !== '') yield { kind: 'text', text: shown.value, tokens: [] }
    if (text.stopped) return yield clock.end('stop')
  }
  const generation = {
    prompt: prompt.value,
    sampler: request.sampling,
    maxTokens: byText ? tokensLeft(request) : request.maxTokens,
    endTokens: new Set(vocabulary.endTokens),
    ...(begun ? { begun } : {}),
    ...(request.schema === undefined ? {} : { heldTo: { schema: request.schema, text: byText ? begun.text : '' } }),
  }
  for await (const event of session.generate(generation, signal)) {
    if (event.kind === 'token') {
      clock.token()
      const shown = text.push(event.id)
      if (shown) yield { kind: 'text', ...shown }
      if (text.stopped) return yield clock.end('stop')
    } else if (event.kind === 'prefill') {
      clock.reused(event.reused)
      yield { kind: 'prefill', done: event.done, total: event.total }
    } else if (event.kind === 'end') {
      // What was held back when a worker or a GPU was lost is drawn again by whoever goes on.
      const rest = event.reason === 'error' ? null : text.flush()
      if (rest) yield { kind: 'text', ...rest }
      yield clock.end(event.reason, event.failure)
    } else {
      yield event
    }
  }
}
