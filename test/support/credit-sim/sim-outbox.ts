/**
 * The outboxes of all workers over a network that loses, delays, doubles and reorders: each receipt is sent again until the
 * server has taken or refused it for good. Counts what they came to.
 */
import type { Settled } from '../../../web/wire/credit-events.ts'
import type { PublicKeyText } from '../../../web/wire/device-keys.ts'
import type { MicroCredits } from '../../../web/wire/ledger-events.ts'
import type { SignedAcknowledgement, SignedReceipt } from '../../../web/wire/receipt-bytes.ts'
import type { Result } from '../../../web/wire/result.ts'
import type { Random } from '../../fixtures/random.ts'

const SECOND_MS = 1_000
const LATE_MS = 3_600_000
/** A hold that an honest receipt needs lasts longer. */
const SOON_MS = 5 * LATE_MS
const REST_MS_MAX = 600_000
const LOST = 0.08
const DOUBLED = 0.06

export interface SimNetworkParts {
  readonly random: Random
  readonly later: (delayMs: number, run: () => Promise<void>) => void
  readonly nowMs: () => number
  readonly settle: (
    own: PublicKeyText,
    signed: SignedReceipt,
    acknowledged: SignedAcknowledgement | null,
  ) => Promise<Result<Settled> | null>
}

/**
 * Why a receipt is sent: `fair` must be taken, and refused at most because it came too late; `cheated` is one whose asker did not
 * name its part, and must be taken unless its hold went back meanwhile; `foul` must be refused.
 */
export type Sort = 'fair' | 'cheated' | 'foul'

export class SimOutbox {
  /** Sent and neither taken nor refused yet. */
  waiting = 0
  taken = 0
  /** Of these and of copies: the server had it before. */
  again = 0
  /** By sort and code. */
  readonly refused = new Map<string, number>()
  sent = 0
  lost = 0
  doubled = 0
  readonly #parts: SimNetworkParts

  constructor(parts: SimNetworkParts) {
    this.#parts = parts
  }

  /** Kept from now on until there is an answer; first sent after so long. */
  put(sort: Sort, signed: SignedReceipt, acknowledged: SignedAcknowledgement | null, afterMs = 0): void {
    this.waiting += 1
    let ended = false
    let restMs = SECOND_MS
    const { random, later } = this.#parts
    const again = () => {
      restMs = Math.min(2 * restMs, REST_MS_MAX)
      later(restMs * (1 + random.uniform()), send)
    }
    const send = async (): Promise<void> => {
      if (ended) return
      this.sent += 1
      if (random.uniform() < DOUBLED) {
        this.doubled += 1
        later(random.uniform() * LATE_MS, async () =>
          this.#count(sort, signed, await this.#settle(signed, acknowledged), true),
        )
      }
      if (this.#isLost()) return again()
      const answer = await this.#settle(signed, acknowledged)
      const isEarly = answer !== null && !answer.ok && answer.code === 'receipt-early'
      if (answer === null || isEarly || this.#isLost()) return again()
      ended = true
      this.waiting -= 1
      this.#count(sort, signed, answer, false)
    }
    later(afterMs + random.uniform() * SECOND_MS, send)
  }

  #settle(signed: SignedReceipt, acknowledged: SignedAcknowledgement | null): Promise<Result<Settled> | null> {
    return this.#parts.settle(signed.receipt.worker, signed, acknowledged)
  }

  #isLost(): boolean {
    const lost = this.#parts.random.uniform() < LOST
    if (lost) this.lost += 1
    return lost
  }

  #count(sort: Sort, { receipt }: SignedReceipt, answer: Result<Settled> | null, isCopy: boolean): void {
    if (answer === null) return
    if (answer.ok) {
      const { settledMicro, disputedMicro, again } = answer.value
      const sum: MicroCredits = settledMicro + disputedMicro
      if (sum !== receipt.micro) throw new Error(`a receipt of ${receipt.micro} came to ${sum}`)
      if (sort === 'foul') throw new Error(`a receipt that is false was taken: ${receipt.request}/${receipt.part}`)
      if (again) this.again += 1
      if (!isCopy) this.taken += 1
      return
    }
    if (isCopy) return
    const early = sort !== 'foul' && this.#parts.nowMs() < receipt.beganMs + SOON_MS ? ' too soon' : ''
    const name = `${sort} ${answer.code}${early}`
    this.refused.set(name, (this.refused.get(name) ?? 0) + 1)
  }
}
