/**
 * What one side pushes, in order, for one reader that takes it when it can. The reader ends after `close`, once all is
 * read. Unbounded: whoever pushes has a bound of its own.
 */

export class EventQueue<T> implements AsyncIterable<T> {
  readonly #items: T[] = []
  #closed = false
  #wake: () => void = () => {}

  push(item: T): void {
    this.#items.push(item)
    this.#wake()
  }

  /** Nothing comes after it. Closing twice is no error. */
  close(): void {
    this.#closed = true
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const [next] = this.#items.splice(0, 1)
      if (next !== undefined) yield next
      else if (this.#closed) return
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}
