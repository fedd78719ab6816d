/**
 * What an asker knows of one stage that it pays: what it had it compute, and which tokens of the answer came while that stage stood in
 * the route. Signs for them as they are committed. Decides nothing about its receipt.
 */
import { Chain, type Sha256 } from '../../rules/chain.ts'
import type { Receipt } from '../../wire/receipt-bytes.ts'
import type { AskerPart } from './asker-part.ts'

export interface StageBookParts {
  readonly peer: string
  readonly ticket: string
  readonly part: Pick<AskerPart, 'have' | 'done' | 'judge'>
  readonly salt: Uint8Array
  readonly sha256: Sha256
  /** Tokens of the request that had come when it stepped in. */
  readonly since: number
}

export class StageBook {
  readonly peer: string
  readonly ticket: string
  readonly part: StageBookParts['part']
  /** Rows that it was to compute and that are no steps of the answer. */
  promptRows = 0
  /** The receipt that it has sent, once it is looked at. */
  readonly receipt: Promise<Receipt>
  tellReceipt: (receipt: Receipt) => void = () => {}
  readonly #since: number
  readonly #chain: Chain
  /** Tokens that had come when it left; null while it stands. */
  #until: number | null = null

  constructor({ peer, ticket, part, salt, sha256, since }: StageBookParts) {
    this.peer = peer
    this.ticket = ticket
    this.part = part
    this.#since = since
    this.#chain = new Chain(salt, sha256)
    this.receipt = new Promise((resolve) => {
      this.tellReceipt = resolve
    })
    // A prompt alone is acknowledged too.
    part.have(0, this.#chain.head)
  }

  /** Committed tokens of the answer that came while it stood. */
  get tokens(): number {
    return this.#chain.count
  }

  /** `count`: committed tokens of the request, this one included. */
  committed(id: number, count: number): void {
    if (count <= this.#since || (this.#until !== null && count > this.#until)) return
    this.#chain.addTokens([id])
    this.part.have(this.#chain.count, this.#chain.head)
    if (count === this.#until) void this.part.done()
  }

  /** It stands in the route no more. `come`: tokens of the request so far, of which `committed` are. */
  left(come: number, committed: number): void {
    this.#until = come
    if (committed >= come) void this.part.done()
  }
}
