/** The death in the middle of an answer that `bench:mesh --kill` measures: a real tab is closed, a standby takes its place. */
import type { MeshTabPage } from '../support/mesh-app.ts'
import type { Answer } from './mesh-answers.ts'

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
  for (const standby of standbys) await standby.call('takeTimes')
  await victim?.page.close()
  const answer = await answering
  const events = await asker.call('routeEvents')
  const lost = events.find(({ kind }) => kind === 'lost')
  const replaced = events.find(({ kind }) => kind === 'replaced')
  if (!lost || !replaced) throw new Error(`the answer was over before the stage was gone: ${JSON.stringify(events)}`)
  const after = answer.atMs.filter((ms) => ms > lost.atMs)
  const [next = Number.POSITIVE_INFINITY] = after
  // The one that stepped in has computed the replay, and then one frame for each later token. Others measure themselves.
  const open = await Promise.all(standbys.map((standby) => standby.call('serving')))
  const stepped = standbys.filter((_, index) => (open[index] ?? 0) > 0)
  const computed = await Promise.all(stepped.map((standby) => standby.call('takeTimes')))
  const replayed = computed.flatMap((times) => (times.ok ? times.value.slice(0, -after.length) : []))
  const replayComputeMs = replayed.reduce((sum, ms) => sum + ms, 0)
  const replacedBy = replaced.detail === 'fed' ? 'journal' : 'tokens'
  return { answer, ms: next - lost.atMs - replayComputeMs, replayComputeMs, replacedBy }
}
