/**
 * Writes the server's log: one line of JSON for each event of `events.ts`, by pino. A field that the list does not have is
 * left out, and one that is not of its kind is written as `?`: types may be lied to, this may not. It decides on no event.
 */
import { pino } from 'pino'
import { LOG_BYTES_WAITING_MAX, LOG_NAME_CHARACTERS_MAX, LOG_PLACES_MAX, LOG_WORD_CHARACTERS_MAX } from '../config.ts'
import { LOG_EVENTS, type LogEventName, type LogFieldKind, type LogFields, type LogLevel } from './events.ts'

export interface Log {
  /** Never throws and never waits. A line may be lost where nobody reads the log for long. */
  write<Name extends LogEventName>(event: Name, fields: LogFields<Name>): void
  /** What was written is out; nothing may be written after it. */
  close(): Promise<void>
}

/** Where lines go: a file descriptor, or what a test reads. */
export type LogTarget = 1 | 2 | { write(line: string): void }

const WORD = /^[\w.:/+-]*$/
const NAME = /^[\p{L}\p{N}\p{P}\p{S} ]*$/u
const PLACES = /^(?:(?:node:|\/)[\w./@+-]+:\d+:\d+(?: |$))*$/
const UNKNOWN = '?'

export function openLog(level: LogLevel, target: LogTarget): Log {
  const isFile = typeof target === 'number'
  const file = isFile ? pino.destination({ dest: target, sync: false, maxLength: LOG_BYTES_WAITING_MAX }) : null
  const settings = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  const logger = isFile && file ? pino(settings, file) : pino(settings, target as { write(line: string): void })
  return {
    write(event, fields) {
      const shape = LOG_EVENTS[event]
      if (logger.isLevelEnabled(shape.level)) logger[shape.level]({ event, ...tame(shape.fields, fields) })
    },
    close: () => new Promise((resolve) => (file ? file.flush(() => resolve()) : resolve())),
  }
}

/** What an error is and where, without its words: they may quote what a peer sent. */
export function faultOf(error: unknown): { readonly error: string; readonly code: string; readonly at: string } {
  if (!(error instanceof Error)) return { error: typeof error, code: '', at: '' }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return { error: error.name, code, at: placesOf(error) }
}

const PLACE = /^ {4}at (?:[^()]*\()?(?:file:\/\/)?((?:node:|\/)[\w./@+-]+:\d+:\d+)\)?$/

function placesOf({ stack = '', message }: Error): string {
  const after = stack.slice(Math.max(0, stack.indexOf(message)) + message.length)
  const places = after.split('\n').flatMap((line) => PLACE.exec(line)?.[1] ?? [])
  return places.slice(0, LOG_PLACES_MAX).join(' ')
}

function tame(kinds: Readonly<Record<string, LogFieldKind>>, fields: object): Readonly<Record<string, unknown>> {
  const values: Readonly<Record<string, unknown>> = { ...fields }
  return Object.fromEntries(Object.entries(kinds).map(([field, kind]) => [field, tameValue(kind, values[field])]))
}

function tameValue(kind: LogFieldKind, value: unknown): unknown {
  switch (kind) {
    case 'number':
      return typeof value === 'number' && Number.isFinite(value) ? value : UNKNOWN
    case 'flag':
      return typeof value === 'boolean' ? value : UNKNOWN
    case 'word':
      return typeof value === 'string' && value.length <= LOG_WORD_CHARACTERS_MAX && WORD.test(value) ? value : UNKNOWN
    case 'name':
      return typeof value === 'string' && value.length <= LOG_NAME_CHARACTERS_MAX && NAME.test(value) ? value : UNKNOWN
    case 'places':
      return typeof value === 'string' && PLACES.test(value) ? value : UNKNOWN
    default:
      return kind satisfies never
  }
}
