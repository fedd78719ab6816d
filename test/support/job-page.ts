/**
 * Whole jobs in a page of the mesh, for benches and tests: a tab that answers with an engine of a fixed speed or with the real
 * one, one that asks and notes when each piece came, and one that asks with what a driver gives it in place of the server's word.
 */
import type { MeshTab } from '../../web/mesh-tab.ts'
import type { JobStand } from '../../web/schedule/jobs/job-asker.ts'
import type { JobRunner } from '../../web/schedule/jobs/job-work.ts'
import { ChatWork } from '../../web/schedule/jobs/kinds/chat.ts'
import type { ChatRequest } from '../../web/wire/chat.ts'
import type { JobEnd, JobEvent } from '../../web/wire/job-parts.ts'
import type { JobWish, JobWord } from '../../web/wire/jobs.ts'
import type { Result } from '../../web/wire/result.ts'
import { FixedRateRunner } from './fixed-rate-runner.ts'

/** One question. */
export interface JobAsk {
  readonly modelId: string
  readonly layers: number
  readonly content: string
  readonly promptTokens: number
  readonly maxTokens: number
  readonly temperature?: number
  readonly seed?: number
  readonly class?: JobWish['class']
  readonly room?: string | null
  /** Of the model, where the asker pays for it; it needs its first credits before. */
  readonly activeParameters?: number
  /** Stops once it has so many tokens. */
  readonly stopAfter?: number
  /** What the server is taken to have said, of the job that it names. */
  readonly word?: JobWord
}

/** What came of it. All times by the clock of the machine, in ms. */
export interface JobRun {
  readonly askedMs: number
  readonly tokens: readonly number[]
  /** Of each token. */
  readonly atMs: readonly number[]
  readonly text: string
  readonly stands: readonly { readonly atMs: number; readonly stand: JobStand }[]
  /** When another worker was looked for. */
  readonly movedMs: readonly number[]
  readonly end: JobEnd | null
}

/** Long enough for any limit. */
const WORDS = 1_000_000
const nowMs = () => performance.timeOrigin + performance.now()

/** `?jobs=fixed&tokenMs=..&prefillMs=..`: words at that speed; else null. */
export function fixedRate(query: URLSearchParams): FixedRateRunner | null {
  if (query.get('jobs') !== 'fixed') return null
  const rate = { tokenMs: Number(query.get('tokenMs') ?? 10), prefillMs: Number(query.get('prefillMs') ?? 40) }
  return new FixedRateRunner({ later: (ms, run) => void setTimeout(run, ms) }, { ...rate, words: WORDS })
}

export function requestOf(ask: Pick<JobAsk, 'content' | 'maxTokens' | 'temperature' | 'seed'>): ChatRequest {
  const { content, maxTokens, temperature = 0, seed = 1 } = ask
  return {
    messages: [{ role: 'user', content }],
    sampling: { temperature, topK: 40, topP: 0.95, minP: 0, repetitionPenalty: 1.1, seed: BigInt(seed) },
    maxTokens,
    stop: [],
  }
}

