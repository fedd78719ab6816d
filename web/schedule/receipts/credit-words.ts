/**
 * What the server is told of paid work besides its receipts: that it began, that a request is over. Kept while the server is away,
 * as long as this tab is open: what is lost comes back to its asker when its time is over.
 */
import type { Code } from '../../wire/codes.ts'
import type { CreditWish } from '../../wire/credit-events.ts'
import { CREDIT_WORDS_MAX } from '../../wire/limits.ts'
import type { Result } from '../../wire/result.ts'

export type CreditWord = Extract<CreditWish, { readonly kind: 'began' | 'over' }>

/** The same word may be said later. */
const AWAY: readonly Code[] = ['signal-away', 'ledger-away']

export class CreditWords {
  readonly #say: (word: CreditWord) => Promise<Result<unknown>>
  /** In order: a request is not over before its last part began. */
  #waiting: readonly CreditWord[] = []
  #saying = false

  constructor(say: (word: CreditWord) => Promise<Result<unknown>>) {
    this.#say = say
  }

  tell(word: CreditWord): void {
    this.#waiting = [...this.#waiting, word].slice(-CREDIT_WORDS_MAX)
    this.flush()
  }

  /** The server is there, or may be. */
  flush(): void {
    if (!this.#saying) void this.#sayAll()
  }

  async #sayAll(): Promise<void> {
    this.#saying = true
    for (let [word] = this.#waiting; word; [word] = this.#waiting) {
      const said = await this.#say(word)
      if (!said.ok && AWAY.includes(said.code)) break
      this.#waiting = this.#waiting.filter((one) => one !== word)
    }
    this.#saying = false
  }
}
