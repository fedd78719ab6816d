/**
 * A hash chain over what a worker did: token ids of an answer, or frames of a stage. Two sides with the same chain head have seen
 * the same, in the same order; a head says nothing of what it is over to who has not the salt. Pure: the hash is passed in.
 */
import { signedBytes, toBase64Url } from '../wire/device-keys.ts'
import { CHAIN_BYTES, CHAIN_SALT_BYTES } from '../wire/receipt-bytes.ts'
import { assert } from '../wire/result.ts'

/** 32 bytes of any. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array

export class Chain {
  readonly #sha256: Sha256
  #head: Uint8Array
  #count = 0

  /** `salt`: 16 bytes, new for each request, that only its two sides know. */
  constructor(salt: Uint8Array, sha256: Sha256) {
    assert(salt.length === CHAIN_SALT_BYTES, 'a salt has its length')
    this.#sha256 = sha256
    this.#head = sha256(signedBytes('chain', [toBase64Url(salt)]))
  }

  get head(): string {
    return toBase64Url(this.#head)
  }

  /** How many it is over. */
  get count(): number {
    return this.#count
  }

  /** Token ids, each as 4 bytes with the lowest first. */
  addTokens(ids: readonly number[]): void {
    const bytes = new Uint8Array(CHAIN_BYTES + 4)
    const view = new DataView(bytes.buffer)
    for (const id of ids) {
      bytes.set(this.#head)
      view.setUint32(CHAIN_BYTES, id, true)
      this.#step(bytes)
    }
  }

  /** A frame as it went over the link. */
  addFrame(frame: Uint8Array): void {
    this.addFrameHash(this.#sha256(frame))
  }

  /** The same of a frame whose hash was made elsewhere: large ones are hashed beside the page. */
  addFrameHash(hash: Uint8Array): void {
    assert(hash.length === CHAIN_BYTES, 'a hash has its length')
    const bytes = new Uint8Array(2 * CHAIN_BYTES)
    bytes.set(this.#head)
    bytes.set(hash, CHAIN_BYTES)
    this.#step(bytes)
  }

  #step(bytes: Uint8Array): void {
    this.#head = this.#sha256(bytes)
    this.#count += 1
  }
}
