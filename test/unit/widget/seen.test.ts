/** When the line that says what runs counts as in sight: the frame is drawn, the panel is open, nothing covers it. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Seen } from '../../../web/widget/seen.ts'

let drawn: boolean
const page = Object.assign(new EventTarget(), { visibilityState: 'visible' })

beforeEach(() => {
  drawn = true
  page.visibilityState = 'visible'
  vi.useFakeTimers()
  vi.stubGlobal('document', page)
  vi.stubGlobal('requestAnimationFrame', (draw: () => void) => (drawn ? setTimeout(draw, 16) : 0))
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const WAIT_MS = 2_000

it('is soon what it is, or becomes in time', async () => {
  const seen = new Seen()
  seen.inSight = true
  const now = seen.soon(WAIT_MS)
  await vi.advanceTimersByTimeAsync(16)
  expect(await now).toBe(true)
  seen.inSight = false
  const later = seen.soon(WAIT_MS)
  await vi.advanceTimersByTimeAsync(WAIT_MS / 2)
  seen.inSight = true
  expect(await later).toBe(true)
  expect(vi.getTimerCount()).toBe(0)
})

it.each([
  ['is covered or faded', (seen: Seen) => (seen.inSight = false)],
  ['is in a panel that is closed', (seen: Seen) => (seen.shown = false)],
  ['is in a tab that is hidden', () => (page.visibilityState = 'hidden')],
  ['is in a frame that is not drawn any more', () => (drawn = false)],
])('is not soon what it is not: it %s', async (_, hide) => {
  const seen = new Seen()
  seen.inSight = true
  hide(seen)
  const soon = seen.soon(WAIT_MS)
  await vi.advanceTimersByTimeAsync(WAIT_MS)
  expect(await soon).toBe(false)
  await vi.advanceTimersByTimeAsync(WAIT_MS)
  expect(vi.getTimerCount()).toBe(0)
})

it('tells each who watches of every change, also where one began to watch in between', async () => {
  const seen = new Seen()
  const told: [string, boolean][] = []
  const watch = (name: string) => seen.watch((now) => told.push([name, now]))
  const ends = [watch('first')]
  seen.inSight = true
  await vi.advanceTimersByTimeAsync(20_000)
  ends.push(watch('second'))
  seen.inSight = false
  expect(told).toEqual([
    ['first', false],
    ['first', true],
    ['second', true],
    ['first', false],
    ['second', false],
  ])
  for (const end of ends) end()
})
