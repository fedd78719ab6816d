/**
 * How the record of an answer follows the events of `ChatEngine.chat`. Text only ever grows. Pure: the same record and
 * event give the same record.
 */
import { type ChatEvent, NO_USAGE } from '../wire/chat.ts'
import { type Answer, WHOLE_WINDOW } from '../wire/conversation.ts'
import type { Failure } from '../wire/result.ts'

export function beginAnswer(of: Pick<Answer, 'id' | 'conversationId' | 'parentId' | 'createdMs'>): Answer {
  return {
    ...of,
    role: 'assistant',
    text: '',
    state: 'writing',
    failure: null,
    notices: [],
    answerer: null,
    usage: null,
    window: WHOLE_WINDOW,
    committed: null,
  }
}

/** The end of an answer that was refused, or stopped before it began. */
export function endOf({ code, detail }: Failure): Extract<ChatEvent, { readonly kind: 'end' }> {
  return { kind: 'end', reason: code === 'aborted' ? 'abort' : 'error', usage: NO_USAGE, code, detail }
}

/** The same answer, about to go on from its text. What was said about its end is over. */
export function goOn(answer: Answer): Answer {
  return { ...answer, state: 'writing', failure: null }
}

export function takeEvent(answer: Answer, event: ChatEvent): Answer {
  switch (event.kind) {
    case 'prefill':
    case 'queued':
    case 'schedule':
      return answer
    case 'answerer': {
      const { kind: _, ...answerer } = event
      return { ...answer, answerer }
    }
    case 'text':
      return {
        ...without(answer),
        text: answer.text + event.text,
        ...(event.raw === undefined ? {} : { raw: event.raw }),
      }
    case 'notice':
      return { ...answer, notices: [...answer.notices, { code: event.code, detail: event.detail }] }
    case 'end':
      return ended(answer, event)
    default:
      return event satisfies never
  }
}

/** Without what the engine wrote: that is of the newest words or of none. */
function without({ raw: _, ...answer }: Answer): Answer {
  return answer
}

function ended(answer: Answer, { reason, usage, code, detail }: Extract<ChatEvent, { kind: 'end' }>): Answer {
  switch (reason) {
    case 'stop':
      return { ...without(answer), usage, state: 'done', committed: null }
    case 'length':
      return { ...answer, usage, state: 'length' }
    case 'abort':
      return { ...answer, usage, state: 'stopped' }
    case 'error':
      return { ...answer, usage, state: 'failed', failure: { code: code ?? 'gpu-error', detail: detail ?? '' } }
    default:
      return reason satisfies never
  }
}

/** Whether it can go on from where it ended. */
export function canGoOn({ state, text }: Answer): boolean {
  return text !== '' && state !== 'done' && state !== 'writing'
}
