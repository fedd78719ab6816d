/**
 * Has a job done by other tabs, one after another if need be: what has been shown is never taken back, shown twice or lost.
 * Keeps the promise of `ChatEngine.chat`: exactly one `end`, always last. Who is asked is `JobWorkers`; one worker is `JobLeg`.
 */
import { type EngineName, NO_USAGE } from '../../wire/chat.ts'
import type { Code } from '../../wire/codes.ts'
import { type JobEnd, type JobEvent, readJobEvent } from '../../wire/job-parts.ts'
import type { JobId, JobNews, JobWorker } from '../../wire/jobs.ts'
import {
  JOB_INPUT_BYTES_MAX,
  JOB_NEWS_MS,
  JOB_PART_BYTES_MAX,
  JOB_QUEUED_MS_MAX,
  JOB_RETRY_MS,
  JOB_RETRY_MS_MAX,
  JOB_TRIES_MAX,
} from '../../wire/limits/jobs.ts'
import type { PeerId } from '../../wire/peers.ts'
import { type Failure, fail, ok, type Result } from '../../wire/result.ts'
import { readTicket } from '../../wire/tickets.ts'
import type { Exchange } from '../exchange.ts'
import { Offenders } from '../offenders.ts'
import { JobLeg } from './job-leg.ts'
import type { JobWork } from './job-work.ts'
import {
  BUSY,
  type JobAbout,
  JobWorkers,
  type JobWorkersParts,
  type LinkedWorker,
  type Queued,
  restFor,
  unless,
} from './job-workers.ts'
import { type AskerDesk, PaidAnswer } from './paid-answer.ts'
import { bytesOfPart, textOfPart } from './part-bytes.ts'

export interface JobAskerParts extends Omit<JobWorkersParts, 'chance'> {
  readonly exchange: Pick<Exchange, 'joinJob'>
  /** Not there: nothing is paid for. */
  readonly receipts?: AskerDesk
  /** To the server: counts only. */
  readonly tell: (news: JobNews) => void
  readonly randomId: () => JobId
  readonly chance?: () => number
}

/** Where a job stands, besides what its events say. */
export type JobStand =
  | Queued
  /** This worker has been sent the request, or is about to be: from here on it can read it. */
  | { readonly state: 'given'; readonly peer: PeerId; readonly engine: EngineName }
  /** At a worker, behind others or behind the person there. */
  | {
      readonly state: 'held'
      readonly peer: PeerId
      readonly ahead: number
      readonly waitMs: number | null
      readonly owner: boolean
    }
  | { readonly state: 'running'; readonly peer: PeerId }

/** The request itself is at fault: it would be with every worker. */
const FINAL: readonly Code[] = [
  'context-full',
  'request-invalid',
  'message-too-large',
  'chat-unsupported',
  'embeddings-unsupported',
  'template-invalid',
]

interface Asked {
  readonly job: JobId
  readonly about: JobAbout
  readonly work: JobWork
  readonly signal: AbortSignal
  readonly onStand: (stand: JobStand) => void
  epoch: number
}

export class JobAsker {
  readonly #parts: JobAskerParts
  readonly #offenders = new Offenders()

  constructor(parts: JobAskerParts) {
    this.#parts = parts
  }

