/** A stage whose frames take time of the test's clock, one after the other, as on a GPU that several requests share. */
import type { StageEngine } from '../../web/engine/stage.ts'
import type { SimClock } from './sim-clock.ts'

export interface Paced extends StageEngine {
  /** Sessions of the frames, in the order in which they were computed. */
  readonly order: readonly number[]
}

export function paced(stage: StageEngine, clock: SimClock, frameMs: number | (() => number)): Paced {
  const order: number[] = []
  let before: Promise<unknown> = Promise.resolve()
  return {
    order,
    facts: stage.facts,
    get state() {
      return stage.state
    },
    open: (request) => stage.open(request),
    run(frame) {
      const turn = before.then(async () => {
        order.push(frame.session)
        await new Promise<void>((resolve) => clock.later(typeof frameMs === 'number' ? frameMs : frameMs(), resolve))
        return stage.run(frame)
      })
      before = turn
      return turn
    },
    truncate: (session, epoch, position, sampler) => stage.truncate(session, epoch, position, sampler),
    close: (session) => stage.close(session),
    dispose: () => stage.dispose(),
  }
}
