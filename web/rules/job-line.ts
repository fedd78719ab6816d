/**
 * The line of jobs that wait for workers of one model. Pure.
 *
 * Fair by tokens: an asker pays for each job with the tokens that it asks for, prompt and answer, and the one that paid
 * least since the line was last empty is next; who comes later starts where the line is and gets nothing for its absence.
 * Interactive jobs go first, but of `JOB_BATCH_TURNS` turns one is a batch job's where one waits: behind k others of its
 * class a batch job waits `JOB_BATCH_TURNS` * (k + 1) turns at most. In the same way those that nobody pays for go behind all
 * others.
 */
import { JOB_CLASSES, JOB_MS_MAX, type JobClass } from '../wire/jobs.ts'
import { JOB_BATCH_TURNS, JOBS_REMEMBERED_MAX } from '../wire/limits/jobs.ts'

export interface LineJob {
  /** Of this asker's job among all. */
  readonly key: string
  readonly asker: string
  readonly class: JobClass
  /** Of prompt and answer. */
  readonly tokens: number
  /** Nobody pays for it, though somebody could. */
  readonly unpaid?: boolean
}

/** What those can do together who offer the model to one asker. */
export interface LineCapacity {
  readonly tokensPerSecond: number
  readonly held: number
  readonly heldTokens: number
}

export interface LinePlace {
  readonly job: LineJob
  readonly ahead: number
  /** Null while nobody offers the model. */
  readonly waitMs: number | null
}

/** One class of it. */
class ClassLine {
  readonly #jobs = new Map<string, LineJob>()
  /** What each asker has paid, newest payer last. */
  readonly #paid = new Map<string, number>()
  /** What the one that went last had paid before it. */
  #level = 0

  has(key: string): boolean {
    return this.#jobs.has(key)
  }

  get size(): number {
    return this.#jobs.size
  }

  add(job: LineJob): void {
    this.#jobs.set(job.key, job)
  }

  remove(key: string): void {
    this.#jobs.delete(key)
  }

  take(key: string): void {
    const job = this.#jobs.get(key)
    if (!job) return
    this.#jobs.delete(key)
    const paid = this.#paidBy(job.asker)
    this.#level = Math.max(this.#level, paid)
    this.#paid.delete(job.asker)
    this.#paid.set(job.asker, paid + costOf(job))
    const [oldest] = this.#paid.keys()
    if (oldest !== undefined && this.#paid.size > JOBS_REMEMBERED_MAX) this.#paid.delete(oldest)
  }

  forget(): void {
    this.#paid.clear()
    this.#level = 0
  }

  /** As they would go one after the other. */
  order(): readonly LineJob[] {
    const next = new Map<string, number>()
    const placed = [...this.#jobs.values()].map((job, at) => {
      const start = next.get(job.asker) ?? this.#paidBy(job.asker)
      next.set(job.asker, start + costOf(job))
      return { job, start, at }
    })
    return placed.sort((a, b) => a.start - b.start || a.at - b.at).map(({ job }) => job)
  }

  #paidBy(asker: string): number {
    return Math.max(this.#level, this.#paid.get(asker) ?? 0)
  }
}

/** Of those that are paid or free, or of those that nobody pays for. */
class ClassedLine {
  readonly #classes: Readonly<Record<JobClass, ClassLine>> = { interactive: new ClassLine(), batch: new ClassLine() }
  /** Interactive jobs that went while a batch job waited, since the last of those. */
  #passed = 0

