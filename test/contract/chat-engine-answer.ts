/** Requests of the contract of a chat engine, and an answer with what holds for every one. */
import { expect } from 'vitest'
import { CommittedLog } from '../../web/rules/committed.ts'
import type { EngineDoor } from '../../web/schedule/engine-door.ts'
import type { ChatEvent, ChatRequest, Sampling } from '../../web/wire/chat.ts'

export const NEVER = new AbortController().signal
const GREEDY: Sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 7n }
export const FREE: Sampling = { temperature: 0.9, topK: 40, topP: 0.95, minP: 0, repetitionPenalty: 1.1, seed: 99n }

export function ask(content: string, more: Partial<ChatRequest> = {}): ChatRequest {
  return { messages: [{ role: 'user', content }], sampling: GREEDY, maxTokens: 24, stop: [], ...more }
}

export const raw = (text: string, more: Partial<ChatRequest> = {}) => ask(text, { raw: true, ...more })
export const SEA = 'Tell me about the sea.'

interface Answer {
  readonly events: readonly ChatEvent[]
  readonly text: string
  readonly end: Extract<ChatEvent, { kind: 'end' }>
  readonly log: CommittedLog
}

/** Also checks what holds for every answer: one end, and it is last. `look` sees each event as it comes. */
export async function answerOf(
  engine: EngineDoor,
  request: ChatRequest,
  signal: AbortSignal = NEVER,
  look: (event: ChatEvent) => void = () => {},
): Promise<Answer> {
  const events: ChatEvent[] = []
  const log = new CommittedLog(request.resume)
  for await (const event of engine.chat(request, signal)) {
    events.push(event)
    log.take(event)
    look(event)
  }
  const ends = events.filter((event) => event.kind === 'end')
  expect(ends).toHaveLength(1)
  const end = events.at(-1)
  if (end?.kind !== 'end') throw new Error('the last event is no end')
  const text = events.map((event) => (event.kind === 'text' ? event.text : '')).join('')
  return { events, text, end, log }
}
