/**
 * Whole jobs at the server: names workers for one, with a ticket each, or keeps it in line until somebody is free; and hears
 * from its asker how it goes. It sees counts and states, never a prompt or an answer. The rules are `web/rules/job-*`; this
 * joins them with who is there, the rooms, the mint and the clock.
 */
import type { LinePlace } from '../../web/rules/job-line.ts'
import { hasPlace, type MatchedWorker, type MatchResult, matchJob } from '../../web/rules/job-match.ts'
import { isOpen, type JobEvent, moveJob } from '../../web/rules/job-state.ts'
import type { Roster } from '../../web/rules/roster.ts'
import type { Code } from '../../web/wire/codes.ts'
import type { JobNews, JobWish, JobWord } from '../../web/wire/jobs.ts'
import { JOB_TOLD_MS, JOBS_OPEN_PER_ASKER_MAX, JOBS_QUEUED_MAX } from '../../web/wire/limits/jobs.ts'
import { CONNECT_LATE_MS } from '../../web/wire/limits/links.ts'
import type { PeerId } from '../../web/wire/peers.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import type { RoomId } from '../../web/wire/rooms.ts'
import type { TicketDesk, TicketWish } from '../credits/ticket-desk.ts'
import { type BookedJob, JobBook } from './job-book.ts'
import { JobLines } from './job-lines.ts'
import { JobOffers } from './job-offers.ts'
import type { Rooms } from './rooms.ts'

export interface JobDeskParts {
  readonly roster: Roster
  /** Its socket is open: it may sleep meanwhile. */
  readonly isHere: (peer: PeerId) => boolean
  readonly rooms: Pick<Rooms, 'peersIn'>
  readonly tickets: Pick<TicketDesk, 'issue' | 'affords'>
  readonly nowMs: () => number
  /** To an asker, of a job of its own. */
  readonly tell: (peer: PeerId, word: JobWord) => void
  readonly ended?: (state: 'done' | 'failed' | 'cancelled' | 'expired') => void
}

/** Of a job that comes again: what it costs, and whether it is paid, was looked at when it came first. */
const SAME_AGAIN = [
  'kind',
  'class',
  'modelId',
  'layers',
  'room',
  'promptTokens',
  'maxTokens',
  'activeParameters',
] as const satisfies readonly (keyof JobWish)[]

export class JobDesk {
  readonly #parts: JobDeskParts
  readonly #book = new JobBook()
  readonly #lines = new JobLines()

  constructor(parts: JobDeskParts) {
    this.#parts = parts
  }

