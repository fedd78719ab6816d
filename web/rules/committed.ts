/**
 * Gathers from the events of an answer what another engine needs to go on with it: the text shown, the tokens behind it
 * and how the prompt was computed. Pure; keeps no reference to an engine.
 */
import type { ChatEvent, ChatRequest, Committed } from '../wire/chat.ts'
import type { ScheduledFrame } from '../wire/frame-schedule.ts'

/** What is left of an answer's token limit for an engine that goes on by text: at least one, so that it can end. */
export function tokensLeft({ maxTokens, resume }: ChatRequest): number {
  return Math.max(1, maxTokens - (resume?.spent ?? 0))
}

export class CommittedLog {
  #text = ''
  readonly #tokens: number[] = []
  #spent = 0
  #schedule: readonly ScheduledFrame[] = []
  /** Every character of the text stands behind the tokens. Once a text came without them, only the text holds. */
  #exact = true

  /** An answer that was itself resumed begins with what came before. */
  constructor(begun?: Committed) {
    if (!begun) return
    this.#text = begun.text
    this.#tokens.push(...begun.tokens)
    this.#spent = begun.spent
    this.#schedule = begun.schedule
    this.#exact = begun.text === '' || begun.tokens.length > 0
  }

  take(event: ChatEvent): void {
    if (event.kind === 'schedule') this.#schedule = event.frames
    if (event.kind !== 'text') return
    this.#text += event.text
    this.#spent += event.tokens?.length ?? 1
    if (event.tokens) this.#tokens.push(...event.tokens)
    else this.#exact = false
  }

  /** Null while nothing was shown: the answer can simply be asked again. */
  get committed(): Committed | null {
    if (this.#text === '') return null
    if (!this.#exact) return { text: this.#text, tokens: [], spent: this.#spent, schedule: [] }
    return { text: this.#text, tokens: [...this.#tokens], spent: this.#spent, schedule: this.#schedule }
  }
}
