/**
 * The chain over the tokens of one answer as the stage that draws them knows it: its asker's has to be the same. A token that is
 * drawn again at its position, after a loss on the way, takes the place of the one before, unless that was acknowledged. Signs nothing.
 */
import { Chain, type Sha256 } from '../../rules/chain.ts'

export class DrawnChain {
  readonly #salt: Uint8Array
  readonly #sha256: Sha256
  #drawn: { readonly position: number; readonly id: number }[] = []
  #chain: Chain
  /** By tokens, as far as somebody has asked. */
  #heads: string[] = []

  constructor(salt: Uint8Array, sha256: Sha256) {
    this.#salt = salt
    this.#sha256 = sha256
    this.#chain = new Chain(salt, sha256)
  }

  /** In the order of positions within an epoch. `acknowledged`: so many stand for good. */
  drew(position: number, id: number, acknowledged: number): void {
    const later = this.#drawn.findIndex((one, index) => index >= acknowledged && one.position >= position)
    if (later >= 0) this.#forget(later)
    this.#drawn.push({ position, id })
  }

  /** After so many tokens; null where there are not so many. */
  headAt(tokens: number): string | null {
    if (tokens > this.#drawn.length) return null
    while (this.#heads.length <= tokens) {
      const next = this.#drawn[this.#chain.count]
      if (this.#heads.length > 0 && next) this.#chain.addTokens([next.id])
      this.#heads.push(this.#chain.head)
    }
    return this.#heads[tokens] ?? null
  }

  #forget(from: number): void {
    this.#drawn.length = from
    if (this.#chain.count <= from) return
    this.#chain = new Chain(this.#salt, this.#sha256)
    this.#heads = []
  }
}
