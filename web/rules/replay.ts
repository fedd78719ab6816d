/**
 * The frame schedule: which positions ran in which frame and mode. A replay that follows it gives the same bits within
 * one numeric class. Decode rows do not change bits, so consecutive decode positions may run as one batch; prefill
 * chunks are repeated as recorded.
 */

export interface ScheduledFrame {
  readonly position: number
  readonly count: number
  readonly mode: 'prefill' | 'decode'
}

/** What is left of a schedule when positions from `end` on are forgotten. */
export function cutSchedule(schedule: readonly ScheduledFrame[], end: number): ScheduledFrame[] {
  return schedule
    .filter((frame) => frame.position < end)
    .map((frame) => (frame.position + frame.count <= end ? frame : { ...frame, count: end - frame.position }))
}

/** The frames of a replay: decode runs merged up to `rowsMax` rows. */
export function replayPlan(schedule: readonly ScheduledFrame[], rowsMax: number): ScheduledFrame[] {
  const plan: ScheduledFrame[] = []
  for (const frame of schedule) {
    const last = plan.at(-1)
    const joins =
      last?.mode === 'decode' &&
      frame.mode === 'decode' &&
      last.count + frame.count <= rowsMax &&
      last.position + last.count === frame.position
    if (last && joins) plan[plan.length - 1] = { ...last, count: last.count + frame.count }
    else plan.push(frame)
  }
  return plan
}
