/**
 * The death of a worker in the middle of an answer, as `bench:jobs` measures it: its tab is closed, which its peers are told,
 * or the process that renders it crashes, which nobody tells them.
 */
import type { CDPSession } from 'playwright'
import type { JobRun } from '../support/job-page.ts'
import type { MeshTabPage } from '../support/mesh-app.ts'
import type { JobBench, JobWorkerTab } from './job-rig.ts'

export type Manner = 'closed' | 'killed'

/** Tokens that have come by then, and of the whole answer. */
const TOKENS_BEFORE = 20
const TOKENS = 500
const PARAMETERS = 1_000_000

export interface Death {
  readonly run: JobRun
  readonly maxTokens: number
  /** From the death to the first token of whoever went on, with its prefill. */
  readonly ms: number
}

/** One of `workers` is gone after it, and left out of them. */
export async function dieOnce(
  bench: JobBench,
  asker: MeshTabPage,
  workers: JobWorkerTab[],
  manner: Manner,
): Promise<Death> {
  const doors = new Map<string, CDPSession>()
  for (const worker of workers) doors.set(worker.peer, await worker.tab.context.newCDPSession(worker.tab.page))
  // What nobody pays for is shorter than this.
  const given = await asker.call('firstCredits')
  if (!given.ok) throw new Error(given.code)
  const { runs } = await asker.call('jobProgress')
  const answering = asker.call('runJob', bench.question(manner, TOKENS, { activeParameters: PARAMETERS }))
  await asker.until(
    `(await mesh.jobProgress()).runs > ${runs} && (await mesh.jobProgress()).tokens >= ${TOKENS_BEFORE}`,
  )
  const peer = await asker.call('jobAt')
  const at = workers.findIndex((worker) => worker.peer === peer)
  const victim = workers[at]
  if (!victim) throw new Error('nobody answers')
  workers.splice(at, 1)
  const diedMs = performance.timeOrigin + performance.now()
  if (manner === 'closed') await victim.tab.page.close()
  // Its process ends there and then, and answers nobody any more.
  else
    void doors
      .get(victim.peer)
      ?.send('Page.crash')
      .catch(() => {})
  const run = await answering
  await victim.tab.context.close()
  const [movedMs = Number.POSITIVE_INFINITY] = run.movedMs
  const nextMs = run.atMs.find((ms) => ms >= movedMs)
  if (nextMs === undefined)
    throw new Error(`${manner}: the answer was over before its worker was gone: ${JSON.stringify({ ...run, diedMs })}`)
  return { run, maxTokens: TOKENS, ms: nextMs - diedMs }
}
