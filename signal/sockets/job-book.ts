/**
 * All jobs that the server knows, each under the asker it belongs to: whoever asks for another tab's job by its id finds
 * nothing, and a job of the same id is another one. Keeps ended ones for a while, and what each worker was promised. Decides
 * nothing.
 */
import { isOpen, type JobFacts, newJob } from '../../web/rules/job-state.ts'
import type { JobId, JobWish, JobWord } from '../../web/wire/jobs.ts'
import { JOB_REMEMBERED_MS, JOBS_REMEMBERED_MAX } from '../../web/wire/limits/jobs.ts'
import type { PeerId } from '../../web/wire/peers.ts'

export interface BookedJob {
  readonly key: string
  readonly asker: PeerId
  wish: JobWish
  /** Its asker had not enough credits for it when it came. */
  readonly unpaid: boolean
  readonly madeMs: number
  facts: JobFacts
  /** Who was named for it, in any lease: nobody else can be said to work on it. */
  readonly named: Set<PeerId>
  /** Of the last lease: who was named, or why nobody may be. */
  word: Promise<JobWord> | null
  lastNamed: readonly PeerId[]
  leasedMs: number
  /** Who has it: the best of those named, until its asker says whom it took. */
  worker: PeerId | null
  /** At whom a place is kept for it, until that worker's own count has it. */
  promised: PeerId | null
  /** What its asker was last told of its place in the line. */
  told: { readonly ahead: number; readonly isOffered: boolean; readonly atMs: number } | null
}

export class JobBook {
  readonly #jobs = new Map<string, BookedJob>()
  readonly #openOf = new Map<PeerId, Map<string, BookedJob>>()
  readonly #promised = new Map<PeerId, Set<BookedJob>>()
  /** Oldest first. */
  readonly #ended = new Map<string, number>()

  find(asker: PeerId, job: JobId): BookedJob | null {
    return this.#jobs.get(`${asker} ${job}`) ?? null
  }

  at(key: string): BookedJob | null {
    return this.#jobs.get(key) ?? null
  }

  openOf(asker: PeerId): readonly BookedJob[] {
    return [...(this.#openOf.get(asker)?.values() ?? [])]
  }

  open(): readonly BookedJob[] {
    return [...this.#openOf.values()].flatMap((jobs) => [...jobs.values()])
  }

  add(asker: PeerId, wish: JobWish, nowMs: number, unpaid = false): BookedJob {
    const key = `${asker} ${wish.job}`
    const facts = newJob(nowMs)
    const unleased = { named: new Set<PeerId>(), word: null, lastNamed: [], leasedMs: 0, worker: null, promised: null }
    const job: BookedJob = { key, asker, wish, unpaid, madeMs: nowMs, facts, ...unleased, told: null }
    this.#jobs.set(key, job)
    this.#openOf.set(asker, (this.#openOf.get(asker) ?? new Map<string, BookedJob>()).set(key, job))
    return job
  }

  /** Also lets go of what an ended one has. */
  put(job: BookedJob, facts: JobFacts, nowMs: number): void {
    const wasOpen = isOpen(job.facts.state)
    job.facts = facts
    if (!wasOpen || isOpen(facts.state)) return
    this.promise(job, null)
    job.word = null
    job.named.clear()
    const open = this.#openOf.get(job.asker)
    open?.delete(job.key)
    if (open?.size === 0) this.#openOf.delete(job.asker)
    this.#ended.set(job.key, nowMs)
    this.sweep(nowMs)
  }

  /** A place at this worker, or at none. */
  promise(job: BookedJob, worker: PeerId | null): void {
    if (job.promised === worker) return
    if (job.promised !== null) {
      const before = this.#promised.get(job.promised)
      before?.delete(job)
      if (before?.size === 0) this.#promised.delete(job.promised)
    }
    job.promised = worker
    if (worker !== null) this.#promised.set(worker, (this.#promised.get(worker) ?? new Set<BookedJob>()).add(job))
  }

  promisedWorkers(): readonly PeerId[] {
    return [...this.#promised.keys()]
  }

  promisedOf(worker: PeerId): readonly BookedJob[] {
    return [...(this.#promised.get(worker) ?? [])]
  }

  /** Forgets what ended long ago. */
  sweep(nowMs: number): void {
    for (const [key, atMs] of this.#ended) {
      if (this.#ended.size <= JOBS_REMEMBERED_MAX && nowMs - atMs < JOB_REMEMBERED_MS) return
      this.#ended.delete(key)
      this.#jobs.delete(key)
    }
  }
}