  get size(): number {
    return JOB_CLASSES.reduce((sum, name) => sum + this.#classes[name].size, 0)
  }

  has(key: string): boolean {
    return JOB_CLASSES.some((name) => this.#classes[name].has(key))
  }

  /** A job that is in it keeps its place. */
  add(job: LineJob): void {
    if (!this.has(job.key)) this.#classes[job.class].add(job)
  }

  /** It pays nothing. */
  remove(key: string): void {
    for (const name of JOB_CLASSES) this.#classes[name].remove(key)
    this.#rest()
  }

  /** The first for whom there is something, taken out; null where there is nothing for anyone. */
  take(fits: (job: LineJob) => boolean): LineJob | null {
    const job = this.order().find(fits)
    if (!job) return null
    const { batch } = this.#classes
    this.#classes[job.class].take(job.key)
    this.#passed = job.class === 'batch' || batch.size === 0 ? 0 : this.#passed + 1
    this.#rest()
    return job
  }

  order(): readonly LineJob[] {
    return merged(this.#classes.interactive.order(), this.#classes.batch.order(), this.#passed)
  }

  /** Where nobody waits nobody is behind. */
  #rest(): void {
    if (this.size > 0) return
    for (const name of JOB_CLASSES) this.#classes[name].forget()
    this.#passed = 0
  }
}

export class JobLine {
  readonly #paid = new ClassedLine()
  readonly #unpaid = new ClassedLine()
  /** Others that went while one waited that nobody pays for. */
  #passed = 0

  get size(): number {
    return this.#paid.size + this.#unpaid.size
  }

  has(key: string): boolean {
    return this.#paid.has(key) || this.#unpaid.has(key)
  }

  /** A job that is in it keeps its place. */
  add(job: LineJob): void {
    if (!this.has(job.key)) this.#tierOf(job).add(job)
  }

  /** It pays nothing. */
  remove(key: string): void {
    this.#paid.remove(key)
    this.#unpaid.remove(key)
    if (this.size === 0) this.#passed = 0
  }

  /** The first for whom there is something, taken out; null where there is nothing for anyone. */
  take(fits: (job: LineJob) => boolean): LineJob | null {
    const job = this.order().find(fits)
    if (!job) return null
    this.#tierOf(job).take(({ key }) => key === job.key)
    this.#passed = job.unpaid || this.#unpaid.size === 0 ? 0 : this.#passed + 1
    return job
  }

  order(): readonly LineJob[] {
    return merged(this.#paid.order(), this.#unpaid.order(), this.#passed)
  }

  /**
   * Where each stands. The estimate: a place is free once a job of those being answered ends, on average; then all tokens
   * before it, at the speed of all workers together.
   */
  places(capacityFor: (job: LineJob) => LineCapacity | null): readonly LinePlace[] {
    let before = 0
    return this.order().map((job, ahead) => {
      const capacity = capacityFor(job)
      const waitMs = capacity && waitOf(capacity, before)
      before += costOf(job)
      return { job, ahead, waitMs }
    })
  }

  #tierOf({ unpaid = false }: LineJob): ClassedLine {
    return unpaid ? this.#unpaid : this.#paid
  }
}

/** One line of two: of `JOB_BATCH_TURNS` turns one is the second's. `passed`: turns of the first while somebody waits in the second. */
function merged(first: readonly LineJob[], second: readonly LineJob[], passed: number): readonly LineJob[] {
  const line: LineJob[] = []
  let [nextFirst, nextSecond] = [0, 0]
  while (line.length < first.length + second.length) {
    const [one, other] = [first[nextFirst], second[nextSecond]]
    const turn = other && (!one || passed >= JOB_BATCH_TURNS - 1) ? other : one
    if (!turn) break
    if (turn === other) nextSecond += 1
    else nextFirst += 1
    passed = turn === other || nextSecond === second.length ? 0 : passed + 1
    line.push(turn)
  }
  return line
}

function waitOf({ tokensPerSecond, held, heldTokens }: LineCapacity, before: number): number {
  const tokens = heldTokens / Math.max(1, held) + before
  return tokens === 0 ? 0 : Math.min(JOB_MS_MAX, (tokens * 1_000) / tokensPerSecond)
}

/** Nothing is for nothing: a line of empty jobs has an order too. */
function costOf({ tokens }: LineJob): number {
  return Math.max(1, tokens)
}
