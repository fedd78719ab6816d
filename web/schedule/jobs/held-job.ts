/**
 * One job at its worker: waits for its request, computes when it is told to, and sends what comes as numbered parts, no
 * further ahead of its reader than it may. Decides neither who is let in nor whose turn it is.
 */
import type { Link } from '../../mesh/link.ts'
import { NO_USAGE, type Usage } from '../../wire/chat.ts'
import { type JobEnd, type JobEvent, writeJobEvent } from '../../wire/job-parts.ts'
import type { JobAskerSays } from '../../wire/job-words.ts'
import type { JobOffer } from '../../wire/jobs.ts'
import { JOB_INPUT_BYTES_MAX, JOB_PART_BYTES_MAX, JOB_PARTS_AHEAD_MAX } from '../../wire/limits/jobs.ts'
import { POSITION_MAX } from '../../wire/limits/links.ts'
import { type Failure, fail, ok, type Result } from '../../wire/result.ts'
import type { TicketClaims } from '../../wire/tickets.ts'
import type { ModelSource } from '../engine-door.ts'
import { JobReading } from './job-reading.ts'
import type { JobRunner, JobWork } from './job-work.ts'
import { KINDS } from './kinds.ts'
import type { PaidJob } from './paid-job.ts'
import { bytesOfPart, textOfPart } from './part-bytes.ts'

export type JobOpen = Extract<JobAskerSays, { readonly says: 'job-open' }>

/** A whole model that is ready. The speeds are those known before its first job. */
export interface ServedModel extends Omit<JobOffer, 'held' | 'heldTokens'> {
  readonly source: ModelSource
  readonly layers: number
  /** 0 where they are not known. */
  readonly activeParameters: number
}

/** What earlier tries of a job have come to here. */
export interface JobBefore {
  /** The most that it may still ask for, as `JobWork.left` counts it. */
  readonly left: number
  /** Answer tokens that were made under its ticket. */
  readonly made: number
  /** That were let in with its ticket. */
  readonly tries: number
}

export interface HeldJobParts {
  readonly link: Link
  readonly open: JobOpen
  /** As it was offered when the job came. */
  readonly model: ServedModel
  /** The lesser came first. */
  readonly order: number
  readonly before: JobBefore
  readonly nowMs: () => number
}

/** `asked`: the ticket is looked at. `opened`: its request is on its way. */
type JobState = 'asked' | 'opened' | 'waiting' | 'running' | 'over'

/** Why a job stopped computing. `owner`, `unread`: it goes on from there at its next turn. */
export interface RunEnd {
  readonly why: 'over' | 'owner' | 'unread'
  readonly usage: Usage | null
  /** All that was asked for was computed. */
  readonly well: boolean
  /** Its end is with its reader, who may be slow: the engine is free before. */
  readonly told: Promise<unknown>
}

const TOLD = Promise.resolve()
const OVER: RunEnd = { why: 'over', usage: null, well: false, told: TOLD }

export class HeldJob {
  readonly link: Link
  readonly open: JobOpen
  readonly model: ServedModel
  readonly order: number
  state: JobState = 'asked'
  /** Since when nothing has come that it waits for: its request, or its reader's word. */
  waitsSinceMs: number
  /** What its asker was told last. */
  told = ''
  /** Its turn was last given to the worker's own person. */
  owner = false
  /** Of this try. */
  readonly reading: JobReading
  /** What its ticket says; null until it is let in. */
  claims: TicketClaims | null = null
  #paid: PaidJob | null = null
  #cancelled = false
  #computes = false
  #work: JobWork | null = null
  #part: Uint8Array | null = null
  /** Answer tokens that others had made of it when it came. */
  #begun = 0
  #wake: () => void = () => {}
  readonly #cancel = new AbortController()
  #pause = new AbortController()
  readonly #before: JobBefore
  readonly #nowMs: () => number

  constructor({ link, open, model, order, before, nowMs }: HeldJobParts) {
    this.link = link
    this.open = open
    this.model = model
    this.order = order
    this.#before = before
    this.reading = new JobReading(before.left)
    this.#nowMs = nowMs
    this.waitsSinceMs = nowMs()
  }

  /** As `TurnWish`. */
  get asker(): string {
    return this.link.peer
  }

  get class(): JobOpen['class'] {
    return this.open.class
  }

  get unpaid(): boolean {
    return this.claims?.pay.kind === 'unpaid'
  }

  get tokens(): number {
    return this.#work?.tokensLeft ?? 0
  }

  /** Answer tokens that were made here under its ticket, in all its tries. */
  get made(): number {
    return this.#before.made + (this.#work?.tokens ?? 0) - this.#begun
  }

  /** With its ticket, this one among them. */
  get tries(): number {
    return this.#before.tries + 1
  }

  /** Its reader has not read what was sent, or not signed for it: computing on would help nobody. */
  get unread(): boolean {
    return this.#isFull || this.#paid?.waits === true
  }

