/**
 * How many tokens the next prompt takes and how much of the context that is. Counts a moment after the last change, and
 * only with a loaded model: without one nobody can count.
 */
import type { ChatMessage } from '../wire/chat.ts'
import type { Result } from '../wire/result.ts'

type Count = (messages: readonly ChatMessage[], signal: AbortSignal) => Promise<Result<number>>

/** Long enough that typing is not followed letter by letter. */
const PAUSE_MS = 250

export class TokenCount {
  /** Positions of the loaded model's context; null while none is loaded. */
  #context = $state<number | null>(null)
  #tokens = $state<number | null>(null)
  readonly #count: Count
  #timer: ReturnType<typeof setTimeout> | null = null
  #abort = new AbortController()
  #wanted: () => readonly ChatMessage[] = () => []

  constructor(count: Count) {
    this.#count = count
  }

  /** Of the prompt as it would be sent now. */
  get tokens(): number | null {
    return this.#tokens
  }

  get context(): number | null {
    return this.#context
  }

  set loaded(contextPositions: number | null) {
    if (contextPositions === this.#context) return
    this.#context = contextPositions
    this.#soon()
  }

  /** `prompt` is asked when counting begins. */
  follow(prompt: () => readonly ChatMessage[]): void {
    this.#wanted = prompt
    this.#soon()
  }

  /** Counts no more. */
  close(): void {
    this.#abort.abort()
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #soon(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#look(), PAUSE_MS)
  }

  async #look(): Promise<void> {
    this.#timer = null
    this.#abort.abort()
    this.#abort = new AbortController()
    const { signal } = this.#abort
    const messages = this.#context === null ? [] : this.#wanted()
    if (messages.length === 0) {
      this.#tokens = null
      return
    }
    const counted = await this.#count(messages, signal)
    if (!signal.aborted) this.#tokens = counted.ok ? counted.value : null
  }
}
