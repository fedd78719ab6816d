/**
 * All links of this tab and who hears what comes over them: requests and jobs that this tab serves, routes and jobs of its
 * own. A link has one reader; this is it. Knows no stage, no route and no job.
 */
import type { Link } from '../mesh/link.ts'
import { JOB_ASKER_SAYS, JOB_WORKER_SAYS, type JobAskerSays, type JobWorkerSays } from '../wire/job-words.ts'
import type { AskerSays, MemberSays, PeerSays, StageSays } from '../wire/peer-control.ts'
import type { PartFrame, RequestId, StageFrame } from '../wire/peer-frame.ts'
import {
  RECEIPT_ASKER_SAYS,
  RECEIPT_WORKER_SAYS,
  type ReceiptAskerSays,
  type ReceiptWorkerSays,
} from '../wire/receipt-words.ts'
import type { Failure } from '../wire/result.ts'

/** Serves others. */
export interface Server {
  hear(from: Link, message: AskerSays): void
  take(from: Link, frame: StageFrame): void
  gone(peer: string, reason: Failure): void
}

/** An asker's own route; hears only of its request. */
export interface Route {
  hear(from: string, message: StageSays): void
  take(from: string, frame: StageFrame): void
  /** The link to a peer is gone. */
  gone(peer: string, reason: Failure): void
}

/** Does whole jobs for others. */
export interface JobDoor {
  hear(from: Link, message: JobAskerSays): void
  take(from: Link, part: PartFrame): void
  gone(peer: string, reason: Failure): void
}

/** What a worker says of a job, or of all that it does. */
export type JobHears = JobWorkerSays | Extract<StageSays, { readonly says: 'refused' | 'alive' | 'draining' }>

/** An asker's own job at a worker; hears only of its request. */
export interface OwnJob {
  hear(from: string, message: JobHears): void
  take(from: string, part: PartFrame): void
  /** The link to a peer is gone. */
  gone(peer: string, reason: Failure): void
}

/** Signs and takes receipts, of what this tab does and of what others do for it. */
export interface ReceiptDoor {
  hear(from: Link, message: ReceiptAskerSays | ReceiptWorkerSays): void
}

/** Asks who belongs to a room. */
export interface Gate {
  hear(from: Link, message: MemberSays): Promise<void>
}

export class Exchange {
  readonly #links = new Map<string, Link>()
  readonly #routes = new Map<RequestId, Route>()
  readonly #ownJobs = new Map<RequestId, OwnJob>()
  readonly #server: Server | null
  readonly #gate: Gate | null
  readonly #jobs: JobDoor | null

  readonly #receipts: ReceiptDoor | null

  constructor(
    server: Server | null,
    gate: Gate | null = null,
    jobs: JobDoor | null = null,
    receipts: ReceiptDoor | null = null,
  ) {
    this.#server = server
    this.#gate = gate
    this.#jobs = jobs
    this.#receipts = receipts
  }

  /** Takes the place of an older link to the same peer. */
  add(link: Link): void {
    this.#links.set(link.peer, link)
    link.onSays((message) => {
      if (message.says === 'member') void this.#gate?.hear(link, message)
      else if (isAsker(message)) this.#server?.hear(link, message)
      else if (isStage(message)) this.#hearStage(link.peer, message)
      else if (isJobAsker(message)) this.#jobs?.hear(link, message)
      else if (isJobWorker(message)) this.#ownJobs.get(message.request)?.hear(link.peer, message)
      else if (isReceipt(message)) this.#receipts?.hear(link, message)
    })
    link.onFrame((frame) => {
      if (frame.type === 'part') {
        const own = this.#ownJobs.get(frame.request)
        if (own) own.take(link.peer, frame)
        else this.#jobs?.take(link, frame)
        return
      }
      const route = frame.type === 'token' ? this.#routes.get(frame.request) : undefined
      route?.take(link.peer, frame)
      // A stage of the route may be in the tab that asks.
      this.#server?.take(link, frame)
    })
    void link.closed.then((reason) => this.#lost(link, reason))
  }

  linkTo(peer: string): Link | null {
    return this.#links.get(peer) ?? null
  }

  /** Returns how to stop. */
  join(request: RequestId, route: Route): () => void {
    this.#routes.set(request, route)
    return () => this.#routes.delete(request)
  }

  /** Returns how to stop. */
  joinJob(request: RequestId, job: OwnJob): () => void {
    this.#ownJobs.set(request, job)
    return () => this.#ownJobs.delete(request)
  }

  #hearStage(peer: string, message: StageSays): void {
    if (message.says === 'alive' || message.says === 'draining') {
      for (const route of [...this.#routes.values()]) route.hear(peer, message)
      for (const job of [...this.#ownJobs.values()]) job.hear(peer, message)
      return
    }
    this.#routes.get(message.request)?.hear(peer, message)
    if (message.says === 'refused') this.#ownJobs.get(message.request)?.hear(peer, message)
  }

  #lost(link: Link, reason: Failure): void {
    if (this.#links.get(link.peer) !== link) return
    this.#links.delete(link.peer)
    this.#server?.gone(link.peer, reason)
    this.#jobs?.gone(link.peer, reason)
    for (const job of [...this.#ownJobs.values()]) job.gone(link.peer, reason)
    for (const route of [...this.#routes.values()]) route.gone(link.peer, reason)
  }
}

const ASKER: readonly string[] = [
  'open',
  'truncate',
  'feed',
  'spares',
  'rest',
  'renew',
  'close',
] satisfies readonly AskerSays['says'][]

const STAGE: readonly string[] = [
  'opened',
  'truncated',
  'held',
  'refused',
  'alive',
  'draining',
] satisfies readonly StageSays['says'][]

export function isAsker(message: PeerSays): message is AskerSays {
  return ASKER.includes(message.says)
}

function isStage(message: PeerSays): message is StageSays {
  return STAGE.includes(message.says)
}

const JOB_ASKER: readonly string[] = JOB_ASKER_SAYS
const JOB_WORKER: readonly string[] = JOB_WORKER_SAYS

function isJobAsker(message: PeerSays): message is JobAskerSays {
  return JOB_ASKER.includes(message.says)
}

function isJobWorker(message: PeerSays): message is JobWorkerSays {
  return JOB_WORKER.includes(message.says)
}

const RECEIPT: readonly string[] = [...RECEIPT_ASKER_SAYS, ...RECEIPT_WORKER_SAYS]

function isReceipt(message: PeerSays): message is ReceiptAskerSays | ReceiptWorkerSays {
  return RECEIPT.includes(message.says)
}
