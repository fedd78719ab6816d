/**
 * Askers and workers of whole jobs over links in memory, on one clock, with a server that names all workers who are there.
 * A text is asked for, and everything that was shown of it is kept, so that a test sees what was lost or doubled.
 */
import { isPriceOf } from '../../web/rules/receipts.ts'
import type { ServedModel } from '../../web/schedule/jobs/held-job.ts'
import { JobAsker, type JobStand } from '../../web/schedule/jobs/job-asker.ts'
import { JobServer } from '../../web/schedule/jobs/job-server.ts'
import type { JobWork } from '../../web/schedule/jobs/job-work.ts'
import { ChatWork } from '../../web/schedule/jobs/kinds/chat.ts'
import type { ReceiptDesk } from '../../web/schedule/receipts/receipt-desk.ts'
import type { ChatRequest } from '../../web/wire/chat.ts'
import type { JobEnd, JobEvent } from '../../web/wire/job-parts.ts'
import type { JobNews, JobWish, JobWord, JobWorker } from '../../web/wire/jobs.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import type { TicketClaims } from '../../web/wire/tickets.ts'
import { type FixedRate, FixedRateRunner } from './fixed-rate-runner.ts'
import type { Lies } from './hostile-peer.ts'
import { MemoryMesh, type MeshWish } from './memory-mesh.ts'

export const JOB_MODEL = 'a'.repeat(64)
export const JOB_LAYERS = 4

export interface RigWorker {
  readonly name: string
  readonly server: JobServer
  readonly runner: FixedRateRunner
  readonly engine: FixedRate['engine']
}

export interface Shown {
  text: string
  readonly events: JobEvent[]
  readonly stands: JobStand[]
  end: JobEnd | null
  readonly stop: () => void
}

export class JobRig {
  readonly mesh: MemoryMesh
  readonly workers = new Map<string, RigWorker>()
  readonly news: JobNews[] = []
  readonly wishes: JobWish[] = []
  /** Tickets that a worker lets in, besides those of this rig's server. */
  admit: (worker: string, asker: string, ticket: string) => Result<null> | Promise<Result<null>> = (
    worker,
    asker,
    ticket,
  ) => (ticket === `${worker} for ${asker}` ? ok(null) : fail('ticket-invalid', ''))
  /** What its tickets say, besides what they are for. */
  claims: (claims: TicketClaims) => Partial<TicketClaims> = () => ({})
  /** Of peers that ask or work for credits. */
  readonly desks = new Map<string, ReceiptDesk>()
  ticket: (worker: string, asker: string, wish: JobWish) => string = (worker, asker) => `${worker} for ${asker}`
  /** Which workers the server names, and in what order; null: those who are there, none that is to be avoided. */
  named: readonly string[] | null = null
  /** What the server says instead. */
  match: ((wish: JobWish) => Result<JobWord>) | null = null
  readonly #askers = new Map<string, JobAsker>()
  readonly #listeners = new Map<string, (word: JobWord) => void>()
  #jobs = 0

  constructor(wish: MeshWish = {}) {
    this.mesh = new MemoryMesh(wish)
  }

  worker(name: string, rate: FixedRate = {}, lies: Lies | null = null, parallel = 8): RigWorker {
    const { clock } = this.mesh
    const runner = new FixedRateRunner(clock, rate)
    const server = new JobServer({
      runner,
      nowMs: () => clock.nowMs,
      every: clock.every,
      admit: async (asker, { ticket, request, modelId, layers, kind, positions }, model) => {
        const admitted = await this.admit(name, asker, ticket)
        if (!admitted.ok) return admitted
        const about = { request, asker, worker: name, modelId, span: { first: 0, last: layers }, job: kind, positions }
        const claims = {
          id: ticket,
          part: 0,
          outputTokens: positions,
          pay: { kind: 'own' },
          room: null,
          ...about,
        } as const
        const said = { ...claims, ...this.claims(claims) }
        return isPriceOf(said.pay, model) ? ok(said) : fail('ticket-underpaid', '')
      },
      onChange: () => {},
      ...this.#receipts(name),
    })
    server.serve([servedModel({ engine: rate.engine ?? 'stage', parallel })])
    this.mesh.join(name, null, lies, server, this.desks.get(name))
    const worker = { name, server, runner, engine: rate.engine ?? 'stage' }
    this.workers.set(name, worker)
    return worker
  }

