/** The share of the time that a stage computes, with a clock in hand; its order; and how fast it says it is. */
import { describe, expect, it } from 'vitest'
import type { Frame } from '../../../web/engine/stage.ts'
import type { ServedStage } from '../../../web/schedule/hop.ts'
import { OwnSpeed, timedStage } from '../../../web/schedule/own-speed.ts'
import { pacedStage } from '../../../web/schedule/paced-stage.ts'
import { DUTIES, OWN_FRAMES_MIN } from '../../../web/wire/limits/giving.ts'
import { ok } from '../../../web/wire/result.ts'
import { SimClock } from '../../support/sim-clock.ts'

const FRAMES = 40

/** Each frame takes so long; only one at a time, as on a GPU. */
function slowStage(clock: SimClock, frameMs: () => number) {
  const begun: number[] = []
  const spans: { readonly fromMs: number; readonly toMs: number }[] = []
  let line: Promise<unknown> = Promise.resolve()
  const work = (frame: Frame) =>
    new Promise<void>((resolve) => {
      begun.push(frame.position)
      const fromMs = clock.nowMs
      clock.later(frameMs(), () => {
        spans.push({ fromMs, toMs: clock.nowMs })
        resolve()
      })
    })
  const stage: ServedStage = {
    facts: {} as never,
    open: async () => ok(null),
    truncate: async () => ok(null),
    close: async () => {},
    run(frame) {
      const done = line.then(() => work(frame))
      line = done
      return done.then(() => ok({ kind: 'none' } as const))
    },
  }
  return { stage, begun, spans }
}

const frameAt = (position: number): Frame => ({
  session: 1,
  epoch: 0,
  position,
  count: 1,
  mode: 'decode',
  input: { kind: 'chained' },
  sample: false,
})

function paced(clock: SimClock, stage: ServedStage, duty: () => number): ServedStage {
  const rest = (ms: number) => new Promise<void>((resolve) => clock.later(ms, resolve))
  return pacedStage(stage, { duty, nowMs: () => clock.nowMs, rest })
}

async function runAll(clock: SimClock, stage: ServedStage, count = FRAMES): Promise<void> {
  let done = 0
  for (let position = 0; position < count; position += 1) void stage.run(frameAt(position)).then(() => (done += 1))
  expect(await clock.until(() => done === count)).toBe(true)
}

describe('a stage with a share of the time', () => {
  it.each(DUTIES.flatMap((duty) => [0.5, 3, 12].map((ms) => [duty, ms] as const)))(
    'of %f with frames of %f ms computes for that share, in order',
    async (duty, frameMs) => {
      const clock = new SimClock()
      const { stage, begun, spans } = slowStage(clock, () => frameMs)
      await runAll(
        clock,
        paced(clock, stage, () => duty),
      )
      const busyMs = spans.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0)
      // The last frame's rest is after the end.
      const wholeMs = (spans.at(-1)?.fromMs ?? 0) - (spans[0]?.fromMs ?? 0)
      expect(busyMs).toBeCloseTo(FRAMES * frameMs, 6)
      const share = (busyMs - frameMs) / wholeMs
      expect(share).toBeGreaterThanOrEqual(duty - 0.02)
      // Rests too short for a timer are saved up, so it may be one such rest ahead.
      expect(share).toBeLessThanOrEqual(duty + 0.09)
      expect(begun).toEqual(Array.from({ length: FRAMES }, (_, index) => index))
    },
  )

  it('that is all of it passes frames on as they come, and takes a new share from the next frame on', async () => {
    const clock = new SimClock()
    const { stage, spans } = slowStage(clock, () => 10)
    let duty = 1
    const under = paced(clock, stage, () => duty)
    await runAll(clock, under, 10)
    expect(clock.nowMs).toBe(100)
    duty = 0.25
    await runAll(clock, under, 4)
    expect(spans.slice(10).map(({ fromMs }) => fromMs - 100)).toEqual([0, 40, 80, 120])
  })

  it('rests no longer than it has to once it has all the time again', async () => {
    const clock = new SimClock()
    const { stage, spans } = slowStage(clock, () => 10)
    let duty = 0.5
    const under = paced(clock, stage, () => duty)
    let done = 0
    for (let position = 0; position < 6; position += 1)
      void under.run(frameAt(position)).then(() => {
        done += 1
        if (done === 2) duty = 1
      })
    await clock.until(() => done === 6)
    // The rest that was owed when it changed is taken.
    expect(spans.map(({ fromMs }) => fromMs)).toEqual([0, 20, 40, 50, 60, 70])
  })
})

describe('how fast a tab is', () => {
  it('hidden is compared with visible, by tokens that waited for nothing', async () => {
    const clock = new SimClock()
    const speed = new OwnSpeed()
    let [frameMs, shown] = [4, true]
    const { stage } = slowStage(clock, () => frameMs)
    const timed = timedStage(stage, { nowMs: () => clock.nowMs, visible: () => shown, speed })
    const one = async (mode: Frame['mode'] = 'decode', count = 1) => {
      let done = false
      void timed.run({ ...frameAt(0), mode, count }).then(() => {
        done = true
      })
      await clock.until(() => done)
    }
    for (let index = 0; index < OWN_FRAMES_MIN; index += 1) await one()
    expect([speed.hiddenSlowdown, speed.wants(true), speed.wants(false)]).toEqual([null, true, true])
    for (let index = 0; index < OWN_FRAMES_MIN; index += 1) await one()
    expect(speed.wants(true)).toBe(false)
    // Prompts and tokens behind others say nothing of it.
    frameMs = 400
    await one('prefill', 32)
    ;[frameMs, shown] = [12, false]
    await Promise.all([one(), one(), one()])
    expect(speed.hiddenSlowdown).toBe(null)
    for (let index = 0; index < OWN_FRAMES_MIN; index += 1) await one()
    expect(speed.hiddenSlowdown).toBe(3)
  })

  it('a token during which the tab was hidden counts for neither', async () => {
    const clock = new SimClock()
    const speed = new OwnSpeed()
    let shown = true
    const { stage } = slowStage(clock, () => 10)
    const timed = timedStage(stage, { nowMs: () => clock.nowMs, visible: () => shown, speed })
    clock.later(5, () => {
      shown = false
    })
    let done = false
    void timed.run(frameAt(0)).then(() => {
      done = true
    })
    await clock.until(() => done)
    expect([speed.wants(true), speed.wants(false)]).toEqual([true, true])
  })
})