  /** `about.promptTokens + about.maxTokens` is what the worker lets it take, or less where it takes less from anybody. Refusals, in the end: `match`'s at once where nobody was tried; else the last worker's. */
  async *ask(
    work: JobWork,
    about: Omit<JobAbout, 'kind'>,
    signal: AbortSignal,
    onStand: (stand: JobStand) => void = () => {},
  ): AsyncGenerator<JobEvent, void, undefined> {
    const { randomId, chance = Math.random, clock } = this.#parts
    const asked: Asked = { job: randomId(), about: { ...about, kind: work.kind }, work, signal, onStand, epoch: 0 }
    const workers = new JobWorkers({ ...this.#parts, chance }, this.#offenders, asked.job, asked.about)
    let state: JobNews['state'] = 'cancelled'
    let restMs = JOB_RETRY_MS
    let failure = fail('aborted', '')
    let tries = 0
    const busyUntilMs = clock.nowMs() + JOB_QUEUED_MS_MAX
    try {
      for (;;) {
        const found = await workers.next(signal, onStand)
        if (found.ok) {
          const end = yield* this.#leg(asked, found.value)
          if (end.ok) {
            this.#offenders.didWell([found.value.worker.peer])
            state = 'done'
            return yield end.value
          }
          failure = end
          if (!FINAL.includes(end.code)) workers.failed(found.value.worker.peer, end)
        } else failure = found
        if (signal.aborted) return yield endOf(fail('aborted', ''))
        const over = work.over
        if (over) {
          state = 'done'
          return yield { kind: 'end', reason: over, usage: NO_USAGE }
        }
        // Who is only busy has not failed it: it waits for them as long as it would in the server's line.
        const waits = found.ok && BUSY.includes(failure.code) && clock.nowMs() < busyUntilMs
        if (!waits) tries += 1
        if (FINAL.includes(failure.code) || !workers.everNamed || tries === JOB_TRIES_MAX) break
        if (found.ok && !waits) yield { kind: 'notice', code: 'job-moved', detail: failure.detail }
        if (workers.spare) continue
        await unless(
          signal,
          restFor(clock, restMs * (1 + chance() / 2)).then((value) => ({ ok: true, value })),
        )
        restMs = Math.min(2 * restMs, JOB_RETRY_MS_MAX)
      }
      state = 'failed'
      yield endOf(failure)
    } finally {
      workers.close()
      const code = state === 'failed' ? failure.code : null
      this.#parts.tell({ job: asked.job, state, worker: null, tokens: work.tokens, code })
      if (about.activeParameters !== undefined) this.#parts.receipts?.over(asked.job)
    }
  }

  /** At one worker, to its end; or why somebody else has to go on. */
  async *#leg(asked: Asked, { worker, link }: LinkedWorker): AsyncGenerator<JobEvent, Result<JobEnd>, undefined> {
    const { exchange, clock, tell, receipts } = this.#parts
    const { job, about, work, signal, onStand } = asked
    asked.epoch += 1
    onStand({ state: 'given', peer: link.peer, engine: worker.engine })
    const request = bytesOfPart(work.ask(worker.engine === 'stage', mostOf(worker)), JOB_INPUT_BYTES_MAX)
    if (!request.ok) return request
    // Not before: the server would take the worker's next count for one with this job in it, and give its place away.
    let letIn = false
    const news = () => {
      if (letIn) tell({ job, state: 'running', worker: link.peer, tokens: work.tokens, code: null })
    }
    const { kind, modelId, layers } = about
    const paid = receipts ? PaidAnswer.of(receipts, worker.ticket, link) : null
    const leg = new JobLeg({
      link,
      every: clock.every,
      open: {
        says: 'job-open',
        request: job,
        epoch: asked.epoch,
        ticket: worker.ticket,
        modelId,
        layers,
        kind,
        class: about.class,
        positions: worker.positions,
        inputBytes: request.value.length,
        ...(paid ? { salt: paid.salt } : {}),
      },
      onWord(word) {
        if (!letIn) {
          letIn = true
          news()
        }
        if (word.says === 'job-begun') onStand({ state: 'running', peer: link.peer })
        else onStand({ state: 'held', peer: link.peer, ahead: word.ahead, waitMs: word.waitMs, owner: word.owner })
      },
    })
    const leave = exchange.joinJob(job, leg)
    const rest = clock.every(JOB_NEWS_MS, news)
    const stop = () => leg.fail(fail('aborted', ''))
    signal.addEventListener('abort', stop, { once: true })
    let over = false
    try {
      if (signal.aborted) stop()
      else void leg.begin(request.value)
      void link.closed.then((reason) => leg.fail(reason))
      for (;;) {
        const next = await readNext(leg)
        if (!next.ok) return next
        const { event, bytes } = next.value
        if (!work.take(event)) {
          const wrong = fail('frame-invalid', 'It sent more than it was asked for.')
          leg.blame(wrong)
          return wrong
        }
        paid?.take(event, bytes)
        if (event.kind === 'end') {
          over = true
          const { reason, code, detail } = event
          // Nobody here has stopped it.
          const broken = reason === 'abort' || reason === 'error'
          return broken
            ? fail(code && code !== 'aborted' ? code : 'peer-refused', detail ?? '')
            : { ok: true, value: event }
        }
        yield event
        leg.read()
      }
    } finally {
      signal.removeEventListener('abort', stop)
      rest()
      leave()
      leg.close(over, paid?.done() ?? null)
    }
  }
}

/** Of the answer: its ticket may be for less than it has room for. */
function mostOf({ ticket, positions }: JobWorker): number {
  const claims = readTicket(ticket)
  return claims.ok ? Math.min(positions, claims.value.outputTokens) : positions
}

async function readNext(leg: JobLeg): Promise<Result<{ readonly event: JobEvent; readonly bytes: Uint8Array }>> {
  const bytes = await leg.next()
  if (!bytes.ok) return bytes
  const text = textOfPart(bytes.value, JOB_PART_BYTES_MAX)
  const event = text.ok ? readJobEvent(text.value) : text
  if (!event.ok) leg.blame(event)
  return event.ok ? ok({ event: event.value, bytes: bytes.value }) : event
}

function endOf({ code, detail }: Failure): JobEnd {
  return { kind: 'end', reason: code === 'aborted' ? 'abort' : 'error', usage: NO_USAGE, code, detail }
}
