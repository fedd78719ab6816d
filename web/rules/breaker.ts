/**
 * When to try a peer again that could not be reached: some tries at once, then a rest that doubles, so that a peer behind a
 * firewall costs nobody a wait at every request. Whoever was reached gets a new one. Pure: time and chance come in.
 */
import { BREAKER_REST_MS, BREAKER_REST_MS_MAX, BREAKER_TRIES } from '../wire/limits/mesh.ts'

export class Breaker {
  readonly #tries: number
  #failures = 0
  #untilMs = 0

  /** `tries`: failures in a row before the first rest. */
  constructor(tries = BREAKER_TRIES) {
    this.#tries = tries
  }

  /** Whether to try now. */
  closed(nowMs: number): boolean {
    return nowMs >= this.#untilMs
  }

  /** `chance`: 0 to 1; rests are up to half as long again, so that many do not come back together. */
  failed(nowMs: number, chance: number): void {
    this.#failures += 1
    if (this.#failures < this.#tries) return
    const restMs = Math.min(BREAKER_REST_MS * 2 ** (this.#failures - this.#tries), BREAKER_REST_MS_MAX)
    this.#untilMs = nowMs + restMs * (1 + chance / 2)
  }
}
