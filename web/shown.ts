/**
 * What is true now, as one plain value that is replaced as a whole, and who wants to know of it. Draws nothing and decides
 * nothing: whoever holds it composes the value.
 */
export class Shown<View> {
  readonly #listeners = new Set<(view: View) => void>()
  #view: View

  constructor(first: View) {
    this.#view = first
  }

  get view(): View {
    return this.#view
  }

  /** Calls back at once and after every change. Returns how to stop. */
  subscribe(listener: (view: View) => void): () => void {
    this.#listeners.add(listener)
    listener(this.#view)
    return () => this.#listeners.delete(listener)
  }

  show(view: View): void {
    this.#view = view
    // One that listens may begin or stop to while it is told.
    for (const listener of [...this.#listeners]) listener(view)
  }

  /** Nobody is told any more. */
  close(): void {
    this.#listeners.clear()
  }
}