export function jobCalls(tab: MeshTab, runner: JobRunner, fixed: FixedRateRunner | null) {
  const runs: Pick<JobRun, 'tokens' | 'stands'>[] = []
  const given = new Map<string, Result<JobWord>>()
  const match = tab.node.server.job.bind(tab.node.server)
  tab.node.server.job = async (wish) => given.get(wish.job) ?? match(wish)

  async function read(events: AsyncIterable<JobEvent>, stop: () => void, stopAfter: number, stands: JobRun['stands']) {
    const askedMs = nowMs()
    const [tokens, atMs, movedMs]: [number[], number[], number[]] = [[], [], []]
    let text = ''
    let end: JobEnd | null = null
    runs.push({ tokens, stands })
    for await (const event of events) {
      if (event.kind === 'notice' && event.code === 'job-moved') movedMs.push(nowMs())
      if (event.kind === 'end') end = event
      if (event.kind !== 'text') continue
      text += event.text
      for (const id of event.tokens ?? []) {
        tokens.push(id)
        atMs.push(nowMs())
      }
      if (tokens.length >= stopAfter) stop()
    }
    return { askedMs, tokens, atMs, text, stands, movedMs, end }
  }

  function run(ask: JobAsk): Promise<JobRun> {
    const { modelId, layers, promptTokens, maxTokens, room = null, stopAfter = Number.POSITIVE_INFINITY, word } = ask
    const { activeParameters } = ask
    const pays = activeParameters === undefined ? {} : { activeParameters }
    const about = { class: ask.class ?? 'interactive', modelId, layers, promptTokens, maxTokens, room, ...pays }
    const stop = new AbortController()
    const stands: { atMs: number; stand: JobStand }[] = []
    const note = (stand: JobStand) => stands.push({ atMs: nowMs(), stand })
    if (word) {
      given.set(word.job, { ok: true, value: word })
      drawNext(word.job)
    }
    const events = tab.jobAsker.ask(new ChatWork(requestOf(ask)), about, stop.signal, note)
    return read(events, () => stop.abort(), stopAfter, stands)
  }

  return {
    /** Answers with the engine of a fixed speed from now on, as if it had these models. */
    async offerFixed(modelIds: readonly string[], layers: number, parallel: number, tokensPerSecond: number) {
      const speeds = { tokensPerSecond, prefillTokensPerSecond: null }
      const offer = {
        layers,
        activeParameters: 0,
        engine: 'stage',
        kinds: ['chat', 'completion'],
        positions: 4_096,
        parallel,
      } as const
      const sizes = { promptTokensMax: 4_096, answerTokensMax: 4_096 }
      tab.jobs.serve(
        modelIds.map((id) => ({ ...offer, ...sizes, ...speeds, modelId: id, source: { kind: 'mirror', id } })),
      )
    },
    runJob: run,
    /** The same without any mesh, by this tab's own engine. */
    async runHere(ask: JobAsk): Promise<JobRun> {
      const stop = new AbortController()
      const events = runner.chat({ kind: 'mirror', id: ask.modelId }, requestOf(ask), stop.signal)
      return read(events, () => stop.abort(), ask.stopAfter ?? Number.POSITIVE_INFINITY, [])
    },
    /** Has so many jobs open at once, one after another, until the time is over; what came of all of them. */
    async keepAsking(ask: JobAsk, atOnce: number, forMs: number): Promise<readonly JobRun[]> {
      const untilMs = nowMs() + forMs
      const all: JobRun[] = []
      const asking = Array.from({ length: atOnce }, async () => {
        while (nowMs() < untilMs) all.push(await run(ask))
      })
      await Promise.all(asking)
      return all
    },
    /** What the server says to this wish. */
    wishJob: (wish: JobWish) => match(wish),
    /** Questions asked so far, and tokens of the newest. */
    jobProgress: async () => ({ runs: runs.length, tokens: runs.at(-1)?.tokens.length ?? 0 }),
    /** Where the newest question stands, as its asker was told last. */
    jobStand: async () => runs.at(-1)?.stands.at(-1)?.stand ?? null,
    /** Who answers the newest question, as its asker was told last. */
    async jobAt() {
      const stand = runs.at(-1)?.stands.findLast((one) => one.stand.state === 'running')?.stand
      return stand?.state === 'running' ? stand.peer : null
    },
    /** Answer tokens that this tab has computed, read by somebody or not. */
    computed: async () => fixed?.computed ?? 0,
  }
}

/** The next id that this tab draws. */
function drawNext(id: string): void {
  const draw = crypto.getRandomValues
  const bytes = Uint8Array.from(id.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
  Object.assign(crypto, {
    getRandomValues(into: Uint8Array) {
      Object.assign(crypto, { getRandomValues: draw.bind(crypto) })
      into.set(bytes)
      return into
    },
  })
}
