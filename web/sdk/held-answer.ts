/**
 * An answer that is JSON of a schema, whoever gives it. Where a grammar holds the engine, text comes as it is drawn. Where
 * none does, the whole answer is looked at before a word is given, and asked for again a few times. The schema is part of
 * the prompt either way. It knows no shapes of OpenAI and picks no engine.
 */
import { endOf } from '../rules/answer.ts'
import { grammarOf } from '../rules/json-grammar.ts'
import { readJsonSchema, type SchemaDocument } from '../rules/json-schema.ts'
import { readAnswer } from '../rules/schema-check.ts'
import type { Answerer, ChatEvent, ChatMessage, ChatRequest } from '../wire/chat.ts'
import { SCHEMA_TRIES_MAX } from '../wire/limits/engine.ts'
import { fail, type Result } from '../wire/result.ts'

export interface HeldNews {
  /** A grammar held the engine: what was drawn could only fit. */
  readonly grammar: boolean
  /** Answers that were asked for, this one among them. */
  readonly tries: number
}

type Ask = (request: ChatRequest) => AsyncIterable<ChatEvent>

/** How one try ended; `again` where nothing was given, so that another may be asked for. */
interface Tried {
  readonly end: Extract<ChatEvent, { readonly kind: 'end' }>
  readonly again: boolean
}

/** A retry with no chance in it would only say the same again. */
const TEMPERATURE_AGAIN_MIN = 0.5
const FENCED = /^\s*```(?:json)?\s*\n([\s\S]*?)\n?\s*```\s*$/

/** The stage engine draws under a mask where all layers are in one tab. */
export function isHeld({ engine, stages }: Pick<Answerer, 'engine' | 'stages'>): boolean {
  return engine === 'stage' && !stages
}

/** The same messages, with what the form is. */
export function withForm(messages: readonly ChatMessage[], schema: string): readonly ChatMessage[] {
  const form = `Answer with JSON of this schema and nothing else:\n${schema}`
  const [first, ...rest] = messages
  return first?.role === 'system'
    ? [{ role: 'system', content: `${first.content}\n\n${form}` }, ...rest]
    : [{ role: 'system', content: form }, ...messages]
}

/** Models like to put JSON between fences. */
export function unfenced(text: string): string {
  return FENCED.exec(text)?.[1] ?? text.trim()
}

/**
 * As `ask`, where the request has no schema. Else its text is JSON of the schema, or the end is an error: `schema-invalid` as
 * in `readJsonSchema`, before anybody is asked; `schema-unmet` after the last try.
 */
export async function* held(
  ask: Ask,
  request: ChatRequest,
  told: (news: HeldNews) => void,
): AsyncGenerator<ChatEvent, void, undefined> {
  const { schema, messages, sampling } = request
  if (schema === undefined) return yield* ask(request)
  const document = readForm(schema)
  if (!document.ok) return yield endOf(document)
  const asked = { ...request, messages: withForm(messages, schema) }
  for (let tries = 1; ; tries += 1) {
    const temperature = tries === 1 ? sampling.temperature : Math.max(sampling.temperature, TEMPERATURE_AGAIN_MIN)
    const seed = BigInt.asUintN(64, sampling.seed + BigInt(tries - 1))
    const again = { ...asked, sampling: { ...sampling, temperature, seed } }
    const grammarTold = (grammar: boolean) => told({ grammar, tries })
    const tried = yield* once(ask(again), document.value, grammarTold)
    if (!tried.again || tries >= SCHEMA_TRIES_MAX) return yield tried.end
    yield { kind: 'notice', code: 'schema-unmet', detail: tried.end.detail ?? '' }
  }
}

function readForm(schema: string): Result<SchemaDocument> {
  const document = readJsonSchema(schema)
  const grammar = document.ok ? grammarOf(document.value) : document
  return grammar.ok ? document : grammar
}

/** One answer: all but its end, which is `schema-unmet` where the text does not fit. */
async function* once(
  answer: AsyncIterable<ChatEvent>,
  document: SchemaDocument,
  told: (grammar: boolean) => void,
): AsyncGenerator<ChatEvent, Tried, undefined> {
  let text = ''
  let given = 0
  let grammar = false
  for await (const event of answer) {
    if (event.kind === 'answerer') {
      // Text that was given stays given: whoever goes on without a grammar is only looked at in the end.
      grammar = isHeld(event)
      told(grammar)
      yield event
    } else if (event.kind === 'text') {
      text += event.text
      if (!grammar && given === 0) continue
      yield { kind: 'text', text: text.slice(given) }
      given = text.length
    } else if (event.kind !== 'end') yield event
    else if (event.reason === 'abort' || event.reason === 'error') return { end: event, again: false }
    else return yield* finished(event, text, given, document)
  }
  return { end: endOf(fail('worker-lost', 'The answer has no end.')), again: false }
}

async function* finished(
  end: Tried['end'],
  text: string,
  given: number,
  document: SchemaDocument,
): AsyncGenerator<ChatEvent, Tried, undefined> {
  const whole = given === 0 ? unfenced(text) : text
  const value = readAnswer(whole, document)
  // What was given cannot be taken back.
  if (!value.ok) return { end: { ...end, reason: 'error', code: value.code, detail: value.detail }, again: given === 0 }
  if (given === 0) yield { kind: 'text', text: whole }
  return { end, again: false }
}
