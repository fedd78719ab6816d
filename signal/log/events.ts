/**
 * Every event that the server logs, with its fields: the whole list. A field is a number, a flag or a short word of a known
 * make, so that nothing a peer has written can be in a line. No address, no key of a device, no prompt. It writes nothing.
 */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/**
 * `word`: of letters, digits and a few signs, never with a blank in it: ids, codes, names that this program has given.
 * `name`: of a model or a source, as the operator's own lists have it. `places`: where in our own code, from a stack.
 */
export type LogFieldKind = 'number' | 'flag' | 'word' | 'name' | 'places'

interface LogEventShape {
  readonly level: LogLevel
  readonly fields: Readonly<Record<string, LogFieldKind>>
}

const FAULT = { error: 'word', code: 'word', at: 'places' } as const

export const LOG_EVENTS = {
  'server-started': { level: 'info', fields: { port: 'number', dev: 'flag' } },
  'server-draining': { level: 'info', fields: { waitMs: 'number', sockets: 'number' } },
  'server-stopped': { level: 'info', fields: {} },
  'server-failed': { level: 'error', fields: { during: 'word', ...FAULT } },
  'http': { level: 'info', fields: { request: 'word', method: 'word', route: 'word', status: 'number', ms: 'number' } },
  'http-failed': { level: 'error', fields: { request: 'word', ...FAULT } },
  'audit-damaged': { level: 'error', fields: { line: 'number' } },
  'operator-refused': { level: 'warn', fields: { request: 'word' } },
  'socket-opened': { level: 'debug', fields: { socket: 'word' } },
  'socket-proven': { level: 'debug', fields: { socket: 'word' } },
  'socket-closed': { level: 'debug', fields: { socket: 'word', reason: 'word', ms: 'number' } },
  'socket-flooded': { level: 'warn', fields: { socket: 'word' } },
  'event-refused': { level: 'debug', fields: { request: 'word', said: 'word', code: 'word' } },
  'event-failed': { level: 'error', fields: { request: 'word', said: 'word', ...FAULT } },
  'cluster-failed': { level: 'error', fields: FAULT },
  'ledger-failed': { level: 'error', fields: { during: 'word', ...FAULT } },
  'model-adding': { level: 'info', fields: { name: 'name', source: 'name' } },
  'model-source-failed': { level: 'warn', fields: { code: 'word' } },
  'model-warning': { level: 'warn', fields: { code: 'word' } },
  'model-busy': { level: 'info', fields: { name: 'name' } },
  'model-added': { level: 'info', fields: { name: 'name' } },
} as const satisfies Record<string, LogEventShape>

export type LogEventName = keyof typeof LOG_EVENTS

interface KindValues {
  readonly number: number
  readonly flag: boolean
  readonly word: string
  readonly name: string
  readonly places: string
}

type Shapes = typeof LOG_EVENTS
type ValueOf<Kind> = Kind extends LogFieldKind ? KindValues[Kind] : never

export type LogFields<Name extends LogEventName> = {
  readonly [Field in keyof Shapes[Name]['fields']]: ValueOf<Shapes[Name]['fields'][Field]>
}
