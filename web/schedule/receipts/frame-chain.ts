/**
 * A hash chain over the frames of one link in one epoch, as they go over it, in their order. Large frames are hashed beside the
 * page, so that nobody waits for it: a head is true once it has settled. Looks at no frame.
 */
import { Chain, type Sha256 } from '../../rules/chain.ts'
import { encodePeerFrame, type StageFrame } from '../../wire/peer-frame.ts'

export interface Hashes {
  readonly sha256: Sha256
  /** The same, beside the page. */
  readonly digest: (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>
}

export class FrameChain {
  readonly #salt: Uint8Array
  readonly #hashes: Hashes
  #chain: Chain
  #order: Promise<void> = Promise.resolve()

  constructor(salt: Uint8Array, hashes: Hashes) {
    this.#salt = salt
    this.#hashes = hashes
    this.#chain = new Chain(salt, hashes.sha256)
  }

  /** Takes its place before it returns; the frame is not needed afterwards. */
  add(frame: StageFrame): void {
    const chain = this.#chain
    const hash = this.#hashes.digest(encodePeerFrame(frame))
    this.#order = this.#order.then(async () => chain.addFrameHash(await hash))
  }

  /** A new epoch: older frames say nothing any more. */
  restart(): void {
    this.#chain = new Chain(this.#salt, this.#hashes.sha256)
  }

  /** Of those that were hashed. */
  get head(): string {
    return this.#chain.head
  }

  /** Once all that were added are in it. */
  settled(): Promise<void> {
    return this.#order
  }
}
