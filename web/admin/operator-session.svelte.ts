/**
 * Who looks: holds the operator's token, in memory or, where it is wished, for this tab's session, and asks the server with it. The token
 * is never in an address and goes to this server only. What an answer means is its parser's to say.
 */
import { CODES, type Code } from '../wire/codes.ts'
import type { Result } from '../wire/result.ts'

export type AskFailure =
  | { readonly state: 'wrong-token' }
  /** This server has no operator's token: nobody may rule. */
  | { readonly state: 'no-token' }
  | { readonly state: 'wait'; readonly seconds: number }
  | { readonly state: 'away' }
  | { readonly state: 'refused'; readonly code: string; readonly message: string }

export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: AskFailure }

type Fetch = (path: string, init: RequestInit) => Promise<Response>

const KEPT = 'weft-operator-token'
const ROOT = '/operator/'
/** As the server takes them. */
const TOKEN = /^[\x21-\x7e]{1,256}$/
const WAIT_SECONDS_MAX = 3_600

export class OperatorSession {
  readonly #fetch: Fetch
  readonly #shelf: Storage | null
  #token: string | null
  #open = $state(false)
  #failure = $state.raw<AskFailure | null>(null)
  /** Whom a sanction is to be about, from another section. */
  subject = $state('')

  constructor(fetch: Fetch, shelf: Storage | null) {
    this.#fetch = fetch
    this.#shelf = shelf
    this.#token = shelf?.getItem(KEPT) ?? null
    this.#open = this.#token !== null
  }

  /** The server has taken the token; what is asked next may still be refused. */
  get open(): boolean {
    return this.#open
  }

  /** Why the token was not taken, or is taken no more. */
  get failure(): AskFailure | null {
    return this.#failure
  }

  async signIn(token: string, keep: boolean): Promise<void> {
    this.#failure = null
    if (!TOKEN.test(token)) {
      this.#failure = { state: 'wrong-token' }
      return
    }
    this.#token = token
    const asked = await this.#send('now', { method: 'GET' })
    if (!asked.ok) {
      this.#token = null
      this.#failure = asked.failure
      return
    }
    if (keep) this.#keep(token)
    this.#open = true
  }

  signOut(failure: AskFailure | null = null): void {
    this.#token = null
    this.#open = false
    this.#failure = failure
    this.subject = ''
    this.#keep(null)
  }

  ask<T>(path: string, parse: (value: unknown) => Result<T>): Promise<Answer<T>> {
    return this.#parsed({ method: 'GET' }, path, parse)
  }

  do<T>(path: string, body: unknown, parse: (value: unknown) => Result<T>): Promise<Answer<T>> {
    const headers = { 'Content-Type': 'application/json' }
    return this.#parsed({ method: 'POST', headers, body: JSON.stringify(body) }, path, parse)
  }

  async #parsed<T>(init: RequestInit, path: string, parse: (value: unknown) => Result<T>): Promise<Answer<T>> {
    const asked = await this.#send(path, init)
    if (!asked.ok) {
      if (asked.failure.state === 'wrong-token' || asked.failure.state === 'no-token') this.signOut(asked.failure)
      return asked
    }
    const read = parse(asked.value)
    if (read.ok) return read
    return refused(read.code, `The server said something that this page does not read. ${read.detail}`)
  }

  async #send(path: string, init: RequestInit): Promise<Answer<unknown>> {
    const headers = { ...init.headers, Authorization: `Bearer ${this.#token ?? ''}` }
    try {
      const answer = await this.#fetch(ROOT + path, { ...init, headers, credentials: 'omit', cache: 'no-store' })
      if (answer.ok) return { ok: true, value: await answer.json() }
      return { ok: false, failure: await failureOf(answer) }
    } catch {
      return { ok: false, failure: { state: 'away' } }
    }
  }

  #keep(token: string | null): void {
    try {
      if (token === null) this.#shelf?.removeItem(KEPT)
      else this.#shelf?.setItem(KEPT, token)
    } catch {
      // Refused: it is asked for again after a reload.
    }
  }
}

async function failureOf(answer: Response): Promise<AskFailure> {
  if (answer.status === 401) return { state: 'wrong-token' }
  const said: unknown = await answer.json().catch(() => null)
  const { code, message } = (said ?? {}) as { code?: unknown; message?: unknown }
  if (answer.status === 404 && code === 'nothing-here') return { state: 'no-token' }
  if (answer.status === 429) {
    const seconds = Number(answer.headers.get('Retry-After'))
    return { state: 'wait', seconds: seconds >= 1 && seconds <= WAIT_SECONDS_MAX ? Math.ceil(seconds) : 1 }
  }
  if (answer.status >= 500 && typeof code !== 'string') return { state: 'away' }
  const known = typeof code === 'string' && Object.hasOwn(CODES, code) ? (code as Code) : null
  const words = typeof message === 'string' ? message.slice(0, 1_000) : ''
  return {
    state: 'refused',
    code: typeof code === 'string' ? code.slice(0, 64) : '',
    message: words || (known ? CODES[known][0] : 'The server refused.'),
  }
}

function refused(code: string, message: string): { readonly ok: false; readonly failure: AskFailure } {
  return { ok: false, failure: { state: 'refused', code, message } }
}
