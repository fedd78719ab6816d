/**
 * One paid part of a request at its worker: how far it may go on what its asker has acknowledged, and the receipt at its end.
 * What was acknowledged is kept as a draft while it runs, so that it is paid for if this tab is closed. Computes nothing and
 * counts nothing: the work says what it has come to.
 */
import type { Link } from '../../mesh/link.ts'
import type { CreditPolicy } from '../../rules/credit-policy.ts'
import { priceOfReceipt } from '../../rules/receipts.ts'
import { ACKNOWLEDGE_AHEAD_TOKENS } from '../../wire/limits/credits.ts'
import {
  acknowledgementFields,
  type Receipt,
  receiptFields,
  type SignedAcknowledgement,
  type SignedReceipt,
  writeReceipt,
} from '../../wire/receipt-bytes.ts'
import type { ReceiptAskerSays } from '../../wire/receipt-words.ts'
import type { TicketClaims, TicketPay } from '../../wire/tickets.ts'
import { isSignedBy, type Signing, signText } from './signing.ts'

export interface WorkDone {
  /** `reusedTokens` of them had been read before this request. */
  readonly promptTokens: number
  readonly reusedTokens: number
  readonly outputTokens: number
  readonly chainIn: string
  readonly chainOut: string
  /** Time of the server. */
  readonly beganMs: number
  readonly endedMs: number
}

/** What the work has come to. */
export interface WorkSoFar {
  readonly outputTokens: number
  /** The chain's head at so many tokens; null where there is none. Not there where its asker's chain is over something else. */
  readonly chainAt?: (outputTokens: number) => string | null
  /** As if it had ended now, with so many tokens. */
  readonly doneAt: (outputTokens: number) => WorkDone
}

export type PaidClaims = TicketClaims & { readonly pay: Extract<TicketPay, { readonly kind: 'paid' }> }

/** What a worker has of a part that is not settled. */
export interface OwedPart {
  readonly signed: SignedReceipt
  readonly acknowledged: SignedAcknowledgement | null
  /** The work goes on: a receipt of more will take its place. */
  readonly draft: boolean
}

export interface WorkerPartParts extends Signing {
  readonly claims: PaidClaims
  readonly policy: CreditPolicy
  readonly link: Link
  readonly sides: Pick<Receipt, 'asker' | 'worker'>
  readonly nonce: string
  readonly nowMs: () => number
  /** Takes the place of what was kept of this part before. */
  readonly keep: (owed: OwedPart) => Promise<void>
  /** Its receipt is signed by both, or will not be. */
  readonly onOver: () => void
}

export class WorkerPart {
  readonly claims: PaidClaims
  /** Since when it has been waiting for its asker's word; null where it is not. */
  waitsSinceMs: number | null = null
  readonly #parts: WorkerPartParts
  readonly #listeners = new Set<() => void>()
  #link: Link
  #work: WorkSoFar | null = null
  #acknowledged: SignedAcknowledgement | null = null
  #signed: SignedReceipt | null = null
  #ended = false
  /** Words are looked at one after the other, however long each takes to verify. */
  #order: Promise<void> = Promise.resolve()

  constructor(parts: WorkerPartParts) {
    this.#parts = parts
    this.#link = parts.link
    this.claims = parts.claims
  }

  /** The server's clock. */
  nowMs(): number {
    return this.#parts.nowMs()
  }

  /** Answer tokens that its asker has signed for. */
  get acknowledged(): number {
    return this.#acknowledged?.acknowledgement.outputTokens ?? 0
  }

  /** Before this nothing can be acknowledged. */
  follow(work: WorkSoFar): void {
    this.#work = work
  }

  /** Whether the work may come to so many answer tokens in all. */
  mayMake(outputTokens: number): boolean {
    const may = outputTokens <= this.acknowledged + ACKNOWLEDGE_AHEAD_TOKENS
    if (may) this.waitsSinceMs = null
    else this.waitsSinceMs ??= this.#parts.nowMs()
    return may
  }

