/**
 * Does whole jobs for other tabs: lets in what has a ticket and room, gives each its turn at the one engine, and tells
 * askers where they stand. What one job says and sends is `HeldJob`; who the person at this device is, the runner knows.
 */
import type { Link } from '../../mesh/link.ts'
import { tokensAtStart, turnOrder, turnTaken } from '../../rules/job-turns.ts'
import type { Usage } from '../../wire/chat.ts'
import type { JobAskerSays } from '../../wire/job-words.ts'
import type { JobOffer } from '../../wire/jobs.ts'
import { SPEED_TOKENS_MIN } from '../../wire/limits/engine.ts'
import {
  JOB_LEASE_MS,
  JOB_NEWS_MS,
  JOB_PARALLEL_MAX,
  JOB_TRIES_MAX,
  JOB_UNREAD_MS,
  JOBS_PER_ASKER_MAX,
  JOBS_REMEMBERED_MAX,
} from '../../wire/limits/jobs.ts'
import { ALIVE_MS } from '../../wire/limits/mesh.ts'
import type { PartFrame, RequestId } from '../../wire/peer-frame.ts'
import { type Failure, fail, ok, type Result } from '../../wire/result.ts'
import type { TicketClaims } from '../../wire/tickets.ts'
import type { JobDoor } from '../exchange.ts'
import type { ReceiptDesk } from '../receipts/receipt-desk.ts'
import { EarlyParts } from './early-parts.ts'
import { EndedJobs, isSameUse } from './ended-jobs.ts'
import { HeldJob, type JobOpen, type ServedModel } from './held-job.ts'
import { type JobPace, PacedRunner, type PacedRunnerParts } from './paced-runner.ts'
import { PaidJob } from './paid-job.ts'

export interface JobServerParts extends PacedRunnerParts {
  /** What the ticket says, where it allows this asker exactly this. */
  readonly admit: (asker: string, open: JobOpen, model: ServedModel) => Promise<Result<TicketClaims>>
  /** Not there: nothing is paid for. */
  readonly receipts?: Pick<ReceiptDesk, 'work'>
  /** Jobs came or went, or a speed was measured: `offers` are others now. */
  readonly onChange: () => void
}

/** Since the tab was opened: jobs that ended well, and tokens computed for others, of prompts and of answers. */
export interface JobCounts {
  readonly jobs: number
  readonly tokens: number
}

type Speeds = Pick<JobOffer, 'tokensPerSecond' | 'prefillTokensPerSecond'>

export class JobServer implements JobDoor {
  readonly #parts: JobServerParts
  readonly #runner: PacedRunner
  readonly #jobs = new Map<RequestId, HeldJob>()
  readonly #early = new EarlyParts()
  readonly #ended = new EndedJobs()
  /** Tokens that each asker had lately; the oldest first. */
  readonly #served = new Map<string, number>()
  readonly #speeds = new Map<string, Speeds>()
  readonly #rest: () => void
  #models: readonly ServedModel[] = []
  #running: HeldJob | null = null
  /** Answer tokens that the running job had before its turn. */
  #madeBefore = 0
  #counts: JobCounts = { jobs: 0, tokens: 0 }
  /** What the asker whose job runs, or ran last, had had before it. */
  #newestHad = 0
  /** Interactive jobs in a row, while others waited. */
  #inARow = 0
  #orders = 0
  #beats = 0

  constructor(parts: JobServerParts) {
    this.#parts = parts
    this.#runner = new PacedRunner(parts)
    this.#rest = parts.every(ALIVE_MS, () => this.#beat())
  }

  /** From now on, with these speeds until others are measured. Jobs of other models go on to their ends. */
  serve(models: readonly ServedModel[]): void {
    this.#models = models
    this.#speeds.clear()
    this.#parts.onChange()
  }

  get held(): number {
    return this.#jobs.size
  }

