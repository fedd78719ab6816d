/**
 * The frame schedule: which positions ran in which frame and mode. A replay that follows it gives the same bits within
 * one numeric class. Decode rows do not change bits, so consecutive decode positions may run as one batch; prefill
 * chunks are repeated as recorded.
 */
import type { ScheduledFrame } from '../wire/frame-schedule.ts'

/** True where the frames cover `[0, end)` without gap or overlap: what a replay may trust. */
export function coversFromZero(schedule: readonly ScheduledFrame[], end: number): boolean {
  let next = 0
  for (const { position, count } of schedule) {
    if (position !== next || !Number.isSafeInteger(count) || count < 1) return false
    next += count
  }
  return next === end
}

/** What is left of a schedule when positions from `end` on are forgotten. */
export function cutSchedule(schedule: readonly ScheduledFrame[], end: number): ScheduledFrame[] {
  return schedule
    .filter((frame) => frame.position < end)
    .map((frame) => (frame.position + frame.count <= end ? frame : { ...frame, count: end - frame.position }))
}

/**
 * The frames of a replay: decode positions in runs of at most `rowsMax` rows, whatever runs they were recorded in. An
 * answer that another session began is recorded as one run of any length.
 */
export function replayPlan(schedule: readonly ScheduledFrame[], rowsMax: number): ScheduledFrame[] {
  const plan: ScheduledFrame[] = []
  for (const frame of schedule) {
    if (frame.mode !== 'decode') {
      plan.push(frame)
      continue
    }
    for (let done = 0; done < frame.count; ) {
      const position = frame.position + done
      const last = plan.at(-1)
      const joins = last?.mode === 'decode' && last.count < rowsMax && last.position + last.count === position
      const count = Math.min(frame.count - done, rowsMax - (joins ? last.count : 0))
      if (joins) plan[plan.length - 1] = { ...last, count: last.count + count }
      else plan.push({ position, count, mode: 'decode' })
      done += count
    }
  }
  return plan
}
