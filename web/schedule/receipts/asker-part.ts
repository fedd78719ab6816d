/**
 * One paid part of a request at its asker: signs for the answer as it comes, and at the end the receipt, if it says no more
 * than is owed. What the answer has to be is its owner's to judge. Signs one receipt at most.
 */
import type { Link } from '../../mesh/link.ts'
import type { CreditPolicy } from '../../rules/credit-policy.ts'
import { checkReceipt } from '../../rules/receipts.ts'
import { ACKNOWLEDGE_TOKENS } from '../../wire/limits/credits.ts'
import {
  acknowledgementFields,
  parseReceipt,
  type Receipt,
  receiptFields,
  type SignedReceipt,
} from '../../wire/receipt-bytes.ts'
import type { ReceiptWorkerSays } from '../../wire/receipt-words.ts'
import { type Failure, fail, ok, type Result } from '../../wire/result.ts'
import { isSignedBy, type Signing, signText } from './signing.ts'
import type { PaidClaims } from './worker-part.ts'

export interface AskerPartParts extends Signing {
  readonly claims: PaidClaims
  readonly policies: readonly CreditPolicy[]
  readonly link: Link
  readonly sides: Pick<Receipt, 'asker' | 'worker'>
  /** Once. */
  readonly onBegun: () => void
}

export class AskerPart {
  readonly claims: PaidClaims
  /** What its owner is willing to sign, besides what the ticket says; asked once all of the answer is here, or as much as comes. */
  judge: (receipt: Receipt) => Result<null> | Promise<Result<null>> = () => ok(null)
  readonly #parts: AskerPartParts
  #link: Link
  #have = 0
  #chain = ''
  /** Signed for; null before the first. */
  #said: number | null = null
  #begun = false
  #done = false
  /** Says more than is here yet. */
  #early: { readonly text: string; readonly read: Result<SignedReceipt> } | null = null
  #signed: { readonly text: string; readonly signature: string } | null = null
  #order: Promise<void> = Promise.resolve()

  constructor(parts: AskerPartParts) {
    this.#parts = parts
    this.#link = parts.link
    this.claims = parts.claims
  }

  /** Its worker has let it in: something of it came. Idempotent. */
  begun(): void {
    if (this.#begun) return
    this.#begun = true
    this.#parts.onBegun()
  }

  /** So many answer tokens of this part are here, in all, and this is the chain's head. */
  have(outputTokens: number, chain: string): void {
    if (outputTokens > 0) this.begun()
    this.#have = outputTokens
    this.#chain = chain
    if (outputTokens - (this.#said ?? 0) >= ACKNOWLEDGE_TOKENS) this.#acknowledge()
    this.#look()
  }

  /** Nothing more comes. Resolves when the rest is acknowledged. Idempotent. */
  done(): Promise<void> {
    if (!this.#done) {
      this.#done = true
      // The first word counts also where there is no answer: a prompt was read.
      if (this.#chain !== '' && this.#have > (this.#said ?? -1)) this.#acknowledge()
      this.#look()
    }
    return this.#order
  }

  hear(from: Link, { receipt }: ReceiptWorkerSays): void {
    this.begun()
    this.#link = from
    this.#early = { text: receipt, read: readReceipt(receipt) }
    this.#look()
  }

  #acknowledge(): void {
    const [outputTokens, chain] = [this.#have, this.#chain]
    this.#said = outputTokens
    this.#then(async () => {
      const { request, part, id: ticket } = this.claims
      const acknowledgement = { request, part, ticket, ...this.#parts.sides, outputTokens, chain }
      const signature = await signText(this.#parts, 'acknowledge', acknowledgementFields(acknowledgement))
      void this.#link.say({ says: 'acknowledge', request, part, outputTokens, chain, signature })
    })
  }

  #look(): void {
    if (!this.#early) return
    const { text, read } = this.#early
    // What it counts may still be on its way: the two channels of a link have no order between them.
    if (read.ok && read.value.receipt.outputTokens > this.#have && !this.#done) return
    this.#early = null
    this.#then(() => this.#answer(text, read))
  }

  async #answer(text: string, read: Result<SignedReceipt>): Promise<void> {
    const { request, part } = this.claims
    const signature = read.ok ? await this.#signatureOf(text, read.value) : read
    if (!signature.ok) return this.#refuse(signature)
    void this.#link.say({ says: 'receipt-signed', request, part, signature: signature.value })
  }

  async #signatureOf(text: string, { receipt, workerSignature }: SignedReceipt): Promise<Result<string>> {
    if (this.#signed) return this.#signed.text === text ? ok(this.#signed.signature) : fail('receipt-second', '')
    const checked = checkReceipt(receipt, this.claims, this.#parts.policies)
    if (!checked.ok) return checked
    const fields = receiptFields(receipt)
    if (!(await isSignedBy(this.#parts, receipt.worker, 'receipt', fields, workerSignature))) {
      return fail('receipt-signature', '')
    }
    if (receipt.outputTokens > this.#have) {
      return fail('receipt-inflated', `It counts ${receipt.outputTokens} tokens; ${this.#have} came.`)
    }
    const judged = await this.judge(receipt)
    if (!judged.ok) return judged
    const signature = await signText(this.#parts, 'receipt', fields)
    this.#signed = { text, signature }
    return ok(signature)
  }

  #refuse({ code, detail }: Failure): void {
    const { request, part } = this.claims
    void this.#link.say({ says: 'receipt-refused', request, part, code, detail })
  }

  #then(work: () => Promise<void>): void {
    this.#order = this.#order.then(work)
  }
}

function readReceipt(text: string): Result<SignedReceipt> {
  try {
    return parseReceipt(JSON.parse(text))
  } catch {
    return fail('receipt-invalid', '')
  }
}
