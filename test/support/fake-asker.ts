/**
 * The one fake of `Asker`, the part of `App` that answers: a test scripts what each request is answered, can hold an answer
 * open, and reads what was asked. Counts a token a word.
 */
import type { Asker } from '../../web/answering.ts'
import { EventQueue } from '../../web/schedule/event-queue.ts'
import type { ChatEvent, ChatMessage, ChatRequest, LoadedModel } from '../../web/wire/chat.ts'
import { NO_USAGE } from '../../web/wire/chat.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'

export class FakeAsker implements Asker {
  contextPositions = 1_000
  modelId: string | null = 'm'
  readonly requests: ChatRequest[] = []
  /** Of the answers that have not ended, oldest first. */
  readonly open: EventQueue<ChatEvent>[] = []
  /** What a request is answered at once; null holds it open. */
  script: (request: ChatRequest) => readonly ChatEvent[] | null = () => textEvents('Fine.')

  async *ask(request: ChatRequest, signal: AbortSignal): AsyncGenerator<ChatEvent, void, undefined> {
    this.requests.push(request)
    const queue = new EventQueue<ChatEvent>()
    for (const event of this.script(request) ?? []) queue.push(event)
    this.open.push(queue)
    const abort = () => queue.push({ kind: 'end', reason: 'abort', usage: NO_USAGE })
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    for await (const event of queue) {
      yield event
      if (event.kind === 'end') break
    }
    this.open.splice(this.open.indexOf(queue), 1)
  }

  async count(messages: readonly ChatMessage[]): Promise<Result<number>> {
    return ok(messages.reduce((sum, { content }) => sum + content.split(/\s+/).length, 0))
  }

  async ready(): Promise<Result<LoadedModel>> {
    if (this.contextPositions === 0) return fail('not-loaded', '')
    return ok({
      id: 'm',
      engine: 'stage',
      name: 'Tiny',
      contextPositions: this.contextPositions,
      gpuBytes: 1,
      adapter: 'Test GPU',
      notice: null,
    })
  }
}

export function textEvents(text: string, reason: 'stop' | 'length' = 'stop'): readonly ChatEvent[] {
  return [
    { kind: 'text', text },
    { kind: 'end', reason, usage: NO_USAGE },
  ]
}
