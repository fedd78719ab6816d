/** Frames that went into a route and have not come back, in order. Sends nothing, and decides about no loss. */
import type { Frame, FrameOutput } from '../engine/stage.ts'
import type { Failure, Result } from '../wire/result.ts'

interface InFlight {
  readonly frame: Frame
  /** Null once a takeover has sent it again. */
  sentMs: number | null
  readonly settle: (result: Result<FrameOutput>) => void
}

export class FramesInFlight {
  #all: InFlight[] = []

  /** The oldest. */
  get first(): Frame | undefined {
    return this.#all[0]?.frame
  }

  /** Of all of them. */
  get rows(): number {
    return this.#all.reduce((sum, { frame }) => sum + frame.count, 0)
  }

  /** `sentMs`: null where it goes out later. */
  add(frame: Frame, sentMs: number | null, settle: InFlight['settle']): void {
    this.#all.push({ frame, sentMs, settle })
  }

  /** What ends at `position` is the oldest, and this is what it was to bring: it is taken out, to be settled. */
  take(position: number, kind: FrameOutput['kind']): InFlight | null {
    const entry = this.#all[0]
    if (!entry || entry.frame.position + entry.frame.count !== position) return null
    if (entry.frame.sample !== (kind === 'token')) return null
    this.#all.shift()
    return entry
  }

  /** All of them, to be sent once more. */
  again(): readonly Frame[] {
    for (const entry of this.#all) entry.sentMs = null
    return this.#all.map(({ frame }) => frame)
  }

  /** They are not waited for any more. */
  forget(): void {
    this.#all = []
  }

  fail(failure: Failure): void {
    for (const { settle } of this.#all.splice(0)) settle(failure)
  }
}
