/**
 * Speaks a streaming answer in sentences, for screen readers: a token at a time would be unbearable, the whole answer
 * at its end too late. Says the words, not the marks of Markdown. Holds the text of one polite live region; draws
 * nothing.
 */
import { BlockList } from './markdown/block-list.ts'
import { plainText } from './markdown/tree.ts'

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
  #text = ''
  #list = new BlockList()
  /** Where the first block begins that was not spoken to its end, and how many characters of its words were. */
  #key = 0
  #said = 0

  get spoken(): string {
    return this.#spoken
  }

  /** More of the answer, as the model writes it. */
  add(text: string): void {
    this.#text += text
    const words = this.#due(true)
    if (words !== '') this.#spoken = words
  }

  /** Speaks what is left and a closing word. */
  finish(closing: string): void {
    const words = `${this.#due(false)} ${closing}`.trim()
    this.clear()
    this.#spoken = words
  }

  clear(): void {
    this.#spoken = ''
    this.#text = ''
    this.#list = new BlockList()
    this.#key = 0
    this.#said = 0
  }

  /** Finished blocks to their ends; of the one that grows, whole sentences. */
  #due(running: boolean): string {
    const due: string[] = []
    for (const { key, finished, block } of this.#list.update(this.#text, running)) {
      if (key < this.#key) continue
      const words = plainText([block])
      const pending = words.slice(key === this.#key ? this.#said : 0)
      const { speak, rest } = finished ? { speak: pending.trim(), rest: '' } : cutSpeech(pending)
      due.push(speak)
      this.#key = finished ? key + 1 : key
      this.#said = finished ? 0 : words.length - rest.length
    }
    return due.filter((words) => words !== '').join('\n')
  }
}
