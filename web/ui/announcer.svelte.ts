/**
 * Speaks a streaming answer in sentences, for screen readers: a token at a time would be unbearable, the whole answer
 * at its end too late. Holds the text of one polite live region; draws nothing.
 */
/** A sentence that does not end is spoken at a word border after this many characters. */
const SPOKEN_CHARACTERS_MAX = 240
const SENTENCE_END = /[.!?:;。！？](?=\s)|\n/g

/** What can be spoken now, and what waits for its sentence to end. */
export function cutSpeech(pending: string): { readonly speak: string; readonly rest: string } {
  let end = 0
  for (const match of pending.matchAll(SENTENCE_END)) end = match.index + match[0].length
  if (end === 0 && pending.length > SPOKEN_CHARACTERS_MAX) end = pending.lastIndexOf(' ') + 1 || pending.length
  return { speak: pending.slice(0, end).trim(), rest: pending.slice(end) }
}

export class Announcer {
  #spoken = $state.raw('')
  #pending = ''

  get spoken(): string {
    return this.#spoken
  }

  add(text: string): void {
    const { speak, rest } = cutSpeech(this.#pending + text)
    this.#pending = rest
    if (speak !== '') this.#spoken = speak
  }

  /** Speaks what is left and a closing word. */
  finish(closing: string): void {
    this.#spoken = `${this.#pending.trim()} ${closing}`.trim()
    this.#pending = ''
  }

  clear(): void {
    this.#spoken = ''
    this.#pending = ''
  }
}
