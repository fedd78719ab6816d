/**
 * How fast this tab's stage is, visible and hidden: a browser may slow a hidden tab down, and only the tab itself can tell by
 * how much. Looks at single decoded tokens that waited for nothing, so that the two are comparable. Decides nothing.
 */
import { median } from '../rules/quantiles.ts'
import { OWN_FRAMES_KEPT_MAX, OWN_FRAMES_MIN } from '../wire/limits/giving.ts'
import type { ServedStage } from './hop.ts'

export class OwnSpeed {
  readonly #visible: number[] = []
  readonly #hidden: number[] = []
  #shown: boolean | null = null
  /** Since it was shown or hidden. */
  #fresh = 0

  add(ms: number, visible: boolean): void {
    const kept = visible ? this.#visible : this.#hidden
    kept.push(ms)
    if (kept.length > OWN_FRAMES_KEPT_MAX) kept.shift()
    if (this.#shown !== visible) this.#fresh = 0
    this.#shown = visible
    this.#fresh += 1
  }

  /** Whether it is worth measuring: what is known is of another time, or too little. */
  wants(visible: boolean): boolean {
    return this.#shown !== visible || this.#fresh < 2 * OWN_FRAMES_MIN
  }

  /** How many times longer a token takes while hidden; null until both are known. */
  get hiddenSlowdown(): number | null {
    if (Math.min(this.#visible.length, this.#hidden.length) < OWN_FRAMES_MIN) return null
    const [visible, hidden] = [median(this.#visible), median(this.#hidden)]
    return visible && hidden ? hidden / visible : null
  }
}

export interface TimedParts {
  readonly nowMs: () => number
  readonly visible: () => boolean
  readonly speed: OwnSpeed
}

/** The same stage, whose tokens are timed from their call to their result. */
export function timedStage(stage: ServedStage, { nowMs, visible, speed }: TimedParts): ServedStage {
  let running = 0
  return {
    ...stage,
    async run(frame) {
      const [alone, shown, beganMs] = [running === 0, visible(), nowMs()]
      running += 1
      try {
        const done = await stage.run(frame)
        const single = frame.mode === 'decode' && frame.count === 1
        if (done.ok && alone && single && shown === visible()) speed.add(nowMs() - beganMs, shown)
        return done
      } finally {
        running -= 1
      }
    },
  }
}
