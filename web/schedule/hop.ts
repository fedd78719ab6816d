/**
 * A hop: one stage as the session sees it, here or on another peer. The session never knows which. `hop-local` is the
 * stage in this browser's worker; a hop over a link keeps the same promises.
 */
import type { Frame, FrameOutput, StageEngine } from '../engine/stage.ts'
import type { Constraint } from '../rules/token-masks.ts'
import type { Result } from '../wire/result.ts'

/** What of a stage other peers use. */
export type ServedStage = Hop & Pick<StageEngine, 'facts'>

export interface Hop extends Pick<StageEngine, 'open' | 'truncate' | 'close'> {
  /**
   * With `constraint` a frame that samples draws only what may come next. A hop that knows no vocabulary leaves it aside:
   * whoever asked for a form looks at the answer.
   */
  run(frame: Frame, constraint?: Constraint): Promise<Result<FrameOutput>>
}
