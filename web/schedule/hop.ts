/**
 * A hop: one stage as the session sees it, here or on another peer. The session never knows which. `hop-local` is the
 * stage in this browser's worker; a hop over a link keeps the same promises.
 */
import type { StageEngine } from '../engine/stage.ts'

/** What of a stage other peers use. */
export type ServedStage = Hop & Pick<StageEngine, 'facts'>

export type Hop = Pick<StageEngine, 'open' | 'run' | 'truncate' | 'close'>
