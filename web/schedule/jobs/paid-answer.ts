/**
 * What the asker of a paid job has of its answer from one worker: the chain over it, which it signs for as it comes, and the
 * receipt that it is willing to sign at the end. Shows nothing to anybody.
 */
import type { Link } from '../../mesh/link.ts'
import type { JobEvent } from '../../wire/job-parts.ts'
import { fail, ok } from '../../wire/result.ts'
import { AnswerChain } from '../receipts/answer-chain.ts'
import type { AskerPart } from '../receipts/asker-part.ts'
import type { ReceiptDesk } from '../receipts/receipt-desk.ts'

export type AskerDesk = Pick<ReceiptDesk, 'ask' | 'newSalt' | 'over'>

export class PaidAnswer {
  readonly salt: string
  readonly #part: AskerPart
  readonly #chain: AnswerChain

  private constructor(part: AskerPart, salt: string) {
    this.salt = salt
    this.#part = part
    this.#chain = new AnswerChain(salt)
    part.judge = ({ outputTokens, chainIn, chainOut }) => {
      const head = this.#chain.headAt(outputTokens)
      return chainIn === head && chainOut === head ? ok(null) : fail('receipt-chain', '')
    }
  }

  /** Null where nothing is paid with this ticket. */
  static of(desk: AskerDesk, ticket: string, link: Link): PaidAnswer | null {
    const part = desk.ask(ticket, link)
    return part && new PaidAnswer(part, desk.newSalt())
  }

  /** `bytes`: the part that carried it. */
  take(event: JobEvent, bytes: Uint8Array): void {
    this.#part.begun()
    this.#chain.take(event, bytes)
    const { outputTokens } = this.#chain
    this.#part.have(outputTokens, this.#chain.headAt(outputTokens) ?? '')
  }

  /** Nothing more comes from this worker. Resolves when all that came is signed for. */
  done(): Promise<void> {
    return this.#part.done()
  }
}
