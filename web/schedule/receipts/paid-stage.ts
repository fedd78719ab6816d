/**
 * A paid request at a stage: what it has computed, how far it may go on what its asker has acknowledged and on what its ticket
 * allows, and the receipt at its end. Computes nothing and believes no frame.
 */
import { fromBase64Url } from '../../wire/device-keys.ts'
import type { StageFrame } from '../../wire/peer-frame.ts'
import { type Failure, fail, ok, type Result } from '../../wire/result.ts'
import { DrawnChain } from './drawn-chain.ts'
import type { Hashes } from './frame-chain.ts'
import { isStep, type MeteredRows, WorkMeter } from './work-meter.ts'
import type { WorkDone, WorkerPart } from './worker-part.ts'

export interface PaidStageParts {
  readonly part: Pick<WorkerPart, 'claims' | 'acknowledged' | 'follow' | 'mayMake' | 'onAcknowledged' | 'end'>
  readonly hashes: Hashes
  /** The server's clock. */
  readonly nowMs: () => number
}

export class PaidStage {
  readonly #parts: PaidStageParts
  readonly #meter: WorkMeter
  readonly #drawn: DrawnChain
  readonly #beganMs: number
  #waits = false

  private constructor(parts: PaidStageParts, salt: Uint8Array) {
    this.#parts = parts
    this.#meter = new WorkMeter(salt, parts.hashes)
    this.#drawn = new DrawnChain(salt, parts.hashes.sha256)
    this.#beganMs = parts.nowMs()
    const { outputTokens, span, pay } = parts.part.claims
    const doneAt = (acknowledged: number) => this.#doneAt(acknowledged)
    // The asker's chain is of tokens, which no stage knows but the one that draws them.
    const draws = span.last === pay.layers
    const chainAt = (tokens: number) => this.#drawn.headAt(tokens)
    parts.part.follow({ outputTokens, doneAt, ...(draws ? { chainAt } : {}) })
  }

  /** Refusals: `control-invalid` where the asker gave no salt. */
  static of(parts: PaidStageParts, salt: string | undefined): Result<PaidStage> {
    const bytes = salt === undefined ? null : fromBase64Url(salt)
    return bytes ? ok(new PaidStage(parts, bytes)) : fail('control-invalid', 'A paid request has a salt.')
  }

  /** It waits for its asker's word. */
  get waits(): boolean {
    return this.#waits
  }

  /** It may go on. Returns how to stop. */
  onMore(listener: () => void): () => void {
    return this.#parts.part.onAcknowledged(listener)
  }

  received(frame: StageFrame): void {
    this.#meter.received(frame)
  }

  sent(frame: StageFrame): void {
    this.#meter.sent(frame)
    if (frame.type === 'token') this.#drawn.drew(frame.position, frame.id, this.#parts.part.acknowledged)
  }

  /** What the ticket allows in all. Refusals: `ticket-spent`. */
  whyNot(frame: MeteredRows): Failure | null {
    const { positions, outputTokens } = this.#parts.part.claims
    const { promptTokens, steps } = this.#meter
    const over = promptTokens + steps + frame.count > positions || (isStep(frame) && steps >= outputTokens)
    return over ? fail('ticket-spent', `It is for ${positions} positions, ${outputTokens} of them of an answer.`) : null
  }

  /** A step waits until its asker has acknowledged what came before. */
  mayRun(frame: MeteredRows): boolean {
    this.#waits = isStep(frame) && !this.#parts.part.mayMake(this.#meter.steps + 1)
    return !this.#waits
  }

  ran(frame: MeteredRows): void {
    this.#meter.ran(frame)
  }

  failed(frame: MeteredRows): void {
    this.#meter.failed(frame)
  }

  /** A new epoch, in which the KV ends at `position`. */
  cut(position: number): void {
    this.#waits = false
    this.#meter.cut(position, this.#parts.part.acknowledged)
  }

  /** For good. Idempotent. */
  async end(): Promise<void> {
    await this.#meter.settled()
    this.#parts.part.end((acknowledged) => this.#doneAt(acknowledged))
  }

  #doneAt(acknowledged: number): WorkDone {
    const { promptTokens, chainIn, chainOut } = this.#meter
    const outputTokens = this.#meter.outputTokens(acknowledged)
    const [beganMs, endedMs] = [this.#beganMs, this.#parts.nowMs()]
    return { promptTokens, reusedTokens: 0, outputTokens, chainIn, chainOut, beganMs, endedMs }
  }
}
