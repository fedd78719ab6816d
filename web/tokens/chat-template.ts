/**
 * Renders the chat template of a model file. A template is a program by a stranger: it runs in `@huggingface/jinja`'s
 * interpreter with a budget of steps and sizes, and whatever it does wrong comes back as `template-invalid`. A single
 * built-in over nested lists can still be slow; the caller runs in a worker that can be ended.
 */
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja'
import type { ChatMessage } from '../wire/chat.ts'
import {
  TEMPLATE_CHARACTERS_MAX,
  TEMPLATE_LIST_MAX,
  TEMPLATE_OUTPUT_CHARACTERS_MAX,
  TEMPLATE_STEPS_MAX,
} from '../wire/limits/models.ts'
import { fail, ok, type Result } from '../wire/result.ts'

export interface TemplateFacts {
  readonly source: string
  readonly bosToken: string
  readonly eosToken: string
  readonly now: () => Date
}

export type RenderChat = (messages: readonly ChatMessage[]) => Result<string>

/** A template's own complaint: what it passed to `raise_exception`. */
class TemplateRefusal extends Error {}

type Evaluate = Interpreter['evaluate']

class BoundedInterpreter extends Interpreter {
  #steps = 0
  /** What the loops met so far run over: a loop with an empty body costs its length and evaluates nothing. */
  readonly #iterables = new Set<unknown>()

  override evaluate(statement: Parameters<Evaluate>[0], environment: Parameters<Evaluate>[1]): ReturnType<Evaluate> {
    this.#spend(1)
    if (isLoop(statement)) this.#iterables.add(statement.iterable.lhs ?? statement.iterable)
    const result = super.evaluate(statement, environment)
    const value: unknown = result.value
    if (typeof value === 'string' && value.length > TEMPLATE_OUTPUT_CHARACTERS_MAX) {
      throw new TemplateRefusal(`It makes more than ${TEMPLATE_OUTPUT_CHARACTERS_MAX} characters.`)
    }
    const length = Array.isArray(value) ? value.length : value instanceof Map ? value.size : 0
    if (length > TEMPLATE_LIST_MAX)
      throw new TemplateRefusal(`It makes a list of more than ${TEMPLATE_LIST_MAX} entries.`)
    if (this.#iterables.has(statement)) this.#spend(length)
    return result
  }

  #spend(steps: number): void {
    this.#steps += steps
    if (this.#steps > TEMPLATE_STEPS_MAX) throw new TemplateRefusal(`It takes more than ${TEMPLATE_STEPS_MAX} steps.`)
  }
}

/** `for x in list` and `for x in list if test`, where the list stands in `lhs`. */
function isLoop(statement: unknown): statement is { iterable: { lhs?: unknown } } {
  return (statement as { type?: unknown } | undefined)?.type === 'For'
}

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

/** C's `strftime` in English, as the models were trained, not in the language of the browser. */
function strftime(date: Date, format: string): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const month = MONTHS[date.getMonth()] ?? ''
  const day = DAYS[date.getDay()] ?? ''
  const parts: Record<string, string> = {
    '%Y': String(date.getFullYear()),
    '%y': two(date.getFullYear() % 100),
    '%m': two(date.getMonth() + 1),
    '%d': two(date.getDate()),
    '%B': month,
    '%b': month.slice(0, 3),
    '%A': day,
    '%a': day.slice(0, 3),
    '%H': two(date.getHours()),
    '%I': two(date.getHours() % 12 || 12),
    '%M': two(date.getMinutes()),
    '%S': two(date.getSeconds()),
    '%p': date.getHours() < 12 ? 'AM' : 'PM',
    '%%': '%',
  }
  return format.replace(/%[A-Za-z%]/g, (key) => parts[key] ?? key)
}

/** As Python's, but a list too long to be meant is refused before it is made. */
function range(first: unknown, second?: unknown, third: unknown = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second]
  if (typeof start !== 'number' || typeof stop !== 'number' || typeof third !== 'number' || third === 0) {
    throw new TemplateRefusal('range() is called with something that is not a number.')
  }
  const length = Math.max(0, Math.ceil((stop - start) / third))
  if (!(length <= TEMPLATE_LIST_MAX)) throw new TemplateRefusal(`range() makes more than ${TEMPLATE_LIST_MAX} entries.`)
  return Array.from({ length }, (_, index) => start + index * third)
}

function refuse(message: unknown): never {
  throw new TemplateRefusal(String(message).slice(0, 300))
}

function environmentOf(facts: TemplateFacts, messages: readonly ChatMessage[]): Environment {
  const environment = new Environment()
  const globals: Record<string, unknown> = {
    true: true,
    false: false,
    none: null,
    True: true,
    False: false,
    None: null,
    raise_exception: refuse,
    range,
    strftime_now: (format: unknown) => strftime(facts.now(), String(format)),
    bos_token: facts.bosToken,
    eos_token: facts.eosToken,
    add_generation_prompt: true,
    messages: messages.map(({ role, content }) => ({ role, content })),
  }
  for (const [name, value] of Object.entries(globals)) environment.set(name, value)
  return environment
}

function failure(error: unknown) {
  if (error instanceof TemplateRefusal) return fail('template-invalid', error.message)
  // Syntax, type and stack errors of the interpreter: all are the template's doing.
  return fail('template-invalid', error instanceof Error ? error.message.slice(0, 300) : 'It cannot be run.')
}

export function compileTemplate(facts: TemplateFacts): Result<RenderChat> {
  const { source } = facts
  if (source.length > TEMPLATE_CHARACTERS_MAX) return fail('template-invalid', `It has ${source.length} characters.`)
  try {
    const program = parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }))
    return ok((messages) => {
      try {
        const { value } = new BoundedInterpreter(environmentOf(facts, messages)).run(program)
        return typeof value === 'string' ? ok(value) : fail('template-invalid', 'It makes no text.')
      } catch (error) {
        return failure(error)
      }
    })
  } catch (error) {
    return failure(error)
  }
}
