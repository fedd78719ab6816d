/**
 * Who could do a job next: asks the server, waits in its line, links to those it names and takes the nearest in time, with
 * the round trip measured here in place of the server's. Remembers who failed. Opens no job.
 */
import type { Link } from '../../mesh/link.ts'
import type { Code } from '../../wire/codes.ts'
import type { JobClass, JobId, JobKind, JobWish, JobWord, JobWorker } from '../../wire/jobs.ts'
import { JOB_LEASE_MS, JOB_PROBE_MS } from '../../wire/limits/jobs.ts'
import { AVOIDED_MAX, TICKET_SKEW_MS, TICKET_START_MS } from '../../wire/limits/mesh.ts'
import type { PeerId } from '../../wire/peers.ts'
import { type Failure, fail, ok, type Result } from '../../wire/result.ts'
import type { RoomId } from '../../wire/rooms.ts'
import type { Offenders } from '../offenders.ts'
import type { RouteClock } from '../route-parts.ts'

export interface JobWorkersParts {
  readonly match: (wish: JobWish) => Promise<Result<JobWord>>
  /** What the server tells of a job later. Returns how to stop. */
  readonly onWord: (job: JobId, listener: (word: JobWord) => void) => () => void
  /** Within a room: refused where the peer does not belong to it. */
  readonly connect: (peer: PeerId, room: RoomId | null) => Promise<Result<Link>>
  readonly clock: RouteClock
  /** 0 to 1. */
  readonly chance: () => number
}

export interface JobAbout {
  readonly kind: JobKind
  readonly class: JobClass
  readonly modelId: string
  readonly layers: number
  readonly promptTokens: number
  readonly maxTokens: number
  readonly room: RoomId | null
  /** As `JobWish`: what it is to be paid by; nothing is paid without. */
  readonly activeParameters?: number
}

/** In the server's line. */
export type Queued = Omit<Extract<JobWord, { readonly state: 'queued' }>, 'job'>

export interface LinkedWorker {
  readonly worker: JobWorker
  readonly link: Link
}

/** Looks between two of which a round trip may have been measured. */
const PROBE_LOOKS = 6
/** These say nothing of the worker but that it is busy. */
export const BUSY: readonly Code[] = ['no-capacity', 'requests-full', 'queue-full', 'owner-first']
/** Where somebody was left out, these may have been because of it. */
const NOBODY: readonly Code[] = ['no-holder', 'no-capacity', 'unreachable', 'filter-empty']

export class JobWorkers {
  readonly #parts: JobWorkersParts
  readonly #offenders: Offenders
  readonly #job: JobId
  readonly #about: JobAbout
  /** Named by the server and not tried yet. */
  #named: readonly JobWorker[] = []
  #namedMs = 0
  #everNamed = false
  readonly #failed = new Set<PeerId>()
  #words: JobWord[] = []
  #wake: () => void = () => {}
  readonly #deaf: () => void

