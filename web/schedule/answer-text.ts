/**
 * Token ids of one answer to the text that may be shown: whole characters only, and never a stop string. Restores itself
 * from the tokens of an answer that another engine began, so that no character is lost or doubled. Knows no engine.
 */
import type { VocabularyBytes } from '../tokens/codec.ts'
import { Detokenizer } from '../tokens/detokenizer.ts'
import { StopMatcher } from '../tokens/stop.ts'
import type { Committed } from '../wire/chat.ts'
import { fail, ok, type Result } from '../wire/result.ts'

export interface ShownText {
  readonly text: string
  /** Every token since the last shown text. */
  readonly tokens: readonly number[]
}

export class AnswerText {
  readonly #detokenizer: Detokenizer
  readonly #stops: StopMatcher
  #unshown: number[] = []
  #stopped = false

  /** `goesOn`: the text follows other text, of the answer or of a raw prompt. */
  constructor(vocabulary: VocabularyBytes, stop: readonly string[], goesOn = false) {
    this.#detokenizer = new Detokenizer(vocabulary, !goesOn)
    this.#stops = new StopMatcher(stop)
  }

  /** A stop string came: the answer is over. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** Null while nothing new can be shown. */
  push(id: number): ShownText | null {
    this.#unshown.push(id)
    return this.#show(this.#take(this.#detokenizer.push(id)))
  }

  /** At the end of an answer that no stop string ended: what was held back. */
  flush(): ShownText | null {
    return this.#show(this.#take(this.#detokenizer.flush()) + this.#stops.flush())
  }

  /**
   * Value: what these tokens show beyond the text that was shown. Refusal: `request-invalid` where the text is not what
   * the tokens say.
   */
  restore({ text, tokens }: Committed): Result<string> {
    let said = ''
    for (const id of tokens) said += this.#take(this.#detokenizer.push(id))
    if (!said.startsWith(text)) return fail('request-invalid', 'The begun answer does not say what its tokens say.')
    return ok(said.slice(text.length))
  }

  #take(characters: string): string {
    const { visible, stopped } = this.#stops.push(characters)
    this.#stopped = stopped
    return visible
  }

  #show(text: string): ShownText | null {
    if (text === '') return null
    const tokens = this.#unshown
    this.#unshown = []
    return { text, tokens }
  }
}
