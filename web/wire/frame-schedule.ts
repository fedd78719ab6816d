/**
 * The frame schedule of a session, as it is recorded and handed over: which positions ran in which frame and mode. A
 * replay that follows it gives the same bits within one numeric class. Types only; the rules are in `rules/replay.ts`.
 */
export interface ScheduledFrame {
  readonly position: number
  readonly count: number
  readonly mode: 'prefill' | 'decode'
}