  constructor(parts: JobWorkersParts, offenders: Offenders, job: JobId, about: JobAbout) {
    this.#parts = parts
    this.#offenders = offenders
    this.#job = job
    this.#about = about
    this.#deaf = parts.onWord(job, (word) => {
      this.#words.push(word)
      this.#wake()
    })
  }

  /** Somebody is left whom the server has named: no need to rest. */
  get spare(): boolean {
    const freshMs = TICKET_START_MS - TICKET_SKEW_MS
    return this.#named.length > 0 && this.#parts.clock.nowMs() - this.#namedMs < freshMs
  }

  /** The server has found somebody for this job at least once: it may again. */
  get everNamed(): boolean {
    return this.#everNamed
  }

  close(): void {
    this.#deaf()
  }

  failed(peer: PeerId, { code }: Failure): void {
    this.#failed.add(peer)
    const { clock, chance } = this.#parts
    if (!BUSY.includes(code)) this.#offenders.offended(peer, clock.nowMs(), chance())
  }

  /** Refusals: those of `match` and of links; `aborted`. */
  async next(signal: AbortSignal, onQueued: (queued: Queued) => void): Promise<Result<LinkedWorker>> {
    if (!this.spare) {
      const named = await this.#ask(signal, onQueued)
      if (!named.ok) return named
      // A server that has not heard of a failure yet names the same again.
      const able = named.value.filter(({ peer }) => !this.#failed.has(peer))
      this.#named = able.length > 0 ? able : named.value
      this.#everNamed = true
      this.#namedMs = this.#parts.clock.nowMs()
    }
    const linked = await this.#link(this.#named, signal)
    if (linked.ok) this.#named = this.#named.filter(({ peer }) => peer !== linked.value.worker.peer)
    else this.#named = []
    return linked
  }

  async #ask(signal: AbortSignal, onQueued: (queued: Queued) => void): Promise<Result<readonly JobWorker[]>> {
    const { match, clock } = this.#parts
    let avoid = [...new Set([...this.#offenders.resting(clock.nowMs()), ...this.#failed])].slice(-AVOIDED_MAX)
    this.#words = []
    for (;;) {
      const word = await unless(signal, match({ job: this.#job, ...this.#about, avoid }))
      if (!word.ok && NOBODY.includes(word.code) && avoid.length > 0) {
        // Who failed a moment ago is better than nobody.
        this.#failed.clear()
        avoid = []
        continue
      }
      if (!word.ok) return word
      // Asked again after a while: who named this job to the server may have lost it, and a word may have been lost.
      const named = await this.#line(word.value, signal, onQueued)
      if (named) return named
    }
  }

  /** Null where nothing was heard for a while. */
  async #line(
    first: JobWord,
    signal: AbortSignal,
    onQueued: (queued: Queued) => void,
  ): Promise<Result<readonly JobWorker[]> | null> {
    const { clock } = this.#parts
    for (let word: JobWord | undefined = first; word; word = this.#words.shift()) {
      if (word.state === 'leased') return ok(word.workers)
      if (word.state !== 'queued') return fail(word.code ?? 'no-capacity', '')
      onQueued({ state: 'queued', ahead: word.ahead, waitMs: word.waitMs })
      if (this.#words.length > 0) continue
      const waited = new Promise<null>((resolve) => {
        const later = () => {
          rest()
          resolve(null)
        }
        const rest = clock.every(JOB_LEASE_MS, later)
        this.#wake = later
      })
      const heard = await unless(signal, waited.then(ok))
      this.#wake()
      if (!heard.ok) return heard
    }
    return null
  }

  /** All at once; the first that is linked waits a moment for who might be nearer. */
  async #link(named: readonly JobWorker[], signal: AbortSignal): Promise<Result<LinkedWorker>> {
    const { connect, clock } = this.#parts
    const linked: LinkedWorker[] = []
    let failure = fail('link-failed', '')
    let left = named.length
    let wake = () => {}
    for (const worker of named) {
      void connect(worker.peer, this.#about.room).then((link) => {
        left -= 1
        if (link.ok) {
          linked.push({ worker, link: link.value })
          if (link.value.roundTripMs === null && named.length > 1) link.value.ping()
        } else {
          failure = link
          this.failed(worker.peer, link)
        }
        wake()
      })
    }
    while (linked.length === 0 && left > 0) {
      const one = await unless(signal, new Promise<null>((resolve) => (wake = () => resolve(null))).then(ok))
      if (!one.ok) return one
    }
    const measured = () => left === 0 && linked.every(({ link }) => link.roundTripMs !== null)
    const single = named.length === 1
    for (let look = 0; look < PROBE_LOOKS && !single && !measured(); look += 1) {
      const rested = await unless(signal, restFor(clock, JOB_PROBE_MS / PROBE_LOOKS).then(ok))
      if (!rested.ok) return rested
    }
    const [best] = linked.sort((a, b) => predictedMs(a) - predictedMs(b))
    return best ? ok(best) : failure
  }
}

/** One shot. */
export function restFor(clock: RouteClock, ms: number): Promise<null> {
  return new Promise((resolve) => {
    const rest = clock.every(ms, () => {
      rest()
      resolve(null)
    })
  })
}

function predictedMs({ worker, link }: LinkedWorker): number {
  const { queueMs, prefillMs, decodeMs, roundTripMs } = worker.score
  // Who has not answered by now is as far as that at least, whatever was said of it.
  return queueMs + prefillMs + decodeMs + (link.roundTripMs ?? Math.max(roundTripMs, JOB_PROBE_MS))
}

/** What a promise comes to, or `aborted` as soon as nobody wants it. */
export function unless<T>(signal: AbortSignal, work: Promise<Result<T>>): Promise<Result<T>> {
  if (signal.aborted) return Promise.resolve(fail('aborted', ''))
  return new Promise((resolve) => {
    const stop = () => resolve(fail('aborted', ''))
    signal.addEventListener('abort', stop, { once: true })
    void work.then((result) => {
      signal.removeEventListener('abort', stop)
      resolve(result)
    })
  })
}
