/** What the mesh bench reads from answers, and that its slowed stage is still a stage: one frame at a time, in order. */
import { describe, expect, it } from 'vitest'
import type { ServedStage } from '../../web/schedule/hop.ts'
import { MEASURE_SESSION } from '../../web/schedule/measure-stage.ts'
import type { LoadedStage } from '../../web/schedule/worker-stage.ts'
import { ok } from '../../web/wire/result.ts'
import { type Answer, divergence, replayComputeOf, same, togetherPerSecond } from '../bench/mesh-answers.ts'
import { timeFrames } from '../support/timed-stage.ts'

const answer = (tokens: readonly number[], atMs: readonly number[] = []): Answer => ({
  text: tokens.join(' '),
  tokens: [...tokens],
  atMs: [...atMs],
  end: null,
})

describe('answers', () => {
  it('differ at their first other token, or where the shorter one ends', () => {
    expect(divergence(answer([1, 2, 3]), answer([1, 2, 3]))).toBeNull()
    expect(divergence(answer([1, 2, 3]), answer([1, 9, 9]))).toBe(1)
    expect(divergence(answer([1, 2, 3]), answer([1, 2]))).toBe(2)
    expect(same(answer([1, 2]), answer([1, 2, 3]))).toBe(false)
  })

  it('are as fast together as the tokens that come while all of them run', () => {
    expect(togetherPerSecond([answer([1, 2, 3], [0, 100, 200])])).toBe(10)
    // From 150, when the second one begins, to 300, when the first one ends: 200, 250 and 300.
    const early = answer([1, 2, 3, 4], [0, 100, 200, 300])
    const late = answer([1, 2, 3], [150, 250, 350])
    expect(togetherPerSecond([early, late])).toBe(20)
    expect(togetherPerSecond([answer([1, 2], [0, 100]), answer([1, 2], [200, 300])])).toBeNull()
  })
})

describe('what a replay computed', () => {
  const framesOf = (...frames: readonly (readonly [session: number, beganMs: number, seenMs: number])[]) =>
    frames.map(([session, beganMs, seenMs]) => ({ session, beganMs, seenMs }))

  it('is the time in all frames of the request but one for each later token', () => {
    const frames = framesOf([7, 0, 40], [7, 50, 20], [7, 100, 3], [7, 110, 4], [7, 120, 5])
    expect(replayComputeOf(frames, 3)).toBe(60)
    expect(replayComputeOf(frames, 0)).toBe(72)
    expect(replayComputeOf(frames, 9)).toBe(0)
  })

  it('counts frames that are under way at once one time', () => {
    expect(replayComputeOf(framesOf([7, 0, 40], [7, 5, 60], [7, 10, 20], [7, 80, 9]), 1)).toBe(65)
  })

  it('has nothing of what the stage measures of itself, before it steps in or after', () => {
    const [before, after] = [[MEASURE_SESSION, 0, 1_000] as const, [MEASURE_SESSION, 9_000, 1_000] as const]
    expect(replayComputeOf(framesOf(before, [7, 2_000, 40], [7, 2_050, 3], after, after), 1)).toBe(40)
  })
})

describe('a slowed stage', () => {
  it('takes what is asked of it in order, one thing at a time, and times its frames', async () => {
    const log: string[] = []
    let busy = 0
    const work = async (what: string) => {
      busy += 1
      log.push(`${what} ${busy}`)
      await Promise.resolve()
      busy -= 1
    }
    const stage = {
      open: async () => ok(null),
      run: async ({ position }: { readonly position: number }) => {
        await work(`run ${position}`)
        return ok({ kind: 'none' })
      },
      truncate: async () => {
        await work('truncate')
        return ok(null)
      },
      close: async () => {},
    } as unknown as ServedStage
    const worker = { load: async () => ok({ stage } as unknown as LoadedStage) }
    const take = timeFrames(worker as unknown as Parameters<typeof timeFrames>[0], 1)
    const loaded = await (worker.load as () => ReturnType<typeof worker.load>)()
    const slowed = loaded.ok ? loaded.value.stage : stage
    const frame = (position: number) => ({ position }) as Parameters<ServedStage['run']>[0]
    await Promise.all([slowed.run(frame(0)), slowed.run(frame(1)), slowed.truncate(1, 1, 0), slowed.run(frame(2))])
    expect(log).toEqual(['run 0 1', 'run 1 1', 'truncate 1', 'run 2 1'])
    const times = take()
    expect(times).toHaveLength(3)
    for (const { waitedMs } of times) expect(waitedMs).toBeGreaterThan(0)
    expect(take()).toEqual([])
  })
})
