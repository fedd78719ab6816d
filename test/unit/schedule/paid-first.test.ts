/** Frames of requests that nobody pays for go behind others at a stage, in their order, and are not starved. */
import { expect, it } from 'vitest'
import type { Frame, FrameOutput } from '../../../web/engine/stage.ts'
import type { ServedStage } from '../../../web/schedule/hop.ts'
import { PaidFirst } from '../../../web/schedule/paid-first.ts'
import { STAGE_TURNS_BEFORE_UNPAID } from '../../../web/wire/limits/mesh.ts'
import { ok, type Result } from '../../../web/wire/result.ts'

/** A stage that computes one frame each time it is told to, in the order in which they came. */
class SteppedStage {
  readonly ran: string[] = []
  readonly #ends: (() => void)[] = []
  readonly #turns = new PaidFirst()
  readonly #stage: ServedStage

  constructor() {
    const done = async () => ok(null)
    const run = (frame: Frame): Promise<Result<FrameOutput>> => {
      this.ran.push(`${frame.session}:${frame.position}`)
      return new Promise((resolve) => this.#ends.push(() => resolve(ok({ kind: 'none' }))))
    }
    const facts = {} as ServedStage['facts']
    this.#stage = { facts, open: done, truncate: done, close: async () => {}, run }
  }

  /** A request, whose frames are given by position. */
  request(session: number, unpaid: boolean): (position: number) => void {
    const seen = this.#turns.of(this.#stage, unpaid)
    return (position) => void seen.run({ session, position } as Frame)
  }

  async end(): Promise<void> {
    this.#ends.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

it('without others nobody waits', async () => {
  const stage = new SteppedStage()
  const unpaid = stage.request(1, true)
  for (const position of [0, 1, 2]) unpaid(position)
  await stage.end()
  expect(stage.ran).toEqual(['1:0', '1:1', '1:2'])
})

it('waits while others are computed, and then goes in its order', async () => {
  const stage = new SteppedStage()
  const [paid, unpaid] = [stage.request(1, false), stage.request(2, true)]
  paid(0)
  for (const position of [0, 1]) unpaid(position)
  paid(1)
  expect(stage.ran).toEqual(['1:0', '1:1'])
  await stage.end()
  expect(stage.ran).toEqual(['1:0', '1:1'])
  await stage.end()
  expect(stage.ran).toEqual(['1:0', '1:1', '2:0', '2:1'])
})

it('is not starved by a flow that never ends', async () => {
  const stage = new SteppedStage()
  const [paid, unpaid] = [stage.request(1, false), stage.request(2, true)]
  for (const position of [0, 1]) paid(position)
  unpaid(0)
  for (let position = 2; position < 40 && !stage.ran.includes('2:0'); position += 1) {
    paid(position)
    await stage.end()
  }
  expect(stage.ran.indexOf('2:0')).toBe(STAGE_TURNS_BEFORE_UNPAID + 2)
})
