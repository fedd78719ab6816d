/**
 * When a stage that says it is alive counts as dead, because it passes nothing on, and which one that is. Slow is not dead:
 * the bound grows with what is waited for and with how long that takes here, as measured by whoever waits. Pure.
 */
import { MUTE_FACTOR, MUTE_MS_MIN } from '../wire/limits/mesh.ts'

/** What a stage says of one request: where its next rows begin, and up to where it has passed on what it made. */
export interface StandsAt {
  readonly got: number
  readonly passed: number
}

/** `rowMs`: what a position took lately, all stages and trips together; before the first one, what the plan says. */
export function muteBoundMs(rows: number, rowMs: number): number {
  return Math.max(MUTE_MS_MIN, MUTE_FACTOR * rows * rowMs)
}

/**
 * Who may keep the frame that ends at `end` from coming back, the likeliest first: the first stage that has not passed it
 * on, and where that one says that it never got it, the one before. Empty where all say that they have passed it on. Null:
 * a stage that has said nothing of it.
 */
export function suspects(stages: readonly (StandsAt | null)[], end: number): readonly number[] {
  const index = stages.findIndex((at) => at === null || at.passed < end)
  if (index < 0) return []
  const missed = (stages[index]?.got ?? end) < end
  return missed && index > 0 ? [index - 1, index] : [index]
}
