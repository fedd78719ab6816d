/** Plans of a replay over any recorded schedule. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { replayPlan } from '../../../web/rules/replay.ts'
import type { ScheduledFrame } from '../../../web/wire/frame-schedule.ts'

const ROWS_MAX = 8
const runs = fc.array(fc.record({ count: fc.integer({ min: 1, max: 40 }), mode: fc.constantFrom('prefill', 'decode') }))

function schedule(parts: readonly Pick<ScheduledFrame, 'count' | 'mode'>[]): ScheduledFrame[] {
  let position = 0
  return parts.map(({ count, mode }) => {
    const frame = { position, count, mode }
    position += count
    return frame
  })
}

/** The mode of each position, in order. */
const modes = (frames: readonly ScheduledFrame[]) =>
  frames.flatMap(({ position, count, mode }) => Array.from({ length: count }, (_, row) => `${position + row} ${mode}`))

test('a plan computes every position once, in order and in its mode', () => {
  fc.assert(
    fc.property(runs, (parts) => {
      const recorded = schedule(parts)
      expect(modes(replayPlan(recorded, ROWS_MAX))).toEqual(modes(recorded))
    }),
  )
})

test('chunks of a prefill stay as they were recorded, and decode runs are as long as a frame may be', () => {
  fc.assert(
    fc.property(runs, (parts) => {
      const recorded = schedule(parts)
      const plan = replayPlan(recorded, ROWS_MAX)
      const prefill = (frames: readonly ScheduledFrame[]) => frames.filter(({ mode }) => mode === 'prefill')
      expect(prefill(plan)).toEqual(prefill(recorded))
      for (const [index, { mode, count }] of plan.entries()) {
        if (mode === 'decode') expect(count).toBeLessThanOrEqual(ROWS_MAX)
        if (mode === 'decode' && plan[index + 1]?.mode === 'decode') expect(count).toBe(ROWS_MAX)
      }
    }),
  )
})
