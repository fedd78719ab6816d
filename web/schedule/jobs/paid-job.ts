/**
 * What a paid job comes to at its worker: the chain over what was sent, what was read for it, and whether its asker's word is
 * waited for. Computes nothing and decides nobody's turn.
 */
import type { Usage } from '../../wire/chat.ts'
import type { JobEvent } from '../../wire/job-parts.ts'
import { ACKNOWLEDGE_AHEAD_TOKENS } from '../../wire/limits/credits.ts'
import { AnswerChain } from '../receipts/answer-chain.ts'
import type { WorkDone, WorkerPart, WorkSoFar } from '../receipts/worker-part.ts'

export class PaidJob implements WorkSoFar {
  readonly #part: WorkerPart
  readonly #chain: AnswerChain
  readonly #beganMs: number
  #prompt = { promptTokens: 0, reusedTokens: 0 }
  #counted = false
  #written = false
  readonly #deaf: () => void

  /** `salt`: as the asker has drawn it. */
  constructor(part: WorkerPart, salt: string, onAcknowledged: () => void) {
    this.#part = part
    this.#chain = new AnswerChain(salt)
    this.#beganMs = part.nowMs()
    part.follow(this)
    this.#deaf = part.onAcknowledged(onAcknowledged)
  }

  /** Nothing more is made before its asker's next word. */
  get waits(): boolean {
    return !this.#part.mayMake(this.outputTokens + 1)
  }

  get outputTokens(): number {
    return this.#chain.outputTokens
  }

  /** `bytes`: the part that carries it. */
  sent(event: JobEvent, bytes: Uint8Array): void {
    this.#chain.take(event, bytes)
    if (event.kind === 'text') this.#written = true
    // What is read again after its owner's turn is the worker's own loss.
    if (event.kind === 'prefill' && !this.#counted && !this.#written) {
      this.#prompt = { promptTokens: event.total, reusedTokens: 0 }
    }
  }

  /** Of its first turn that read the prompt. */
  read({ promptTokens, prefillTokens }: Usage): void {
    if (this.#counted || promptTokens === 0) return
    this.#counted = true
    this.#prompt = { promptTokens, reusedTokens: Math.max(0, promptTokens - prefillTokens) }
  }

  chainAt(outputTokens: number): string | null {
    return this.#chain.headAt(outputTokens)
  }

  doneAt(outputTokens: number): WorkDone {
    const counted = Math.min(outputTokens, this.outputTokens, this.#part.claims.outputTokens)
    const head = this.#chain.headAt(counted) ?? ''
    const times = { beganMs: this.#beganMs, endedMs: this.#part.nowMs() }
    return { ...this.#prompt, outputTokens: counted, chainIn: head, chainOut: head, ...times }
  }

  /** `cancelled`: its asker wanted no more than it has signed for. */
  end(cancelled: boolean): void {
    this.#deaf()
    const ahead = cancelled ? 0 : ACKNOWLEDGE_AHEAD_TOKENS
    this.#part.end((acknowledged) => this.doneAt(acknowledged + ahead))
  }
}