  get counts(): JobCounts {
    const { jobs, tokens } = this.#counts
    return { jobs, tokens: tokens + (this.#running ? this.#running.made - this.#madeBefore : 0) }
  }

  /** From the next token on. */
  pace(pace: JobPace): void {
    this.#runner.pace = pace
  }

  get offers(): readonly JobOffer[] {
    const heldTokens = [...this.#jobs.values()].reduce((sum, { tokens }) => sum + tokens, 0)
    return this.#models.map(({ source: _, layers: __, activeParameters: ___, ...model }) => {
      return { ...model, ...this.#speeds.get(model.modelId), held: this.held, heldTokens }
    })
  }

  /** Tells all askers that this tab is leaving, while it still can. */
  drain(): void {
    for (const link of this.#links()) void link.say({ says: 'draining' })
  }

  /** Offers nothing any more and ends what is open; those who asked go elsewhere. */
  stop(): void {
    this.drain()
    // First, so that the first that is told of it is all that there is to tell.
    this.#models = []
    for (const job of [...this.#jobs.values()]) this.#end(job)
    this.serve([])
  }

  /** For good. */
  close(): void {
    this.stop()
    this.#rest()
  }

  hear(from: Link, message: JobAskerSays): void {
    if (message.says === 'job-open') {
      void this.#open(from, message)
      return
    }
    const job = this.#jobs.get(message.request)
    if (!job && message.says === 'job-ack') {
      const { request, epoch, parts } = message
      this.#ended.ack(from.peer, request, epoch, parts)
    }
    if (!job || job.link !== from || job.open.epoch !== message.epoch) return
    if (message.says === 'job-cancel') this.#end(job, true)
    else if (!job.ack(message.parts)) this.#refuse(job, fail('position-mismatch', 'It has read what was not sent.'))
    else this.#next()
  }

  take(from: Link, part: PartFrame): void {
    const job = this.#jobs.get(part.request)
    if (!job || (job.link === from && part.epoch > job.open.epoch)) this.#early.keep(from.peer, part)
    else if (job.link === from && part.epoch === job.open.epoch) this.#request(job, part)
  }

  gone(peer: string, _reason: Failure): void {
    this.#early.gone(peer)
    for (const job of [...this.#jobs.values()]) if (job.asker === peer) this.#end(job)
  }

  async #open(from: Link, open: JobOpen): Promise<void> {
    const { request, epoch } = open
    const known = this.#jobs.get(request)
    if (known && known.asker !== from.peer) return refuse(from, open, fail('session-exists', 'Somebody has this job.'))
    if (known && epoch < known.open.epoch) return refuse(from, open, fail('epoch-stale', ''))
    if (known?.link === from && epoch === known.open.epoch) return this.#tell(known, true)
    if (known) this.#end(known)
    // The same job of the same asker may come back, for what it has not read, with the ticket that it has used.
    const ended = this.#ended.of(from.peer, request)
    if (ended && (epoch <= ended.open.epoch || ended.reading.left === 0)) {
      return refuse(from, open, fail('job-ended', ''))
    }
    const used = ended && isSameUse(ended.open, open) ? ended : null
    if (used?.tries === JOB_TRIES_MAX) return refuse(from, open, fail('ticket-invalid', 'It was used too often.'))
    // It has its receipt: who comes back has another ticket.
    if (used?.claims?.pay.kind === 'paid') return refuse(from, open, fail('ticket-invalid', 'It was used before.'))
    const model = this.#modelFor(from.peer, open)
    if (!model.ok) return refuse(from, open, model)
    const { admit, nowMs } = this.#parts
    this.#orders += 1
    const { made, tries } = used ?? { made: 0, tries: 0 }
    const before = { left: ended?.reading.left ?? Number.POSITIVE_INFINITY, made, tries }
    const job = new HeldJob({ link: from, open, model: model.value, order: this.#orders, before, nowMs })
    // Its place is taken while its ticket is looked at, so that no more come than there is room for.
    this.#jobs.set(request, job)
    const admitted = used?.claims ? ok(used.claims) : await admit(from.peer, open, model.value)
    if (this.#jobs.get(request) !== job) return
    if (!admitted.ok) {
      this.#jobs.delete(request)
      job.end()
      return refuse(from, open, admitted)
    }
    const paid = this.#paid(job, admitted.value)
    if (!paid.ok) {
      this.#jobs.delete(request)
      return refuse(from, open, paid)
    }
    job.admit(admitted.value, paid.value)
    this.#parts.onChange()
    this.#arrive(job)
    const early = this.#early.take(from.peer, request, epoch)
    const put = early ? job.take(early.position, early.bytes) : ok(null)
    const begun = put.ok ? job.letIn() : put
    if (begun.ok) this.#next()
    else this.#refuse(job, begun)
  }

  #request(job: HeldJob, part: PartFrame): void {
    const taken = job.take(part.position, part.bytes)
    if (!taken.ok) this.#refuse(job, taken)
    else if (job.state === 'waiting') this.#next()
  }

  #modelFor(asker: string, { modelId, layers, kind, positions }: JobOpen): Result<ServedModel> {
    const model = this.#models.find((served) => served.modelId === modelId && served.layers === layers)
    if (!model) return fail('not-loaded', 'This model is not offered.')
    if (!model.kinds.includes(kind)) {
      return fail(kind === 'embedding' ? 'embeddings-unsupported' : 'chat-unsupported', '')
    }
    if (positions > model.positions) return fail('context-full', `It takes ${model.positions} tokens.`)
    const wholeAnswer = kind !== 'embedding' && positions > model.promptTokensMax + model.answerTokensMax
    if (wholeAnswer) return fail('job-too-large', '')
    const own = [...this.#jobs.values()].filter((job) => job.asker === asker).length
    if (own >= JOBS_PER_ASKER_MAX) return fail('requests-full', `It takes ${JOBS_PER_ASKER_MAX}.`)
    const most = Math.min(model.parallel, JOB_PARALLEL_MAX)
    return this.held >= most ? fail('no-capacity', `${this.held} jobs are here.`) : ok(model)
  }

  /** Lets the next compute where nobody does, and tells everybody where they stand. */
  #next(): void {
    const line = this.#line()
    const job = line.find(({ unread }) => !unread)
    if (!this.#running && job) {
      this.#running = job
      void this.#run(job)
    }
    for (const waiting of this.#jobs.values()) if (waiting.state === 'waiting') this.#tell(waiting)
  }

  #line(): readonly HeldJob[] {
    const waiting = [...this.#jobs.values()].filter(({ state }) => state === 'waiting')
    return turnOrder(waiting, { served: this.#served, inARow: this.#inARow })
  }

  async #run(job: HeldJob): Promise<void> {
    const { onChange } = this.#parts
    this.#madeBefore = job.made
    const others = this.#line().filter((waiting) => waiting !== job)
    this.#inARow = turnTaken(this.#inARow, job, others)
    this.#newestHad = this.#served.get(job.asker) ?? 0
    const { why, usage, told, well } = await job.run(this.#runner, () => this.#begun(job))
    this.#running = null
    const tokens = (usage?.prefillTokens ?? 0) + job.made - this.#madeBefore
    const done = why === 'over' && well
    this.#counts = { jobs: this.#counts.jobs + (done ? 1 : 0), tokens: this.#counts.tokens + tokens }
    this.#note(job.asker, (this.#served.get(job.asker) ?? 0) + tokens)
    if (usage) this.#measure(job.model, usage)
    if (job.state !== 'over' && why === 'over') void told.then(() => this.#end(job))
    else if (job.state !== 'over') {
      job.state = 'waiting'
      job.owner = why === 'owner'
      if (job.owner) this.#tell(job)
    }
    onChange()
    this.#next()
  }

  #arrive({ asker }: HeldJob): void {
    const more = [...this.#jobs.values()].filter((job) => job.asker === asker).length > 1
    if (!more) this.#note(asker, tokensAtStart(this.#served.get(asker), this.#newestHad))
  }

  #note(asker: string, tokens: number): void {
    this.#served.delete(asker)
    this.#served.set(asker, tokens)
    const [oldest] = this.#served.keys()
    if (oldest !== undefined && this.#served.size > JOBS_REMEMBERED_MAX) this.#served.delete(oldest)
  }

  #begun(job: HeldJob): void {
    job.owner = false
    job.told = 'begun'
    const { request, epoch } = job.open
    void job.link.say({ says: 'job-begun', request, epoch })
  }

  /** Where it stands, if that is not what it was told last. */
  #tell(job: HeldJob, again = false): void {
    const { request, epoch } = job.open
    if (job.state === 'running' && job.told === 'begun') {
      if (again) void job.link.say({ says: 'job-begun', request, epoch })
      return
    }
    const line = this.#line()
    const before = line.slice(0, Math.max(0, line.indexOf(job)))
    const running = this.#running && this.#running !== job ? [this.#running] : []
    const ahead = before.length + running.length
    // Nobody stands before it and nothing comes: the engine is its owner's.
    const owner = job.owner || this.#running?.owner === true || job.state === 'running'
    const told = `${ahead} ${owner}`
    if (told === job.told && !again) return
    job.told = told
    const speed = (this.#speeds.get(job.open.modelId) ?? job.model).tokensPerSecond
    const tokens = [...running, ...before].reduce((sum, other) => sum + other.tokens, 0)
    const waitMs = speed ? (1000 * tokens) / speed : null
    void job.link.say({ says: 'job-held', request, epoch, ahead, waitMs, owner })
  }

  #measure({ modelId, tokensPerSecond, prefillTokensPerSecond }: ServedModel, usage: Usage): void {
    const known = this.#speeds.get(modelId) ?? { tokensPerSecond, prefillTokensPerSecond }
    const { prefillTokens, firstTokenMs, completionTokens } = usage
    const prefill = prefillTokens >= SPEED_TOKENS_MIN && firstTokenMs ? (1000 * prefillTokens) / firstTokenMs : null
    const decode = completionTokens >= SPEED_TOKENS_MIN ? usage.tokensPerSecond : null
    this.#speeds.set(modelId, {
      tokensPerSecond: decode ?? known.tokensPerSecond,
      prefillTokensPerSecond: prefill ?? known.prefillTokensPerSecond,
    })
  }

  #beat(): void {
    this.#beats += 1
    for (const link of this.#links()) void link.say({ says: 'alive' })
    const nowMs = this.#parts.nowMs()
    const again = this.#beats % Math.round(JOB_NEWS_MS / ALIVE_MS) === 0
    for (const job of [...this.#jobs.values()]) {
      const waitedMs = nowMs - job.waitsSinceMs
      if ((job.state === 'opened' || job.unread) && waitedMs > JOB_LEASE_MS) {
        this.#refuse(job, fail('link-congested', 'Its asker sends or reads nothing.'))
      } else if (job === this.#running && job.unread && waitedMs > JOB_UNREAD_MS && this.#othersWait()) job.pause()
      else if (again && job.state !== 'asked' && job.told !== 'begun') this.#tell(job, true)
    }
    this.#ended.sweep(nowMs)
  }

  #othersWait(): boolean {
    return [...this.#jobs.values()].some(({ state, unread }) => state === 'waiting' && !unread)
  }

  #links(): ReadonlySet<Link> {
    const admitted = [...this.#jobs.values()].filter(({ state }) => state !== 'asked')
    return new Set(admitted.map(({ link }) => link))
  }

  #refuse(job: HeldJob, failure: Failure): void {
    void refuse(job.link, job.open, failure)
    this.#end(job)
  }

  /** Null where nothing is paid for it. */
  #paid(job: HeldJob, claims: TicketClaims): Result<PaidJob | null> {
    if (claims.pay.kind !== 'paid') return ok(null)
    const { salt } = job.open
    if (salt === undefined) return fail('ticket-invalid', 'A paid job has a salt.')
    const part = this.#parts.receipts?.work(claims, job.link) ?? null
    const goOn = () => {
      job.goOn()
      this.#next()
    }
    return ok(part && new PaidJob(part, salt, goOn))
  }

  #end(job: HeldJob, cancelled = false): void {
    const { request } = job.open
    if (this.#jobs.get(request) !== job) return
    this.#jobs.delete(request)
    // A try that was never let in leaves no trace.
    if (job.state !== 'asked') this.#ended.put(job, this.#parts.nowMs())
    job.end(cancelled)
    this.#parts.onChange()
    this.#next()
  }
}

async function refuse(to: Link, { request, epoch }: JobOpen, { code, detail }: Failure): Promise<void> {
  await to.say({ says: 'refused', request, epoch, by: null, code, detail })
}
