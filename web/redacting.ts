/**
 * A request as others see it, and their answer as its person does: private values leave as placeholders and come back in
 * the stream. What the engine has written stands beside what is shown (`raw`), so that an answer can go on token by token.
 * Decides nothing about when; that is `App.ways`.
 */
import { endOf } from './rules/answer.ts'
import { Redaction, type ReplacedValue, type Restorer } from './rules/redaction.ts'
import type { ChatEvent, ChatMessage, ChatRequest, Committed } from './wire/chat.ts'
import { fail } from './wire/result.ts'

/** What leaves this device for a question, with what was replaced in it. */
export interface Leaving {
  readonly messages: readonly ChatMessage[]
  readonly values: readonly ReplacedValue[]
}

/** `said`: the whole conversation, of which `messages` may be a part: a value has one placeholder in all of it. */
export function leaving(
  messages: readonly ChatMessage[],
  names: readonly string[],
  said: readonly ChatMessage[] = [],
  begun = '',
): Leaving & { readonly redaction: Redaction } {
  const redaction = new Redaction([...[...said, ...messages].map(({ content }) => content), begun], names)
  const sent = messages.map((message) => ({ ...message, content: redaction.apply(message.content) }))
  const values = redaction.values.filter(({ placeholder }) => sent.some(({ content }) => content.includes(placeholder)))
  return { redaction, messages: sent, values }
}

/** As the request says it: for an engine that may read everything. */
export async function* plainly(
  request: ChatRequest,
  ask: (sent: ChatRequest) => AsyncIterable<ChatEvent>,
): AsyncGenerator<ChatEvent, void, undefined> {
  const { resume } = request
  if (resume?.raw === undefined) return yield* ask(request)
  // Its tokens belong to a prompt with placeholders.
  const begun = resumeBy(resume, resume.text, false)
  yield* begun ? ask({ ...request, resume: begun }) : [endOf(OTHER_PROMPT)]
}

/** Refuses `request-invalid` where the tokens of a begun answer are of another prompt: then its text still holds. */
export async function* redacted(
  request: ChatRequest,
  names: readonly string[],
  said: readonly ChatMessage[],
  ask: (sent: ChatRequest) => AsyncIterable<ChatEvent>,
): AsyncGenerator<ChatEvent, void, undefined> {
  const { resume } = request
  const { redaction, messages, values } = leaving(request.messages, names, said, resume?.text)
  if (redaction.values.length === 0) return yield* plainly(request, ask)
  const begun = resume ? beginning(resume, redaction, values.length) : null
  if (begun?.resume === null) return yield endOf(OTHER_PROMPT)
  const restorer = begun?.restorer ?? redaction.restorer()
  let raw = begun?.resume.text ?? ''
  for await (const event of ask({ ...request, messages, ...(begun ? { resume: begun.resume } : {}) })) {
    switch (event.kind) {
      case 'text':
        raw += event.text
        yield { ...event, text: restorer.take(event.text), raw }
        break
      case 'answerer':
        yield values.length > 0 ? { ...event, replaced: values.length } : event
        break
      case 'end': {
        const rest = restAtEnd(restorer, event.reason === 'stop')
        if (rest !== '') yield { kind: 'text', text: rest, tokens: [], raw }
        yield event
        break
      }
      default:
        yield event
    }
  }
}

const OTHER_PROMPT = fail('request-invalid', 'The begun answer belongs to another prompt.')

interface Beginning {
  /** Null where its tokens do not hold. */
  readonly resume: Committed | null
  /** Has read what was shown. */
  readonly restorer: Restorer
}

function beginning(resume: Committed, redaction: Redaction, replaced: number): Beginning {
  const { raw, text } = resume
  if (raw !== undefined) {
    const restorer = redaction.restorer()
    const shown = restorer.take(raw)
    // At its end a beginning of a placeholder may be held back still, or have been shown as it was.
    if (shown === text || shown + restorer.flush() === text) return { resume: resumeBy(resume, raw, true), restorer }
  }
  const sent = redaction.apply(text)
  const restorer = redaction.restorer()
  restorer.take(sent)
  restorer.flush()
  const same = raw === undefined && sent === text && replaced === 0
  return { resume: resumeBy(resume, sent, same), restorer }
}

function resumeBy({ raw: _, ...resume }: Committed, text: string, exact: boolean): Committed | null {
  return exact || resume.tokens.length === 0 ? { ...resume, text } : null
}

/** An answer that may go on keeps back what stands in an open bracket: what is shown is never taken back. */
function restAtEnd(restorer: Restorer, whole: boolean): string {
  return whole || !/^[\\[]/.test(restorer.held) ? restorer.flush() : ''
}
