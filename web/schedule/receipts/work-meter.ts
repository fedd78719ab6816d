/**
 * What a stage has computed for one paid request. Rows that come several at a time are of a prompt, or of one that is computed again,
 * and so is every row of a rebuild; a single row is a step of the answer, whatever its frame calls it: who could say otherwise would
 * pay a tenth. Steps that are taken back before their asker had them do not count. Asks for nothing.
 *
 * Its chains are over the frames of the newest epoch, each as the bytes that go over the link: in, the rows that came from the stage
 * before, or from the asker; out, the rows that went to the stage after, or the tokens that went to the asker.
 */
import type { StageFrame } from '../../wire/peer-frame.ts'
import type { RowsFrame } from '../waiting-frames.ts'
import { FrameChain, type Hashes } from './frame-chain.ts'

export type MeteredRows = Pick<RowsFrame, 'position' | 'count' | 'rebuild'>

export function isStep({ count, rebuild }: Pick<MeteredRows, 'count' | 'rebuild'>): boolean {
  return count === 1 && !rebuild
}

export class WorkMeter {
  readonly #in: FrameChain
  readonly #out: FrameChain
  #promptTokens = 0
  /** Positions of the steps that the KV holds. */
  #steps: number[] = []
  /** Steps that the KV has no more, and the asker had. */
  #past = 0
  /** All that were ever taken. */
  #stepsAll = 0

  constructor(salt: Uint8Array, hashes: Hashes) {
    this.#in = new FrameChain(salt, hashes)
    this.#out = new FrameChain(salt, hashes)
  }

  get promptTokens(): number {
    return this.#promptTokens
  }

  /** Steps that were taken and not taken back. */
  get steps(): number {
    return this.#past + this.#steps.length
  }

  /** Of the answer, for an asker that has acknowledged so many: never more than it has. */
  outputTokens(acknowledged: number): number {
    const taken = Math.max(this.steps, Math.min(this.#stepsAll, acknowledged))
    return Math.min(taken, acknowledged)
  }

  get chainIn(): string {
    return this.#in.head
  }

  get chainOut(): string {
    return this.#out.head
  }

  received(frame: StageFrame): void {
    this.#in.add(frame)
  }

  sent(frame: StageFrame): void {
    this.#out.add(frame)
  }

  /** The stage begins with these rows. */
  ran(frame: MeteredRows): void {
    if (!isStep(frame)) this.#promptTokens += frame.count
    else {
      this.#steps.push(frame.position)
      this.#stepsAll += 1
    }
  }

  /** It could not compute them after all. */
  failed(frame: MeteredRows): void {
    if (!isStep(frame)) this.#promptTokens -= frame.count
    else {
      this.#stepsAll -= 1
      // A cut may have taken it back already.
      this.#steps = this.#steps.filter((position) => position !== frame.position)
    }
  }

  /** A new epoch, in which the KV ends at `position`. What the asker had had of it by then counts. */
  cut(position: number, acknowledged: number): void {
    const before = this.steps
    this.#steps = this.#steps.filter((at) => at < position)
    const kept = Math.max(this.steps, Math.min(before, acknowledged))
    this.#past = kept - this.#steps.length
    this.#in.restart()
    this.#out.restart()
  }

  /** Once its chains are over all that came and went. */
  async settled(): Promise<void> {
    await Promise.all([this.#in.settled(), this.#out.settled()])
  }
}