  /**
   * The same job again is the same job: its workers while their lease lasts and none of them failed it, its place in the line.
   * Refusals: `room-unknown`, `no-holder`, `filter-empty`, `unreachable`, `no-capacity` (nobody is large enough), `jobs-full`,
   * `job-ended`, `event-invalid`, `not-proven` where it has gone meanwhile; those of the tickets, where they are known before anybody is named.
   */
  async wish(asker: PeerId, wish: JobWish): Promise<Result<JobWord>> {
    if (wish.room !== null && !this.#parts.rooms.peersIn(asker, wish.room)) return fail('room-unknown', '')
    const before = this.#book.find(asker, wish.job)
    if (before) return this.#again(before, wish)
    const affords = await this.#parts.tickets.affords(ticketWishOf(asker, wish))
    if (!affords.ok) return affords
    // It may have gone meanwhile: it is nobody's visitor then, and nobody cancels what it asks for.
    if (!this.#parts.isHere(asker)) return fail('not-proven', '')
    const known = this.#book.find(asker, wish.job)
    // Whoever has no credits for it waits behind those who have.
    return known ? this.#again(known, wish) : this.#first(asker, wish, !affords.value)
  }

  async #first(asker: PeerId, wish: JobWish, unpaid: boolean): Promise<Result<JobWord>> {
    if (this.#book.openOf(asker).length >= JOBS_OPEN_PER_ASKER_MAX) {
      return fail('jobs-full', `A tab has ${JOBS_OPEN_PER_ASKER_MAX} at most.`)
    }
    const offers = this.#look(new Set([wish.modelId]))
    const found = this.#match(asker, wish, offers)
    if (found.ok) return ok(await this.#lease(this.#book.add(asker, wish, this.#parts.nowMs(), unpaid), found.workers))
    if (!found.waits) return fail(found.refusal, '')
    if (this.#lines.size >= JOBS_QUEUED_MAX) return fail('jobs-full', `${JOBS_QUEUED_MAX} wait there.`)
    const job = this.#book.add(asker, wish, this.#parts.nowMs(), unpaid)
    this.#lines.add(job)
    return ok(this.#placeOf(job, offers))
  }

  /** Of the teller's own job. Refusals: `job-unknown`, `job-ended`, `event-invalid`. */
  news(asker: PeerId, news: JobNews): Result<null> {
    const job = this.#book.find(asker, news.job)
    if (!job) return fail('job-unknown', '')
    const { state } = job.facts
    if (!isOpen(state)) return state === news.state ? ok(null) : fail('job-ended', `It is ${state}.`)
    // Who was never named has no place that could be taken from it.
    if (news.worker !== null && !job.named.has(news.worker))
      return fail('event-invalid', 'It was not given to this peer.')
    const { tokens, code } = news
    const atMs = this.#parts.nowMs()
    const before = job.facts
    if (news.state === 'running') this.#move(job, { on: 'progress', tokens, atMs })
    else if (news.state === 'done') this.#move(job, { on: 'done', tokens })
    else
      this.#move(job, { on: news.state, tokens, code: code ?? (news.state === 'failed' ? 'peer-refused' : 'aborted') })
    if (job.facts === before && before.leases === 0) return fail('event-invalid', 'It was given to nobody yet.')
    if (news.worker !== null && news.worker !== job.worker && isOpen(job.facts.state)) {
      job.worker = news.worker
      this.#book.promise(job, news.worker)
    }
    this.#serve(new Set([job.wish.modelId]))
    return ok(null)
  }

  /** Tokens of prompt and answer of the jobs in line, by model: of those who ask within this room, or anyone. */
  waiting(room: RoomId | null): ReadonlyMap<string, number> {
    const tokens = new Map<string, number>()
    if (this.#lines.size === 0) return tokens
    for (const { facts, wish } of this.#book.open()) {
      if (facts.state !== 'queued' || wish.room !== room) continue
      const { modelId, promptTokens, maxTokens } = wish
      tokens.set(modelId, (tokens.get(modelId) ?? 0) + promptTokens + maxTokens)
    }
    return tokens
  }

  /** For the operator to look at. */
  open(): readonly BookedJob[] {
    return this.#book.open()
  }

  /** Open ones, by their state. */
  counts(): Readonly<Record<'queued' | 'leased' | 'running', number>> {
    const counts = { queued: 0, leased: 0, running: 0 }
    for (const { facts } of this.#book.open()) if (isCounted(facts.state, counts)) counts[facts.state] += 1
    return counts
  }

  /** A peer has said how things are with it: what was promised there is in its own count by now. */
  heard(worker: PeerId): void {
    const offers = this.#parts.roster.peer(worker)?.presence?.offers ?? []
    for (const job of this.#book.promisedOf(worker)) {
      const late = this.#parts.nowMs() - job.leasedMs >= CONNECT_LATE_MS
      if (late || job.facts.state === 'running') this.#book.promise(job, null)
    }
    const promised = this.#book.promisedOf(worker).length
    const free = offers.filter(({ held, parallel }) => hasPlace({ held: held + promised, parallel }))
    this.#serve(new Set(free.map(({ modelId }) => modelId)))
  }

  /** As `heard`, of those with a place promised whose presence comes only when it changes. */
  stillHere(isTold: (worker: PeerId) => boolean): void {
    for (const worker of this.#book.promisedWorkers()) if (isTold(worker)) this.heard(worker)
  }

  /** Its lease has ended, or it left. What others compute for it may go on; what waits does not. */
  gone(asker: PeerId): void {
    for (const job of this.#book.openOf(asker)) {
      if (job.facts.state === 'queued') this.#cancelGone(job)
    }
  }

  /** What nothing was heard of goes on in line or ends, and who waits is told of what changed. */
  sweep(): void {
    const nowMs = this.#parts.nowMs()
    for (const job of this.#book.open()) {
      if (nowMs < (job.facts.untilMs ?? 0)) continue
      if (!this.#parts.roster.peer(job.asker)) this.#cancelGone(job)
      else this.#move(job, { on: 'lapse', atMs: nowMs })
      if (job.facts.state === 'expired') this.#parts.tell(job.asker, endOf(job))
    }
    this.#serveAll()
    this.#tellPlaces()
    this.#book.sweep(nowMs)
  }

  async #again(job: BookedJob, wish: JobWish): Promise<Result<JobWord>> {
    const { facts, wish: before } = job
    if (!isOpen(facts.state)) return fail('job-ended', `It is ${facts.state}.`)
    const same = SAME_AGAIN.every((field) => before[field] === wish[field])
    if (!same) return fail('event-invalid', 'It is another job of the same id.')
    job.wish = wish
    if (facts.state === 'queued') {
      this.#serve(new Set([wish.modelId]))
      return ok((await job.word) ?? this.#placeOf(job))
    }
    if (job.word && !job.lastNamed.some((peer) => wish.avoid.includes(peer))) return ok(await job.word)
    this.#book.promise(job, null)
    const found = this.#match(job.asker, wish)
    if (found.ok) return ok(await this.#lease(job, found.workers))
    if (!found.waits) return fail(found.refusal, '')
    this.#move(job, { on: 'return', lease: facts.leases, atMs: this.#parts.nowMs() })
    return ok(this.#placeOf(job))
  }

  #match(asker: PeerId, wish: JobWish, offers = this.#look(new Set([wish.modelId]))): MatchResult {
    return matchJob(offers.of(wish.modelId, wish.room), offers.question(asker, wish))
  }

  #look(models: ReadonlySet<string>): JobOffers {
    const { roster, rooms, nowMs } = this.#parts
    return new JobOffers({ roster, rooms, book: this.#book, nowMs }, models)
  }

  /** The places are taken at once, the tickets come later: wishes of one instant do not all go to one worker. */
  #lease(job: BookedJob, workers: readonly MatchedWorker[]): Promise<JobWord> {
    const atMs = this.#parts.nowMs()
    this.#move(job, { on: 'lease', lease: job.facts.leases + 1, atMs })
    if (job.facts.state !== 'leased') return Promise.resolve(endOf(job))
    job.lastNamed = workers.map(({ offer }) => offer.peer)
    for (const peer of job.lastNamed) job.named.add(peer)
    job.leasedMs = atMs
    job.worker = job.lastNamed[0] ?? null
    this.#book.promise(job, job.worker)
    job.word = this.#ticketed(job, workers)
    return job.word
  }

  async #ticketed(job: BookedJob, workers: readonly MatchedWorker[]): Promise<JobWord> {
    const { asker, wish } = job
    const lease = job.facts.leases
    const about = ticketWishOf(asker, wish)
    const span = { first: 0, last: wish.layers }
    const places = workers.map(({ offer: { peer, positions } }) => {
      return { worker: peer, span, positions: Math.min(positions, about.tokens) }
    })
    const issued = await this.#parts.tickets.issue(about, places)
    if (!issued.ok) return this.#refuse(job, lease, issued.code)
    const tickets = issued.value
    const named = workers.map(({ offer: { peer, engine }, score }, index) => {
      const { ticket = '', positions = 0 } = tickets[index] ?? {}
      return { peer, engine, ticket, positions, score }
    })
    return { job: wish.job, state: 'leased', workers: named }
  }

  /** Nobody works for it: what was promised to it is free again. */
  #refuse(job: BookedJob, lease: number, code: Code): JobWord {
    if (job.facts.leases === lease) {
      this.#move(job, { on: 'failed', tokens: job.facts.tokens, code })
      this.#book.promise(job, null)
      this.#serve(new Set([job.wish.modelId]))
    }
    return { job: job.wish.job, state: 'failed', code }
  }

  /** Also where a place was free all along: who waits for it may have slept, or come into its room. */
  #serveAll(): void {
    const { models } = this.#lines
    if (models.size === 0) return
    const offers = this.#look(models)
    this.#serve(new Set([...models].filter((modelId) => offers.hasPlace(modelId))))
  }

  /** Whoever is first in line and fits goes, again and again, while a place is free. */
  #serve(models: ReadonlySet<string>): void {
    for (const modelId of models) {
      while (this.#serveOne(modelId)) {}
    }
  }

  #serveOne(modelId: string): boolean {
    if (!this.#lines.has(modelId)) return false
    const offers = this.#look(new Set([modelId]))
    if (!offers.hasPlace(modelId)) return false
    const matchOf = (key: string) => {
      const job = this.#book.at(key)
      if (!job || !this.#parts.roster.peer(job.asker) || !offers.hasPlaceFor(job.wish)) return null
      const match = this.#match(job.asker, job.wish, offers)
      return match.ok ? { job, workers: match.workers } : null
    }
    const next = this.#lines.take(modelId, (key) => matchOf(key) !== null)
    const match = next === null ? null : matchOf(next)
    if (!match) return false
    const { job, workers } = match
    const lease = job.facts.leases + 1
    void this.#lease(job, workers).then((word) => {
      // It may have ended, or been leased anew, while the tickets were signed.
      const isNewest = job.facts.state === 'leased' && job.facts.leases === lease
      if (isNewest || word.state !== 'leased') this.#parts.tell(job.asker, word)
    })
    return true
  }

  /** The only way for a job to change: what follows from its state follows here. */
  #move(job: BookedJob, event: JobEvent): void {
    const { state } = job.facts
    this.#book.put(job, moveJob(job.facts, event), this.#parts.nowMs())
    if (job.facts.state === state) return
    this.#count(job)
    if (job.facts.state === 'queued') {
      this.#book.promise(job, null)
      job.word = null
      this.#lines.add(job)
    } else {
      this.#lines.remove(job)
      job.told = null
    }
  }

  #count({ facts: { state } }: BookedJob): void {
    if (state !== 'queued' && state !== 'leased' && state !== 'running') this.#parts.ended?.(state)
  }

  #cancelGone(job: BookedJob): void {
    this.#move(job, { on: 'cancelled', tokens: job.facts.tokens, code: 'signal-away' })
  }

  /** Said in answer; counts as told. */
  #placeOf(job: BookedJob, offers = this.#look(new Set([job.wish.modelId]))): JobWord {
    if (!isOpen(job.facts.state)) return endOf(job)
    const places = this.#lines.places(job.wish.modelId, (key) => (key === job.key ? offers.capacity(job) : null))
    return this.#placed(job, places.find((place) => place.job.key === job.key) ?? { ahead: 0, waitMs: null })
  }

  /** Once in a while at most, and only what has changed. */
  #tellPlaces(): void {
    const { models } = this.#lines
    if (models.size === 0) return
    const nowMs = this.#parts.nowMs()
    const offers = this.#look(models)
    const capacityFor = (key: string) => {
      const job = this.#book.at(key)
      return job && offers.capacity(job)
    }
    for (const place of [...models].flatMap((modelId) => this.#lines.places(modelId, capacityFor))) {
      const job = this.#book.at(place.job.key)
      const told = job?.told
      if (!job || (told?.ahead === place.ahead && told.isOffered === (place.waitMs !== null))) continue
      if (told && nowMs - told.atMs < JOB_TOLD_MS) continue
      this.#parts.tell(job.asker, this.#placed(job, place))
    }
  }

  #placed(job: BookedJob, { ahead, waitMs }: Pick<LinePlace, 'ahead' | 'waitMs'>): JobWord {
    job.told = { ahead, isOffered: waitMs !== null, atMs: this.#parts.nowMs() }
    return { job: job.wish.job, state: 'queued', ahead: Math.min(ahead, JOBS_QUEUED_MAX), waitMs }
  }
}

function isCounted<T extends object>(state: string, counts: T): state is Extract<keyof T, string> {
  return Object.hasOwn(counts, state)
}

function endOf({ wish, facts }: BookedJob): JobWord {
  const state =
    facts.state === 'done' || facts.state === 'failed' || facts.state === 'cancelled' ? facts.state : 'expired'
  return { job: wish.job, state, code: facts.code }
}

function ticketWishOf(asker: PeerId, wish: JobWish): TicketWish {
  const { job: request, kind, modelId, layers, room, promptTokens, maxTokens, activeParameters = null } = wish
  const tokens = promptTokens + maxTokens
  return { request, asker, modelId, layers, room, job: kind, tokens, outputTokens: maxTokens, activeParameters }
}
