/** Timers that go on while the tab is hidden, where the page's own would fire once a second or once a minute. */
import type { TickerWish } from './ticker-worker.ts'

export class Ticker {
  readonly #worker: Worker
  readonly #running = new Map<number, () => void>()
  #ids = 0

  constructor(worker: Worker) {
    this.#worker = worker
    worker.addEventListener('message', ({ data }: MessageEvent<number>) => this.#running.get(data)?.())
  }

  /** Returns how to stop it. */
  readonly every = (ms: number, run: () => void): (() => void) => {
    this.#ids += 1
    const id = this.#ids
    this.#running.set(id, run)
    this.#ask({ id, ms })
    return () => {
      if (this.#running.delete(id)) this.#ask({ id, ms: null })
    }
  }

  #ask(wish: TickerWish): void {
    this.#worker.postMessage(wish)
  }
}
