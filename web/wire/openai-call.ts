/**
 * A call of `fetch('/v1/...')` between the service worker that hears it and the tab of Weft that answers it: what they say on
 * the port of one call, which addresses there are, and how a refusal looks in OpenAI's shape. Reads no request.
 */
import type { Code } from './codes.ts'
import { SCOPES, type Scope } from './conversation.ts'
import { OPENAI_BODY_BYTES_MAX, OPENAI_CHUNKS_AHEAD, OPENAI_TEXT_CHARACTERS_MAX } from './limits/sdk.ts'

const PREFIX = '/v1/'
const METHODS = {
  'chat/completions': 'POST',
  completions: 'POST',
  embeddings: 'POST',
  models: 'GET',
} as const

export type OpenAiPath = keyof typeof METHODS

export function isOpenAiAddress(pathname: string): boolean {
  return pathname === '/v1' || pathname.startsWith(PREFIX)
}

/** Null for an address that nobody answers. */
export function openAiPathOf(pathname: string): OpenAiPath | null {
  const path = pathname.startsWith(PREFIX) ? pathname.slice(PREFIX.length) : ''
  return Object.hasOwn(METHODS, path) ? (path as OpenAiPath) : null
}

export function openAiMethodOf(path: OpenAiPath): 'GET' | 'POST' {
  return METHODS[path]
}

/** Who may take part in an answer, as the header of this name says it; none stands for this device only. */
export const SCOPE_HEADER = 'weft-scope'

interface Refusal {
  readonly status: number
  readonly code: Code
  readonly says: string
}

/** Of calls that reach no engine: the service worker and the server say them without the table of all codes. */
export const OPENAI_REFUSALS = {
  missing: {
    status: 503,
    code: 'app-missing',
    says: 'Weft is not open in this browser. Open it in a tab, then send again.',
  },
  silent: {
    status: 504,
    code: 'app-silent',
    says: 'The tab of Weft did not answer in time. Reload it, then send again.',
  },
  closed: { status: 502, code: 'app-closed', says: 'The tab of Weft that answered was closed. Send again.' },
  busy: { status: 429, code: 'queue-full', says: 'Too many calls are open. Wait for one to end, then send again.' },
  large: { status: 413, code: 'request-invalid', says: 'The body is too large.' },
  address: { status: 404, code: 'request-invalid', says: 'Nothing answers at this address.' },
  method: { status: 405, code: 'request-invalid', says: 'This address takes another method.' },
  scope: { status: 400, code: 'request-invalid', says: `\`${SCOPE_HEADER}\` must be ${SCOPES.join(', ')}.` },
  foreign: { status: 403, code: 'origin-foreign', says: 'Only pages of this server can call it.' },
} as const satisfies Readonly<Record<string, Refusal>>

export type OpenAiRefusal = keyof typeof OPENAI_REFUSALS

/** The body of a refusal, as OpenAI's clients read it. */
export function refusalBody(refusal: OpenAiRefusal): object {
  const { status, code, says } = OPENAI_REFUSALS[refusal]
  return { error: { message: says, type: status < 500 ? 'invalid_request_error' : 'engine_error', code, param: null } }
}

/** From the service worker to all tabs, each with a port of its own: who can answer? */
export interface OpenAiWho {
  readonly kind: 'openai-who'
}

export function isOpenAiWho(value: unknown): value is OpenAiWho {
  return value !== null && typeof value === 'object' && 'kind' in value && value.kind === 'openai-who'
}

/** On the port, from the service worker. */
export type OpenAiAsk =
  /** `lock`: held by the service worker for as long as it lives. */
  | {
      readonly kind: 'call'
      readonly lock: string
      readonly path: OpenAiPath
      readonly body: string
      readonly scope: Scope
    }
  /** So many more chunks may come. */
  | { readonly kind: 'pull'; readonly count: number }
  /** The end was heard, nobody waits any more, or another tab was first. */
  | { readonly kind: 'stop' }

/** On the port, from the tab. */
export type OpenAiSay =
  /** It holds this lock for as long as it lives and the call is open. */
  | { readonly kind: 'here'; readonly lock: string }
  | { readonly kind: 'head'; readonly status: number; readonly stream: boolean }
  | { readonly kind: 'chunk'; readonly text: string }
  | { readonly kind: 'end' }
  /** What began as an answer cannot be ended as one. */
  | { readonly kind: 'broken' }

/** What follows is a random id: each side sees by the other's lock that it is gone. */
export const CALL_LOCK = 'weft-openai:'
const LOCK_CHARACTERS = CALL_LOCK.length + 36

type Fields = Readonly<Record<string, unknown>>

function fieldsOf(value: unknown): Fields {
  return value !== null && typeof value === 'object' ? (value as Fields) : {}
}

function isLock(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith(CALL_LOCK) && value.length === LOCK_CHARACTERS
}

function isCount(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max
}

/** Null for what is none. */
export function parseOpenAiAsk(value: unknown): OpenAiAsk | null {
  const { kind, lock, path, body, scope, count } = fieldsOf(value)
  if (kind === 'stop') return { kind }
  if (kind === 'pull') return isCount(count, OPENAI_CHUNKS_AHEAD) ? { kind, count } : null
  const known = typeof path === 'string' ? openAiPathOf(PREFIX + path) : null
  const within = SCOPES.find((name) => name === scope)
  if (kind !== 'call' || !isLock(lock) || !known || !within) return null
  if (typeof body !== 'string' || body.length > OPENAI_BODY_BYTES_MAX) return null
  return { kind, lock, path: known, body, scope: within }
}

/** Null for what is none. */
export function parseOpenAiSay(value: unknown): OpenAiSay | null {
  const { kind, lock, status, stream, text } = fieldsOf(value)
  if (kind === 'end' || kind === 'broken') return { kind }
  if (kind === 'here') return isLock(lock) ? { kind, lock } : null
  if (kind === 'head')
    return isCount(status, 599) && status >= 200 && typeof stream === 'boolean' ? { kind, status, stream } : null
  if (kind !== 'chunk' || typeof text !== 'string' || text.length > OPENAI_TEXT_CHARACTERS_MAX) return null
  return { kind, text }
}
