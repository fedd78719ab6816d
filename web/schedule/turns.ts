/**
 * One engine, many callers: `Turns` lets one through at a time, in the order of asking, up to a named cap. Courteous ones
 * wait behind all others, and are told when another one waits for their turn. It knows nothing of models or chats. A caller
 * that gives up while it waits leaves the line at once.
 */
import { ASKS_WAITING_MAX } from '../wire/limits/page.ts'
import { fail, ok, type Result } from '../wire/result.ts'

/** Gives the turn to the next in line. Idempotent. */
export type Release = () => void

export class Turns {
  #busy = false
  readonly #waiting: (() => void)[] = []
  /** Behind all of `#waiting`. */
  readonly #courteous: (() => void)[] = []
  /** Tells who has the turn that somebody waits who goes before it; null where nobody does. */
  #wanted: (() => void) | null = null

  /** `wanted`: this caller is courteous, and called when it should give its turn back. Refusals: `aborted`, `queue-full`. */
  async take(signal: AbortSignal, wanted: (() => void) | null = null): Promise<Result<Release>> {
    if (signal.aborted) return fail('aborted', '')
    if (!this.#busy) return ok(this.#enter(wanted))
    const line = wanted ? this.#courteous : this.#waiting
    if (line.length >= ASKS_WAITING_MAX) return fail('queue-full', `${ASKS_WAITING_MAX} already wait.`)
    return new Promise((resolve) => {
      const leave = () => {
        line.splice(line.indexOf(enter), 1)
        resolve(fail('aborted', ''))
      }
      const enter = () => {
        signal.removeEventListener('abort', leave)
        resolve(ok(this.#enter(wanted)))
      }
      line.push(enter)
      signal.addEventListener('abort', leave, { once: true })
      if (!wanted) this.#wanted?.()
    })
  }

  #enter(wanted: (() => void) | null): Release {
    this.#busy = true
    this.#wanted = wanted
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#busy = false
      this.#wanted = null
      const next = this.#waiting.shift() ?? this.#courteous.shift()
      next?.()
    }
  }
}
