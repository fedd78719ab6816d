/**
 * Whether a visitor can really see a part of the frame: on the screen, in the part that the page shows, and covered or faded by
 * nothing, as far as the browser tells (`IntersectionObserver` with `trackVisibility`). Measures; decides nothing.
 */
import { EMBED_SEEN_LOOK_MS } from '../wire/limits/partners.ts'

interface VisibleEntry extends IntersectionObserverEntry {
  readonly isVisible?: boolean
}
type VisibleInit = IntersectionObserverInit & { readonly trackVisibility: boolean; readonly delay: number }

/** Nearly all of it: fractions of a pixel are cut off at the edges. */
const WHOLE = 0.98

export class Sight {
  /** Whether the browser tells of what covers. */
  readonly exact = 'IntersectionObserverEntry' in window && 'isVisible' in IntersectionObserverEntry.prototype
  readonly #since = new Map<Element, number>()
  readonly #tellers = new Map<Element, (seen: boolean) => void>()
  readonly #observer: IntersectionObserver

  constructor() {
    const init: VisibleInit = { threshold: [0, WHOLE, 1], trackVisibility: this.exact, delay: EMBED_SEEN_LOOK_MS }
    this.#observer = new IntersectionObserver((entries) => this.#hear(entries), init)
  }

  /** For `{@attach}`; its value ends it. `onSeen` hears every change. */
  watch(element: Element, onSeen: (seen: boolean) => void = () => {}): () => void {
    this.#tellers.set(element, onSeen)
    this.#observer.observe(element)
    return () => {
      this.#observer.unobserve(element)
      // What is taken away is seen no more, and nobody else says so.
      onSeen(false)
      this.#tellers.delete(element)
      this.#since.delete(element)
    }
  }

  readonly attach = (element: Element) => this.watch(element)

  /** How long it has been in sight without a break; zero where it is not. */
  seenMs(element: Element, nowMs: number): number {
    const since = this.#since.get(element)
    return since === undefined ? 0 : Math.max(0, nowMs - since)
  }

  #hear(entries: readonly IntersectionObserverEntry[]): void {
    for (const entry of entries as readonly VisibleEntry[]) {
      const { target, intersectionRatio, time } = entry
      const seen = intersectionRatio >= WHOLE && (!this.exact || entry.isVisible === true)
      if (!seen) this.#since.delete(target)
      else if (!this.#since.has(target)) this.#since.set(target, time)
      this.#tellers.get(target)?.(seen)
    }
  }
}
