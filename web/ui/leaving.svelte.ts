/**
 * What the next question would send to others, with the values that are replaced in it. Looked at a moment after the last
 * change; null while nothing is replaced or nothing leaves. Talks to `App` only.
 */
import type { App } from '../app.ts'

export type Leaving = NonNullable<ReturnType<App['ways']['leaves']>>
type Messages = Parameters<App['ways']['leaves']>[0]

/** Long enough that typing is not followed letter by letter. */
const PAUSE_MS = 250

export class LeavingPrompt {
  #leaving = $state.raw<Leaving | null>(null)
  readonly #look: (messages: Messages) => Leaving | null
  #timer: ReturnType<typeof setTimeout> | null = null

  constructor(look: (messages: Messages) => Leaving | null) {
    this.#look = look
  }

  get count(): number {
    return this.#leaving?.values.length ?? 0
  }

  get now(): Leaving | null {
    return this.#leaving
  }

  /** Looks no more. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  /** `prompt` is asked when it is looked at. */
  follow(prompt: () => Messages): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#leaving = this.#look(prompt())
    }, PAUSE_MS)
  }
}
