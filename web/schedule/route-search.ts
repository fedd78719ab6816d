/**
 * Looks for another route while an answer waits: asks for plan after plan, with rests that grow, until one can be walked, it
 * was asked often enough, or nobody wants the answer any more. Knows neither stages nor links.
 */
import { REPLAN_MS, REPLAN_MS_MAX, REPLANS_MAX } from '../wire/limits/mesh.ts'
import { fail, type Result } from '../wire/result.ts'

export interface SearchParts {
  readonly every: (ms: number, run: () => void) => () => void
  /** 0 to 1: many who lost the same peer do not all ask at once. */
  readonly chance: () => number
}

export class RouteSearch {
  readonly #parts: SearchParts
  #stop: () => void = () => {}

  constructor(parts: SearchParts) {
    this.#parts = parts
  }

  /** Refusals: the last one of `ask`; `aborted` once it was stopped. What nobody can mend, `route-broken`, ends it at once. */
  async find<T>(ask: () => Promise<Result<T>>): Promise<Result<T>> {
    let stopped = false
    const stop = new Promise<Result<T>>((resolve) => {
      this.#stop = () => {
        stopped = true
        resolve(fail('aborted', ''))
      }
    })
    let restMs = REPLAN_MS
    for (let tries = 1; ; tries += 1) {
      const found = await Promise.race([ask(), stop])
      if (found.ok || stopped || found.code === 'route-broken' || tries === REPLANS_MAX) return found
      await Promise.race([this.#rest(restMs * (1 + this.#parts.chance() / 2)), stop])
      if (stopped) return stop
      restMs = Math.min(2 * restMs, REPLAN_MS_MAX)
    }
  }

  stop(): void {
    this.#stop()
  }

  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = this.#parts.every(ms, () => {
        end()
        resolve()
      })
    })
  }
}
