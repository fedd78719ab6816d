/**
 * A stage that computes for a share of the time only: after each frame it rests as long as the share asks for, so that the
 * GPU is the person's meanwhile. Frames keep their order; nothing else waits. Knows no clock of its own.
 */
import { DUTY_REST_MS_MIN } from '../wire/limits/giving.ts'
import type { ServedStage } from './hop.ts'

export interface PaceParts {
  /** Of the time; 1 for all of it, which costs nothing. May change between frames. */
  readonly duty: () => number
  readonly nowMs: () => number
  /** Also while the tab is hidden. */
  readonly rest: (ms: number) => Promise<void>
}

export function pacedStage(stage: ServedStage, { duty, nowMs, rest }: PaceParts): ServedStage {
  let turn: Promise<unknown> = Promise.resolve()
  let waiting = 0
  let owedMs = 0
  return {
    ...stage,
    run(frame) {
      if (waiting === 0 && duty() >= 1) return stage.run(frame)
      waiting += 1
      let beganMs = 0
      const done = turn.then(() => {
        beganMs = nowMs()
        return stage.run(frame)
      })
      const settle = async () => {
        const share = duty()
        owedMs = share >= 1 ? 0 : owedMs + (nowMs() - beganMs) * (1 / share - 1)
        if (owedMs >= DUTY_REST_MS_MIN) {
          await rest(owedMs)
          owedMs = 0
        }
        waiting -= 1
      }
      turn = done.then(settle, settle)
      return done
    },
  }
}
