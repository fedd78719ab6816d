/**
 * One request of many inputs in a page of the mesh: spread over the workers that there are, told in the order of the inputs.
 * And the same inputs here, to compare with.
 */
import type { MeshTab } from '../../web/mesh-tab.ts'
import { type AskJob, fanOutChats, fanOutTexts, type Outcome } from '../../web/schedule/jobs/fan-out.ts'
import type { JobRunner } from '../../web/schedule/jobs/job-work.ts'
import { type JobAsk, requestOf } from './job-page.ts'

const NEVER = new AbortController().signal

export function fanOutCalls(tab: MeshTab, runner: JobRunner) {
  let told = 0
  const ask =
    ({ modelId, layers, promptTokens, maxTokens }: Omit<JobAsk, 'content'>): AskJob =>
    (work, signal) => {
      const about = { class: 'batch', modelId, layers, promptTokens, maxTokens, room: null } as const
      return tab.jobAsker.ask(work, about, signal)
    }

  async function read<T, R>(outcomes: AsyncIterable<Outcome<T>>, plain: (value: T) => R) {
    told = 0
    const all: { index: number; value: R | null; code: string | null }[] = []
    for await (const { index, result } of outcomes) {
      all.push({ index, value: result.ok ? plain(result.value) : null, code: result.ok ? null : result.code })
      told = all.length
    }
    return all
  }

  return {
    /** All for the model and the limits of the first. */
    async fanOutChats(asks: readonly JobAsk[]) {
      const [first] = asks
      if (!first) return []
      return read(fanOutChats(asks.map(requestOf), ask(first), NEVER), ({ text }) => text)
    },
    fanOutTexts: (about: Omit<JobAsk, 'content'>, texts: readonly string[]) =>
      read(fanOutTexts(texts, ask(about), NEVER), (vector) => [...vector]),
    /** Outcomes of the newest that were told so far. */
    outcomesTold: async () => told,
    async embedHere(modelId: string, texts: readonly string[]) {
      const made = await runner.embed({ kind: 'mirror', id: modelId }, texts, NEVER)
      if (!made.ok) throw new Error(made.code)
      return made.value.vectors.map((vector) => [...vector])
    },
  }
}
