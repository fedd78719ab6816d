/**
 * One engine, many callers: `Turns` lets one through at a time, in the order of asking, up to a named cap. It knows
 * nothing of models or chats. A caller that gives up while it waits leaves the line at once.
 */
import { ASKS_WAITING_MAX } from '../wire/limits.ts'
import { fail, ok, type Result } from '../wire/result.ts'

/** Gives the turn to the next in line. Idempotent. */
export type Release = () => void

export class Turns {
  #busy = false
  readonly #waiting: (() => void)[] = []

  /** Refusals: `aborted`, `queue-full`. */
  async take(signal: AbortSignal): Promise<Result<Release>> {
    if (signal.aborted) return fail('aborted', '')
    if (!this.#busy) return ok(this.#enter())
    if (this.#waiting.length >= ASKS_WAITING_MAX) return fail('queue-full', `${ASKS_WAITING_MAX} already wait.`)
    return new Promise((resolve) => {
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1)
        resolve(fail('aborted', ''))
      }
      const enter = () => {
        signal.removeEventListener('abort', leave)
        resolve(ok(this.#enter()))
      }
      this.#waiting.push(enter)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  #enter(): Release {
    this.#busy = true
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#busy = false
      this.#waiting.shift()?.()
    }
  }
}
