/** What changes is said at once, and what changes right after it together. */
import { expect, it } from 'vitest'
import { soon } from '../../../web/schedule/soon.ts'
import { PRESENCE_GAP_MS } from '../../../web/wire/limits/mesh.ts'
import { SimClock } from '../../support/sim-clock.ts'

it('the first change is said at once, those within the gap together at its end, and then the next at once again', async () => {
  const clock = new SimClock()
  const saidMs: number[] = []
  const changed = soon(clock.every, () => saidMs.push(clock.nowMs))
  changed()
  expect(saidMs).toEqual([0])
  changed()
  changed()
  expect(saidMs).toEqual([0])
  await clock.until(() => clock.nowMs >= PRESENCE_GAP_MS)
  expect(saidMs).toEqual([0, PRESENCE_GAP_MS])
  changed()
  expect(saidMs).toHaveLength(2)
  await clock.until(() => clock.nowMs >= 3 * PRESENCE_GAP_MS)
  expect(saidMs).toEqual([0, PRESENCE_GAP_MS, 2 * PRESENCE_GAP_MS])
  // Nothing more is due: its clock stands still.
  clock.later(10 * PRESENCE_GAP_MS, () => {})
  await clock.until(() => clock.nowMs >= 10 * PRESENCE_GAP_MS)
  const lateMs = clock.nowMs
  changed()
  expect(saidMs.at(-1)).toBe(lateMs)
})
