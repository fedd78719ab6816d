/** Something that the operator does: one at a time, with why it was refused, and what to say once it is done. It knows no deed. */
import type { Answer, AskFailure } from './operator-session.svelte.ts'

export class Deed {
  #busy = $state(false)
  #failure = $state.raw<AskFailure | null>(null)
  #said = $state('')

  get busy(): boolean {
    return this.#busy
  }

  get failure(): AskFailure | null {
    return this.#failure
  }

  /** What was done last, in words. */
  get said(): string {
    return this.#said
  }

  /** True once it is done; nothing happens while another one is under way. */
  async run<T>(says: string, ask: () => Promise<Answer<T>>): Promise<boolean> {
    if (this.#busy) return false
    this.#busy = true
    this.#failure = null
    this.#said = ''
    const answer = await ask()
    this.#busy = false
    if (answer.ok) this.#said = says
    else this.#failure = answer.failure
    return answer.ok
  }

  /** Refused before it was asked. */
  refuse(message: string): void {
    this.#said = ''
    this.#failure = { state: 'refused', code: '', message }
  }
}
