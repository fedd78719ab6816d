/**
 * Hands the running answer of the open conversation to the announcer as it grows, and its end once. Words nothing but that end;
 * what is spoken when is the announcer's.
 */
import type { OpenConversation } from '../app-conversations-view.ts'
import { explain } from '../wire/codes.ts'
import type { Answer } from '../wire/conversation.ts'
import type { Announcer } from './announcer.svelte.ts'

export class AnswerSpeech {
  readonly #announcer: Announcer
  /** What of the running answer was handed over. */
  #spoken: { readonly id: string; readonly length: number } | null = null

  constructor(announcer: Announcer) {
    this.#announcer = announcer
  }

  follow({ running, branch }: OpenConversation): void {
    if (running) {
      const { id, text } = running.answer
      if (this.#spoken?.id !== id) {
        this.#announcer.clear()
        // One that goes on was spoken up to where it had come.
        const begun = branch.find((message) => message.id === id)
        this.#spoken = { id, length: begun?.text.length ?? 0 }
      }
      if (text.length > this.#spoken.length) this.#announcer.add(text.slice(this.#spoken.length))
      this.#spoken = { id, length: text.length }
      return
    }
    if (!this.#spoken) return
    const last = branch.find(({ id }) => id === this.#spoken?.id)
    if (last?.role === 'assistant') {
      this.#announcer.add(last.text.slice(this.#spoken.length))
      this.#announcer.finish(closingOf(last))
    }
    this.#spoken = null
  }

  /** Another conversation is shown. */
  clear(): void {
    this.#announcer.clear()
    this.#spoken = null
  }
}

function closingOf({ state, failure }: Answer): string {
  if (failure) return explain(failure.code, failure.detail)
  return state === 'stopped' ? 'Stopped.' : 'End of answer.'
}