  asker(name: string, lies: Lies | null = null): JobAsker {
    const { clock } = this.mesh
    const { exchange } = this.mesh.join(name, null, lies, null, this.desks.get(name))
    const asker = new JobAsker({
      match: async (wish) => {
        this.wishes.push(wish)
        return this.match?.(wish) ?? this.#match(name, wish)
      },
      onWord: (job, listener) => {
        this.#listeners.set(job, listener)
        return () => this.#listeners.delete(job)
      },
      connect: (peer) => this.mesh.connect(name, peer),
      clock: { nowMs: () => clock.nowMs, every: clock.every },
      chance: () => 0.5,
      exchange,
      tell: (news) => this.news.push(news),
      ...this.#receipts(name),
      randomId: () => {
        this.#jobs += 1
        return this.#jobs.toString(16).padStart(32, '0')
      },
    })
    this.#askers.set(name, asker)
    return asker
  }

  /** The server says something of a job later. */
  say(word: JobWord): void {
    this.#listeners.get(word.job)?.(word)
  }

  /** `readMs`: how long the reader takes over each event. `onText`: after each. */
  ask(
    name: string,
    {
      work = new ChatWork(chatOf()),
      maxTokens = 200,
      readMs = 0,
      batch = false,
      pays = false,
      onEvent = () => {},
    }: {
      work?: JobWork
      maxTokens?: number
      readMs?: number
      batch?: boolean
      pays?: boolean
      onEvent?: (event: JobEvent) => void
    } = {},
  ): Shown {
    const stop = new AbortController()
    const shown: Shown = { text: '', events: [], stands: [], end: null, stop: () => stop.abort() }
    const asker = this.#askers.get(name)
    const about = { class: batch ? 'batch' : 'interactive', modelId: JOB_MODEL, layers: JOB_LAYERS } as const
    const wish = { ...about, promptTokens: 8, maxTokens, room: null, ...(pays ? { activeParameters: 1e9 } : {}) }
    void (async () => {
      for await (const event of asker?.ask(work, wish, stop.signal, (stand) => shown.stands.push(stand)) ?? []) {
        shown.events.push(event)
        if (event.kind === 'text') shown.text += event.text
        onEvent(event)
        if (readMs > 0) await new Promise<void>((resolve) => this.mesh.clock.later(readMs, resolve))
        if (event.kind === 'end') shown.end = event
      }
    })()
    return shown
  }

  /** Until all of them have ended; false where that never comes. */
  ended(...all: readonly Shown[]): Promise<boolean> {
    return this.mesh.clock.until(() => all.every(({ end }) => end !== null), this.mesh.clock.nowMs + 600_000)
  }

  #receipts(name: string): { readonly receipts?: ReceiptDesk } {
    const receipts = this.desks.get(name)
    return receipts ? { receipts } : {}
  }

  #match(asker: string, wish: JobWish): Result<JobWord> {
    const { job, avoid, promptTokens, maxTokens } = wish
    const there = [...this.workers.keys()].filter((name) => this.mesh.has(name))
    const able = (this.named ?? there).filter((name) => !avoid.includes(name))
    if (able.length === 0) return fail('no-capacity', '')
    const workers = able.slice(0, 3).map(
      (peer): JobWorker => ({
        peer,
        engine: this.workers.get(peer)?.engine ?? 'stage',
        ticket: this.ticket(peer, asker, wish),
        positions: promptTokens + maxTokens,
        score: { queueMs: 0, prefillMs: 40, decodeMs: 400, roundTripMs: 10 },
      }),
    )
    return ok({ job, state: 'leased', workers })
  }
}

/** As a worker of the rig offers it. */
export function servedModel(more: Partial<ServedModel> = {}): ServedModel {
  return {
    modelId: JOB_MODEL,
    layers: JOB_LAYERS,
    activeParameters: 0,
    source: { kind: 'mirror', id: JOB_MODEL },
    engine: 'stage',
    kinds: ['chat', 'completion', 'embedding'],
    positions: 4_096,
    promptTokensMax: 4_096,
    answerTokensMax: 4_096,
    tokensPerSecond: null,
    prefillTokensPerSecond: null,
    parallel: 8,
    ...more,
  }
}

export function chatOf(maxTokens = 200): ChatRequest {
  return {
    messages: [{ role: 'user', content: 'Count aloud.' }],
    sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n },
    maxTokens,
    stop: [],
  }
}