  get #isFull(): boolean {
    return this.reading.unread >= JOB_PARTS_AHEAD_MAX
  }

  /** Its request. It is read once the job is let in. Refusals: `frame-invalid`, `position-mismatch`, `request-invalid`. */
  take(position: number, bytes: Uint8Array): Result<null> {
    if (position !== 0) return fail('position-mismatch', 'A request has one part.')
    if (this.#part || this.#work) return ok(null)
    if (bytes.length !== this.open.inputBytes) {
      return fail('frame-invalid', `The request has ${bytes.length} bytes of ${this.open.inputBytes}.`)
    }
    this.#part = bytes
    return this.state === 'opened' ? this.#parse() : ok(null)
  }

  /** Its ticket is good. `paid`: null where nothing is paid for it. */
  admit(claims: TicketClaims, paid: PaidJob | null): void {
    this.claims = claims
    this.#paid = paid
  }

  /** Refusals: as `take`. */
  letIn(): Result<null> {
    this.state = 'opened'
    return this.#part ? this.#parse() : ok(null)
  }

  /** Parts before this one were read. False where so many were not sent. */
  ack(parts: number): boolean {
    const unread = this.reading.unread
    if (!this.reading.ack(parts)) return false
    if (this.reading.unread < unread) this.goOn()
    return true
  }

  /** Its reader has said something. */
  goOn(): void {
    this.waitsSinceMs = this.#nowMs()
    this.#wake()
  }

  /** Gives its turn away; what it has made is kept. */
  pause(): void {
    this.#pause.abort()
    this.#wake()
  }

  /** The engine stops within the tokens in flight. `cancelled`: by its asker's word. Idempotent. */
  end(cancelled = false): void {
    if (this.state !== 'over') this.#cancelled = cancelled
    this.state = 'over'
    this.#cancel.abort()
    this.#wake()
    // Its engine knows only when it stops what it has read.
    if (!this.#computes) this.#paid?.end(this.#cancelled)
  }

  async run(runner: JobRunner, onBegun: () => void): Promise<RunEnd> {
    this.#computes = true
    const ended = await this.#run(runner, onBegun)
    this.#computes = false
    if (this.#cancel.signal.aborted) this.#paid?.end(this.#cancelled)
    return ended
  }

  async #run(runner: JobRunner, onBegun: () => void): Promise<RunEnd> {
    const work = this.#work
    if (!work) return OVER
    this.state = 'running'
    this.#pause = new AbortController()
    const { signal } = this.#pause
    const either = AbortSignal.any([this.#cancel.signal, signal])
    let begun = false
    for await (const event of work.run(runner, this.model.source, either)) {
      if (!begun) onBegun()
      begun = true
      if (event.kind === 'end') return this.#ended(event, signal)
      // What the engine had in flight is made again by whoever goes on.
      if (either.aborted) continue
      const wrong = this.#whyWrong(event)
      if (wrong) {
        const { code, detail } = wrong
        const told = this.#send({ kind: 'end', reason: 'error', usage: NO_USAGE, code, detail })
        return { ...OVER, told }
      }
      work.take(event)
      if (!(await this.#send(event))) return OVER
      while (this.unread && !either.aborted) await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    return OVER
  }

  #ended(event: JobEnd, paused: AbortSignal): RunEnd {
    const { usage } = event
    this.#paid?.read(usage)
    if (this.#cancel.signal.aborted) return { ...OVER, usage }
    const gaveWay = event.reason === 'abort'
    if (gaveWay && event.code === 'owner-first') return { ...OVER, why: 'owner', usage }
    if (gaveWay && paused.aborted) return { ...OVER, why: 'unread', usage }
    const well = event.reason === 'stop' || event.reason === 'length'
    return { why: 'over', usage, well, told: this.#send(event) }
  }

  /** The ticket is for so many positions, and the prompt is counted only here. */
  #whyWrong(event: JobEvent): Failure | null {
    if (event.kind !== 'prefill') return null
    const { positions } = this.open
    if (event.total > positions) return fail('context-full', `The job was let in for ${positions} tokens.`)
    // What was said of the answer before is read with the prompt.
    const most = this.model.promptTokensMax
    const tooLong = this.open.kind !== 'embedding' && event.total - this.made > most
    return tooLong ? fail('job-too-large', `It takes prompts of ${most} tokens.`) : null
  }

  async #send(event: JobEvent): Promise<boolean> {
    while (this.#isFull && this.state !== 'over') await new Promise<void>((resolve) => (this.#wake = resolve))
    const bytes = bytesOfPart(writeJobEvent(event), JOB_PART_BYTES_MAX)
    if (this.state === 'over' || !bytes.ok || this.reading.sent >= POSITION_MAX) return false
    const { request, epoch } = this.open
    const frame = { type: 'part', request, epoch, position: this.reading.sent, bytes: bytes.value } as const
    this.reading.send(isWhole(event) ? 0 : (this.#work?.left ?? 0))
    this.waitsSinceMs = this.#nowMs()
    this.#paid?.sent(event, bytes.value)
    return (await this.link.send(frame, 'now')).ok
  }

  #parse(): Result<null> {
    const text = textOfPart(this.#part ?? new Uint8Array(), JOB_INPUT_BYTES_MAX)
    this.#part = null
    const work = text.ok ? KINDS[this.open.kind].read(text.value) : text
    if (!work.ok) return work
    const { left, tokens, tokensLeft } = work.value
    const { positions } = this.open
    const allowed = Math.min(positions, this.claims?.outputTokens ?? positions)
    if (tokensLeft > allowed) return fail('request-invalid', `It asks for more than the ${allowed} of its ticket.`)
    if (left > this.#before.left) return fail('request-invalid', 'It asks again for what it has read.')
    if (this.#before.made + tokensLeft > positions) return fail('ticket-invalid', 'It was used up before.')
    const most = this.model.answerTokensMax
    if (tokensLeft > most) return fail('job-too-large', `It gives answers of ${most} tokens.`)
    this.#begun = tokens
    this.#work = work.value
    this.state = 'waiting'
    return ok(null)
  }
}

/** Who has read this has read all of it. */
function isWhole(event: JobEvent): boolean {
  return event.kind === 'end' && (event.reason === 'stop' || event.reason === 'length')
}
