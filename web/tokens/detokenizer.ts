/**
 * Token ids to text, as they arrive. A token may end inside a UTF-8 character: such bytes wait for the next token, so
 * half a character is never shown. Really invalid bytes become U+FFFD, as in any stream that a browser decodes.
 */
import type { VocabularyBytes } from './codec.ts'

const SPACE = 0x20

export class Detokenizer {
  readonly #vocabulary: VocabularyBytes
  // A byte order mark is a character of the answer like any other.
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  #strip: boolean

  /** `answerStart`: the first token begins a text, where some vocabularies put a space that is not part of it. */
  constructor(vocabulary: VocabularyBytes, answerStart = true) {
    this.#vocabulary = vocabulary
    this.#strip = answerStart && vocabulary.stripLeadingSpace
  }

  /** The characters that this token completes; empty for control tokens and unknown ids. */
  push(id: number): string {
    const { bytes, offsets } = this.#vocabulary
    let start = offsets[id] ?? 0
    const end = offsets[id + 1] ?? start
    if (start === end) return ''
    if (this.#strip && bytes[start] === SPACE) start++
    this.#strip = false
    return this.#decoder.decode(bytes.subarray(start, end), { stream: true })
  }

  /** What is left at the end: U+FFFD if the answer stopped inside a character. The decoder starts afresh. */
  flush(): string {
    return this.#decoder.decode()
  }
}