  /** Returns how to stop. */
  onAcknowledged(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * For good, once: what was done, or what was done in view of the tokens that were acknowledged by all words that came before.
   * Where nobody is there to sign it, its receipt goes without after a while.
   */
  end(work: WorkDone | ((acknowledged: number) => WorkDone)): void {
    if (this.#ended) return
    this.#ended = true
    this.#then(async () => {
      this.#signed = await this.#sign(typeof work === 'function' ? work(this.acknowledged) : work)
      await this.#keep()
      const { request, part } = this.claims
      void this.#link.say({ says: 'receipt', request, part, receipt: writeReceipt(this.#signed) })
    })
  }

  /** What nobody here has asked for changes nothing. */
  hear(from: Link, message: ReceiptAskerSays): void {
    this.#link = from
    switch (message.says) {
      case 'acknowledge':
        this.#then(() => this.#hearAcknowledge(message))
        break
      case 'receipt-signed':
        this.#then(() => this.#hearSigned(message.signature))
        break
      case 'receipt-refused':
        // What was acknowledged of it is owed all the same.
        break
      default:
        message satisfies never
    }
  }

  async #hearAcknowledge(said: Extract<ReceiptAskerSays, { readonly says: 'acknowledge' }>): Promise<void> {
    const { outputTokens, chain, signature } = said
    if (!this.#work || !this.#isNext(this.#work, outputTokens, chain)) return
    const { sides } = this.#parts
    const { request, part, id: ticket } = this.claims
    const acknowledgement = { request, part, ticket, ...sides, outputTokens, chain }
    const fields = acknowledgementFields(acknowledgement)
    if (!(await isSignedBy(this.#parts, sides.asker, 'acknowledge', fields, signature))) return
    this.#acknowledged = { acknowledgement, signature }
    this.waitsSinceMs = null
    for (const listener of [...this.#listeners]) listener()
    await this.#keep()
  }

  /** Each says more than the one before it, of this work and no other. */
  #isNext(work: WorkSoFar, outputTokens: number, chain: string): boolean {
    const newest = this.#acknowledged?.acknowledgement.outputTokens ?? -1
    if (outputTokens <= newest || outputTokens > work.outputTokens) return false
    return work.chainAt === undefined || work.chainAt(outputTokens) === chain
  }

  async #hearSigned(askerSignature: string): Promise<void> {
    const signed = this.#signed
    if (!signed || signed.askerSignature !== null) return
    const { asker } = this.#parts.sides
    const fields = receiptFields(signed.receipt)
    if (!(await isSignedBy(this.#parts, asker, 'receipt', fields, askerSignature))) return
    this.#signed = { ...signed, askerSignature }
    await this.#keep()
    this.#parts.onOver()
  }

  async #keep(): Promise<void> {
    const acknowledged = this.#acknowledged
    if (this.#signed) return this.#parts.keep({ signed: this.#signed, acknowledged, draft: false })
    if (!this.#work || !acknowledged || this.#ended) return
    const signed = await this.#sign(this.#work.doneAt(this.acknowledged))
    await this.#parts.keep({ signed, acknowledged, draft: true })
  }

  async #sign(work: WorkDone): Promise<SignedReceipt> {
    const { policy, sides, nonce } = this.#parts
    const { request, part, id: ticket, modelId, span, job, pay, positions, outputTokens: outputMax } = this.claims
    // Whoever read or wrote more than was allowed did it for nothing.
    const outputTokens = Math.min(work.outputTokens, outputMax, positions)
    const promptTokens = Math.min(work.promptTokens, positions - outputTokens)
    const reusedTokens = Math.min(work.reusedTokens, promptTokens)
    const endedMs = Math.round(Math.max(work.beganMs, work.endedMs))
    const counts = { promptTokens, reusedTokens, outputTokens }
    const receipt: Receipt = {
      ...{ kind: job ?? 'stage', request, part, ticket, ...sides, modelId, span },
      ...counts,
      ...{ chainIn: work.chainIn, chainOut: work.chainOut, beganMs: Math.round(work.beganMs), endedMs },
      ...{ micro: priceOfReceipt(policy, { ...counts, span }, pay), policy: policy.version, nonce },
    }
    const workerSignature = await signText(this.#parts, 'receipt', receiptFields(receipt))
    return { receipt, workerSignature, askerSignature: null }
  }

  #then(work: () => Promise<void>): void {
    this.#order = this.#order.then(work)
  }
}
