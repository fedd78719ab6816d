/**
 * A stage that a tab serves, with the page's clock on its frames: how long each took as the page sees it, which is compute
 * and the way into the worker and back. For benches it can also wait before each frame, using no processor, as if its GPU
 * were that much slower: one frame at a time, in the order in which they come.
 */
import type { ServedStage } from '../../web/schedule/hop.ts'
import type { WorkerStage } from '../../web/schedule/worker-stage.ts'
import { ok } from '../../web/wire/result.ts'

export interface FrameTime {
  readonly waitedMs: number
  /** Without the wait. */
  readonly seenMs: number
}

/** Of every stage that is loaded from now on. Returns how to take the times since the last call, oldest first. */
export function timeFrames(worker: Pick<WorkerStage, 'load'>, waitMs: number): () => readonly FrameTime[] {
  const times: FrameTime[] = []
  const load = worker.load.bind(worker)
  worker.load = async (...request) => {
    const loaded = await load(...request)
    return loaded.ok ? ok({ ...loaded.value, stage: timed(loaded.value.stage, waitMs, times) }) : loaded
  }
  return () => times.splice(0)
}

function timed(stage: ServedStage, waitMs: number, times: FrameTime[]): ServedStage {
  let last: Promise<unknown> = Promise.resolve()
  // Whatever is asked of it waits for its turn, or a truncate would overtake the frames that it is about.
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = waitMs === 0 ? work() : last.then(work)
    last = done.catch(() => {})
    return done
  }
  return {
    facts: stage.facts,
    open: (request) => inTurn(() => stage.open(request)),
    truncate: (...request) => inTurn(() => stage.truncate(...request)),
    close: (session) => inTurn(() => stage.close(session)),
    run: (frame) =>
      inTurn(async () => {
        const askedMs = performance.now()
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
        const beganMs = performance.now()
        const output = await stage.run(frame)
        times.push({ waitedMs: beganMs - askedMs, seenMs: performance.now() - beganMs })
        return output
      }),
  }
}
