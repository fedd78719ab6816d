/** The death in the middle of an answer that `bench:mesh --kill` measures: a real tab is closed, a standby takes its place. */
import type { MeshTabPage } from '../support/mesh-app.ts'
import { type Answer, replayComputeOf } from './mesh-answers.ts'

/** Tokens that have come by then, and of the whole answer at least. */
const TOKENS_BEFORE = 8
export const TOKENS_FOR_KILL = 24

export interface Recovery {
  readonly answer: Answer
  /** From the detection of the death to the next token, less the replay's compute. */
  readonly ms: number
  readonly replayComputeMs: number
  readonly replacedBy: 'journal' | 'tokens'
}

export interface Death {
  readonly asker: MeshTabPage
  readonly workers: readonly MeshTabPage[]
  /** Of the answer under way. */
  readonly routeNow: () => Promise<readonly MeshTabPage[]>
  readonly ask: () => Promise<Answer>
}

/** Closes the tab of a middle stage. */
export async function recoverFrom({ asker, workers, routeNow, ask }: Death): Promise<Recovery> {
  await asker.call('routeEvents')
  const answering = ask()
  await asker.until(`(await mesh.streamed()).tokens >= ${TOKENS_BEFORE}`)
  const route = await routeNow()
  const victim = route[route.length >> 1]
  const standbys = workers.filter((worker) => !route.includes(worker))
  const peers = await Promise.all(standbys.map((standby) => standby.call('peer')))
  // What they computed before is not asked for.
  await Promise.all(standbys.map((standby) => standby.call('takeFrames')))
  await victim?.page.close()
  const answer = await answering
  const events = await asker.call('routeEvents')
  const lost = events.find(({ kind }) => kind === 'lost')
  const replaced = events.find(({ kind }) => kind === 'replaced')
  if (!lost || !replaced) throw new Error(`the answer was over before the stage was gone: ${JSON.stringify(events)}`)
  const after = answer.atMs.filter((ms) => ms > lost.atMs)
  const [next = Number.POSITIVE_INFINITY] = after
  // By name: a route that has lost a stage is closed with its answer, so that nobody serves it any more.
  const stepped = standbys[peers.indexOf(replaced.peer)]
  if (!stepped) throw new Error('a tab that was not there took the place')
  const replayComputeMs = replayComputeOf(await stepped.call('takeFrames'), after.length)
  const replacedBy = replaced.detail === 'fed' ? 'journal' : 'tokens'
  return { answer, ms: next - lost.atMs - replayComputeMs, replayComputeMs, replacedBy }
}
