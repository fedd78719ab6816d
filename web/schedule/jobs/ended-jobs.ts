/**
 * Tries of jobs that are over at this worker, for as long as somebody may come back for one: with what was made under its
 * ticket and what was read, so that nothing is done twice that is paid for once. Decides nobody's turn.
 */
import { JOB_REMEMBERED_MS, JOBS_REMEMBERED_MAX } from '../../wire/limits/jobs.ts'
import type { RequestId } from '../../wire/peer-frame.ts'
import type { TicketClaims } from '../../wire/tickets.ts'
import type { HeldJob, JobOpen } from './held-job.ts'
import type { JobReading } from './job-reading.ts'

interface Ended {
  readonly asker: string
  readonly open: JobOpen
  readonly claims: TicketClaims | null
  /** Answer tokens, in all tries under this ticket. */
  readonly made: number
  /** Under this ticket. */
  readonly tries: number
  readonly reading: JobReading
  readonly atMs: number
}

export class EndedJobs {
  /** The oldest first. */
  readonly #tries = new Map<RequestId, Ended>()

  put({ asker, open, claims, made, tries, reading }: HeldJob, atMs: number): void {
    this.#tries.delete(open.request)
    this.#tries.set(open.request, { asker, open, claims, made, tries, reading, atMs })
  }

  /** The newest try of this asker's job; null where there was none. */
  of(asker: string, request: RequestId): Ended | null {
    const ended = this.#tries.get(request)
    return ended?.asker === asker ? ended : null
  }

  /** What was on its way when it ended was read. */
  ack(asker: string, request: RequestId, epoch: number, parts: number): void {
    const ended = this.of(asker, request)
    if (ended?.open.epoch === epoch) ended.reading.ack(parts)
  }

  sweep(nowMs: number): void {
    for (const [request, { atMs }] of this.#tries) {
      if (nowMs - atMs < JOB_REMEMBERED_MS && this.#tries.size <= JOBS_REMEMBERED_MAX) return
      this.#tries.delete(request)
    }
  }
}

/** Whether what was let in with its ticket lets this in too. */
export function isSameUse(used: JobOpen, open: JobOpen): boolean {
  const same = (['request', 'ticket', 'modelId', 'layers', 'kind'] as const).every((one) => used[one] === open[one])
  return same && open.positions <= used.positions
}
