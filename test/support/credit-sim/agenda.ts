/** What is to happen when: the next is the one whose time comes first, and of two at one time the one that was put first. */
interface Entry<T> {
  readonly atMs: number
  readonly order: number
  readonly what: T
}

export class Agenda<T> {
  /** A heap: each entry is due before both below it. */
  readonly #entries: Entry<T>[] = []
  #order = 0

  get size(): number {
    return this.#entries.length
  }

  put(atMs: number, what: T): void {
    const entries = this.#entries
    let at = entries.push({ atMs, order: this.#order++, what }) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!this.#swapIfLater(above, at)) return
      at = above
    }
  }

  /** Takes it away; null where nothing is due by then. */
  next(byMs = Number.POSITIVE_INFINITY): { readonly atMs: number; readonly what: T } | null {
    const entries = this.#entries
    const [first] = entries
    if (!first || first.atMs > byMs) return null
    const last = entries.pop()
    if (last && last !== first) {
      entries[0] = last
      this.#sink()
    }
    return first
  }

  #sink(): void {
    let at = 0
    for (;;) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      const sooner = this.#isLater(left, right) ? right : left
      if (!this.#swapIfLater(at, sooner)) return
      at = sooner
    }
  }

  #swapIfLater(a: number, b: number): boolean {
    if (!this.#isLater(a, b)) return false
    const [one, other] = [this.#entries[a], this.#entries[b]]
    if (one && other) [this.#entries[a], this.#entries[b]] = [other, one]
    return true
  }

  #isLater(a: number, b: number): boolean {
    const [one, other] = [this.#entries[a], this.#entries[b]]
    if (!one || !other) return false
    return one.atMs > other.atMs || (one.atMs === other.atMs && one.order > other.order)
  }
}
