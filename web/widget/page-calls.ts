/**
 * Calls of the page around the frame until they may be answered: the visitor has let the page ask, the chat is there, and the line
 * that says what runs is in sight. Out of sight for long, taken back or refused, they end with a code. Computes nothing; fetched with
 * the first call.
 */
import { hereSay, refusalSays } from '../wire/embed-calls.ts'
import { EMBED_UNSEEN_MS_MAX } from '../wire/limits/partners.ts'
import { OPENAI_CALLS_MAX } from '../wire/limits/sdk.ts'
import type { OpenAiSay } from '../wire/openai-call.ts'
import { type Failure, fail } from '../wire/result.ts'

/** What answers them: the room of the chat. */
export interface CalledRoom {
  /** Resolves when it is over. */
  serve(port: MessagePort): Promise<void>
  endCalls(failure: Failure): void
}

export interface PageCallsParts {
  /** Of the line that says what runs. Calls back at once and after every change; returns how to stop. */
  readonly watchSeen: (onChange: (seen: boolean) => void) => () => void
  /** Whether calls wait for the visitor to say that the page may ask. */
  readonly onAsks: (asks: boolean) => void
}

/** As the frame stands. `allowed`: null until the visitor has answered. */
export interface CallsStanding {
  readonly allowed: boolean | null
  readonly room: CalledRoom | null
  /** The page has the panel open. */
  readonly shown: boolean
  readonly failure: Failure | null
}

export class PageCalls {
  readonly #parts: PageCallsParts
  readonly #waiting: MessagePort[] = []
  #standing: CallsStanding = { allowed: null, room: null, shown: true, failure: null }
  #open = 0
  #seen = false
  #asks = false
  #unwatch: (() => void) | null = null
  #late: ReturnType<typeof setTimeout> | undefined

  constructor(parts: PageCallsParts) {
    this.#parts = parts
  }

  add(port: MessagePort): void {
    if (this.#waiting.length + this.#open >= OPENAI_CALLS_MAX) refuseOn(port, fail('queue-full', ''))
    else {
      this.#waiting.push(port)
      say(port, hereSay(crypto.randomUUID()))
      this.#follow()
    }
  }

  /** After every change of it. */
  stand(standing: CallsStanding): void {
    const { room } = this.#standing
    this.#standing = standing
    const { allowed, failure } = standing
    if (failure) room?.endCalls(failure)
    else if (room !== standing.room || allowed !== true) room?.endCalls(fail('consent-missing', ''))
    this.#follow()
  }

  #follow(): void {
    const { allowed, room, shown, failure } = this.#standing
    if (failure) this.#refuse(failure)
    else if (allowed === false || (allowed === null && !shown)) this.#refuse(fail('consent-missing', ''))
    else if (allowed && room && this.#seen) this.#begin(room)
    this.#watch()
    this.#hurry()
    const asks = this.#waiting.length > 0 && allowed === null
    if (asks !== this.#asks) this.#parts.onAsks(asks)
    this.#asks = asks
  }

  #begin(room: CalledRoom): void {
    for (const port of this.#waiting.splice(0)) {
      this.#open += 1
      void room.serve(port).finally(() => {
        this.#open -= 1
        this.#follow()
      })
    }
  }

  #refuse(failure: Failure): void {
    for (const port of this.#waiting.splice(0)) refuseOn(port, failure)
  }

  /** As long as there are any. */
  #watch(): void {
    const needed = this.#waiting.length + this.#open > 0
    if (!needed) {
      this.#unwatch?.()
      this.#unwatch = null
      this.#seen = false
    } else if (this.#unwatch === null) {
      this.#unwatch = () => {}
      this.#unwatch = this.#parts.watchSeen((seen) => {
        this.#seen = seen
        this.#follow()
      })
    }
  }

  /** Out of sight they have a while; while it is not theirs to be in sight, they wait for the visitor or the chat. */
  #hurry(): void {
    const { allowed, room } = this.#standing
    const unseen = this.#unwatch !== null && allowed === true && room !== null && !this.#seen
    if (!unseen) {
      clearTimeout(this.#late)
      this.#late = undefined
    } else
      this.#late ??= setTimeout(() => {
        this.#late = undefined
        this.#refuse(fail('embed-unseen', ''))
        this.#standing.room?.endCalls(fail('embed-unseen', ''))
        this.#follow()
      }, EMBED_UNSEEN_MS_MAX)
  }
}

function say(port: MessagePort, word: OpenAiSay): void {
  port.postMessage(word)
}

function refuseOn(port: MessagePort, failure: Failure): void {
  for (const word of [hereSay(crypto.randomUUID()), ...refusalSays(failure)]) say(port, word)
  port.close()
}
