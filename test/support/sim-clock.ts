/**
 * A clock that a test moves: what is due runs in order of time, then of asking, and promises that follow from it settle
 * before the next. The same calls give the same run.
 */
interface Due {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

export class SimClock {
  nowMs = 0
  #order = 0
  /** Sorted: the next is last. */
  #due: Due[] = []
  readonly #held = new Set<Promise<unknown>>()

  readonly later = (delayMs: number, run: () => void): void => {
    const due = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, run }
    let at = this.#due.length
    while (at > 0 && before(this.#due[at - 1], due)) at -= 1
    this.#due.splice(at, 0, due)
  }

  readonly every = (ms: number, run: () => void): (() => void) => {
    let stopped = false
    const next = () => {
      if (stopped) return
      run()
      this.later(ms, next)
    }
    this.later(ms, next)
    return () => {
      stopped = true
    }
  }

  /** What takes time of another clock, as a real GPU does, takes none of this one: it stands until then. */
  readonly hold = <T>(work: Promise<T>): Promise<T> => {
    this.#held.add(work)
    const done = () => this.#held.delete(work)
    work.then(done, done)
    return work
  }

  /** Runs until the condition holds or nothing is due any more; true where it holds. */
  async until(condition: () => boolean, limitMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    await this.#settle()
    while (!condition()) {
      const next = this.#due.at(-1)
      if (!next || next.atMs > limitMs) return false
      this.#due.pop()
      this.nowMs = next.atMs
      next.run()
      await this.#settle()
    }
    return true
  }

  async #settle(): Promise<void> {
    await settle()
    while (this.#held.size > 0) {
      await Promise.race(this.#held)
      await settle()
    }
  }
}

/** `a` runs before `b`. */
function before(a: Due | undefined, b: Due): boolean {
  return a !== undefined && (a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order))
}

/** After every microtask that follows. Browsers have no word for it but a message to themselves. */
const settle = () =>
  new Promise<void>((resolve) => {
    if (typeof setImmediate === 'function') return void setImmediate(resolve)
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
