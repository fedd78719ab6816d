/**
 * Gathers from the events of an answer what another engine needs to go on with it: the text shown, the tokens behind it
 * and how the prompt was computed. Pure; keeps no reference to an engine.
 */
import type { ChatEvent, Committed } from '../wire/chat.ts'
import type { ScheduledFrame } from '../wire/frame-schedule.ts'

export class CommittedLog {
  #text = ''
  readonly #tokens: number[] = []
  #schedule: readonly ScheduledFrame[] = []

  /** An answer that was itself resumed begins with what came before. */
  constructor(begun?: Committed) {
    if (!begun) return
    this.#text = begun.text
    this.#tokens.push(...begun.tokens)
    this.#schedule = begun.schedule
  }

  take(event: ChatEvent): void {
    if (event.kind === 'schedule') this.#schedule = event.frames
    if (event.kind !== 'text') return
    this.#text += event.text
    this.#tokens.push(...(event.tokens ?? []))
  }

  /** Null while nothing was shown: the answer can simply be asked again. */
  get committed(): Committed | null {
    if (this.#text === '') return null
    return { text: this.#text, tokens: [...this.#tokens], schedule: this.#schedule }
  }
}
