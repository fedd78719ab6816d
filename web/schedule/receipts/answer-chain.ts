/**
 * The chain over a whole job's answer, the same at both sides: over token ids, over texts where an engine has no ids, and over the
 * parts of vectors. Remembers its head at each count, so that a word of fewer tokens can be looked at later. Signs nothing.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { Chain } from '../../rules/chain.ts'
import { fromBase64Url } from '../../wire/device-keys.ts'
import type { JobEvent } from '../../wire/job-parts.ts'

export class AnswerChain {
  readonly #chain: Chain
  /** By answer tokens. */
  readonly #heads: string[]

  /** `salt`: 16 bytes in base64url. */
  constructor(salt: string) {
    this.#chain = new Chain(fromBase64Url(salt) ?? new Uint8Array(), sha256)
    this.#heads = [this.#chain.head]
  }

  /** A text without ids counts as one. */
  get outputTokens(): number {
    return this.#heads.length - 1
  }

  /** After so many answer tokens; null where there are not so many. */
  headAt(outputTokens: number): string | null {
    return this.#heads[outputTokens] ?? null
  }

  /** `bytes`: the part that carries the event. */
  take(event: JobEvent, bytes: Uint8Array): void {
    if (event.kind === 'vectors') {
      this.#chain.addFrame(bytes)
      this.#heads[this.outputTokens] = this.#chain.head
    } else if (event.kind === 'text' && !event.tokens) {
      this.#chain.addFrame(new TextEncoder().encode(event.text))
      this.#heads.push(this.#chain.head)
    } else if (event.kind === 'text') {
      for (const id of event.tokens ?? []) {
        this.#chain.addTokens([id])
        this.#heads.push(this.#chain.head)
      }
    }
  }
}
