/**
 * A stage that a tab serves, with the page's clock on its frames: how long each took as the page sees it, which is compute
 * and the way into the worker and back. For benches it can also wait before each frame, using no processor, as if its GPU
 * were that much slower: one frame at a time, in the order in which they come.
 */
import type { ServedStage } from '../../web/schedule/hop.ts'
import type { WorkerStage } from '../../web/schedule/worker-stage.ts'
import { ok } from '../../web/wire/result.ts'

export interface FrameTime {
  /** Of the stage: of a request, or of its own measurement. */
  readonly session: number
  /** Without the wait, by the page's clock. */
  readonly beganMs: number
  readonly waitedMs: number
  /** Without the wait. */
  readonly seenMs: number
}

type Wait = (ms: number) => Promise<unknown>

/** Of every stage that is loaded from now on. Returns how to take the times since the last call, oldest first. */
export function timeFrames(worker: Pick<WorkerStage, 'load'>, waitMs: number): () => readonly FrameTime[] {
  const times: FrameTime[] = []
  let waitedMs = 0
  const timedWait: Wait = async (ms) => {
    const beganMs = performance.now()
    await new Promise((resolve) => setTimeout(resolve, ms))
    waitedMs = performance.now() - beganMs
  }
  const load = worker.load.bind(worker)
  worker.load = async (...request) => {
    const loaded = await load(...request)
    if (!loaded.ok) return loaded
    const { stage } = loaded.value
    const timed: ServedStage = {
      ...stage,
      async run(frame) {
        const beganMs = performance.now()
        const output = await stage.run(frame)
        times.push({ session: frame.session, beganMs, waitedMs, seenMs: performance.now() - beganMs })
        return output
      },
    }
    return ok({ ...loaded.value, stage: waitMs > 0 ? slowed(timed, waitMs, timedWait) : timed })
  }
  return () => times.splice(0)
}

/** The same stage: what is asked of it waits for its turn, and a frame then so long before it is computed. */
export function slowed(stage: ServedStage, waitMs: number, wait: Wait): ServedStage {
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work)
    last = done.catch(() => {})
    return done
  }
  return {
    facts: stage.facts,
    open: (request) => inTurn(() => stage.open(request)),
    // Or it would overtake the frames that it is about.
    truncate: (...request) => inTurn(() => stage.truncate(...request)),
    close: (session) => inTurn(() => stage.close(session)),
    run: (frame) =>
      inTurn(async () => {
        await wait(waitMs)
        return stage.run(frame)
      }),
  }
}
