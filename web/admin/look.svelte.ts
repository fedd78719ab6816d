/**
 * One thing that a section shows: asked for when it is opened, again while the page is visible where that is wished, and after each deed. What
 * was read last stays on show while a newer answer is late or refused. It knows no path and no shape.
 */
import type { Answer, AskFailure } from './operator-session.svelte.ts'

export class Look<T> {
  readonly #ask: () => Promise<Answer<T>>
  #value = $state.raw<T | null>(null)
  #failure = $state.raw<AskFailure | null>(null)
  #asked = 0

  constructor(ask: () => Promise<Answer<T>>) {
    this.#ask = ask
  }

  get value(): T | null {
    return this.#value
  }

  get failure(): AskFailure | null {
    return this.#failure
  }

  /** An answer that came after a newer question is of no interest. */
  async refresh(): Promise<void> {
    this.#asked += 1
    const own = this.#asked
    const answer = await this.#ask()
    if (own !== this.#asked) return
    if (answer.ok) this.#value = answer.value
    this.#failure = answer.ok ? null : answer.failure
  }

  /** Now and every so often, while somebody can see it. Returns how to stop. */
  watch(everyMs: number): () => void {
    const look = () => {
      if (document.visibilityState === 'visible') void this.refresh()
    }
    look()
    const timer = setInterval(look, everyMs)
    document.addEventListener('visibilitychange', look)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', look)
    }
  }
}
