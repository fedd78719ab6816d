/**
 * Serves one stage to other peers: lets in requests that have a valid ticket and room, and hands each what belongs to it.
 * Several askers at once; the stage computes their frames in the order in which they come.
 */
import type { Link } from '../mesh/link.ts'
import { JOB_LEASE_MS } from '../wire/limits/jobs.ts'
import {
  ALIVE_MS,
  SERVED_IDLE_MS,
  SERVED_PER_ASKER_MAX,
  SERVED_POSITIONS_MAX,
  SERVED_REQUESTS_MAX,
  STAGE_SILENT_MS_MAX,
} from '../wire/limits/mesh.ts'
import type { AskerSays } from '../wire/peer-control.ts'
import type { RequestId, StageFrame } from '../wire/peer-frame.ts'
import type { LayerSpan } from '../wire/peers.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import type { TicketClaims } from '../wire/tickets.ts'
import type { Server } from './exchange.ts'
import type { ServedStage } from './hop.ts'
import { PaidFirst } from './paid-first.ts'
import type { PaidStage } from './receipts/paid-stage.ts'
import { ServedRequest } from './served-request.ts'

type Open = Extract<AskerSays, { readonly says: 'open' }>
type Renew = Extract<AskerSays, { readonly says: 'renew' }>

/** What a ticket is brought for. */
export interface StageUse extends Pick<Open, 'request' | 'ticket' | 'positions'> {
  readonly span: LayerSpan
}

export interface ProviderParts {
  readonly stage: ServedStage
  readonly linkTo: (peer: string) => Link | null
  /** Makes a link where there is none. */
  readonly connect: (peer: string) => Promise<Result<unknown>>
  /** Calls again and again until told to stop; also while the tab is hidden. */
  readonly every: (ms: number, run: () => void) => () => void
  /** Answered by whoever computes: a stage is alive as long as that is, not as long as its page is. */
  readonly ping: () => Promise<Result<null>>
  /** No answer for `STAGE_SILENT_MS_MAX`; called once. */
  readonly onSilent: () => void
  /** How long a token was here lately, in ms; null where none was since the last call. */
  readonly takeFrameMs: () => number | null
  /** Whether the ticket allows this asker exactly this. */
  readonly admit: (asker: string, use: StageUse) => Promise<Result<TicketClaims>>
  /** What is paid of a request that was let in; null where it is free. Not there where nothing is. */
  readonly pay?: PayStage
  /** Requests were opened or closed. */
  readonly onChange?: () => void
}

/** Refusals: those of `PaidStage`. */
export type PayStage = (claims: TicketClaims, asker: Link, salt: string | undefined) => Result<PaidStage | null>

interface Served {
  readonly asker: string
  readonly ticket: string
  readonly positions: number
  readonly span: LayerSpan
  readonly work: ServedRequest
  readonly paid: PaidStage | null
  /** Nobody pays for it, though somebody could. */
  readonly unpaid: boolean
  /** Looks in a row at which nothing went on. */
  idleBeats: number
  /** Looks in a row at which it waited for its asker's word. */
  waitBeats: number
}

export class Provider implements Server {
  readonly #parts: ProviderParts
  readonly #served = new Map<RequestId, Served>()
  /** Requests whose ticket is being looked at; what is said of them meanwhile waits. */
  readonly #admissions = new Map<RequestId, Promise<unknown>>()
  readonly #askers = new Map<string, Link>()
  readonly #turns = new PaidFirst()
  readonly #rest: () => void
  #sessions = 0
  #beatsWaiting = 0
  /** The stage had no memory for another one. */
  #kvFull = false

  constructor(parts: ProviderParts) {
    this.#parts = parts
    this.#rest = parts.every(ALIVE_MS, () => void this.#beat())
  }

  /** Tells all askers that this tab is leaving, while it still can. */
  drain(): void {
    for (const asker of this.#askers.values()) void asker.say({ says: 'draining' })
  }

  /** Ends all that is open. Those who asked look for somebody else. */
  async close(): Promise<void> {
    this.drain()
    this.#rest()
    await Promise.all([...this.#served.keys()].map((request) => this.#end(request)))
  }

  /** Requests that are open. */
  get serving(): number {
    return this.#served.size
  }

  /** KV positions that the next request may ask for. */
  get freePositions(): number {
    if (this.#kvFull || this.#served.size >= SERVED_REQUESTS_MAX) return 0
    let reserved = 0
    for (const { positions } of this.#served.values()) reserved += positions
    return Math.max(0, Math.min(this.#parts.stage.facts.contextLength, SERVED_POSITIONS_MAX - reserved))
  }

  hear(from: Link, message: AskerSays): void {
    const admission = this.#admissions.get(message.request)
    if (admission === undefined) this.#hear(from, message)
    else void admission.then(() => this.#hear(from, message))
  }

  #hear(from: Link, message: AskerSays): void {
    if (message.says === 'open') {
      void this.#open(from, message)
      return
    }
    if (message.says === 'renew') {
      void this.#renew(from, message)
      return
    }
    const served = this.#served.get(message.request)
    if (served?.asker !== from.peer) {
      if (message.says !== 'close') void refuse(from, message, 'session-unknown', 'This request is not open here.')
    } else if (message.says === 'close') void this.#end(message.request)
    else if (message.says === 'rest') this.#rests(served)
    else void served.work.hear(message)
  }

  take(from: Link, frame: StageFrame): void {
    this.#served.get(frame.request)?.work.take(from.peer, frame)
  }

  /** What an asker leaves open is closed with it; where a neighbour is gone, its asker is told. */
  gone(peer: string, reason: Failure): void {
    for (const [request, { asker, work }] of [...this.#served]) {
      if (asker === peer) void this.#end(request)
      else work.parted(peer, reason)
    }
  }

  /** A beat that is not answered is not said on, which is how askers learn of it. */
  async #beat(): Promise<void> {
    for (const [request, served] of [...this.#served]) {
      served.idleBeats = served.work.idle ? served.idleBeats + 1 : 0
      served.waitBeats = served.work.unacknowledged ? served.waitBeats + 1 : 0
      if (served.waitBeats * ALIVE_MS > JOB_LEASE_MS) void this.#giveUp(request, served)
    }
    if (this.#beatsWaiting > 0) {
      this.#beatsWaiting += 1
      if (this.#beatsWaiting === Math.ceil(STAGE_SILENT_MS_MAX / ALIVE_MS)) this.#parts.onSilent()
      return
    }
    this.#beatsWaiting = 1
    const answer = await this.#parts.ping()
    this.#beatsWaiting = 0
    if (!answer.ok) return
    const frameMs = this.#parts.takeFrameMs()
    // Three decimals say enough and cost few bytes.
    const word = frameMs === null ? {} : { frameMs: Math.round(frameMs * 1_000) / 1_000 }
    for (const asker of this.#askers.values()) {
      const own = [...this.#served.values()].filter((served) => served.asker === asker.peer)
      void asker.say({ says: 'alive', ...word, at: own.map(({ work }) => work.at) })
    }
  }

  async #open(from: Link, open: Open): Promise<void> {
    const served = await this.#whileAdmitted(open.request, this.#admit(from, open))
    const opened = await served?.work.open()
    if (!opened || opened.ok) return
    await this.#end(open.request, served)
    this.#kvFull = opened.code === 'kv-full' && this.serving > 0
    await refuse(from, open, opened.code, opened.detail)
  }

  /** What is said of the request meanwhile waits. */
  async #whileAdmitted<T>(request: RequestId, admission: Promise<T>): Promise<T> {
    this.#admissions.set(request, admission)
    const admitted = await admission
    if (this.#admissions.get(request) === admission) this.#admissions.delete(request)
    return admitted
  }

  /** What was done of it is settled; what comes next needs another ticket. */
  #rests({ work, paid }: Served): void {
    if (!paid) return
    work.rest()
    void paid.end()
  }

  /** Whoever is refused has to begin anew: what it had here is let go. */
  async #renew(from: Link, renew: Renew): Promise<void> {
    const renewed = await this.#whileAdmitted(renew.request, this.#renewed(from, renew))
    if (renewed.ok) return renewed.value.work.opened()
    const known = this.#served.get(renew.kept)
    if (known?.asker === from.peer) void this.#end(renew.kept, known)
    await refuse(from, renew, renewed.code, renewed.detail)
  }

  async #renewed(from: Link, { request, epoch, kept, ticket, salt }: Renew): Promise<Result<Served>> {
    const known = this.#served.get(kept)
    if (known?.asker !== from.peer) return fail('session-unknown', 'What was kept is not here.')
    const admitted = await this.#letIn(from, { ...known, request, ticket }, salt)
    if (!admitted.ok) return admitted
    const { paid, unpaid } = admitted.value
    if (this.#served.get(kept) !== known || this.#served.has(request)) {
      void paid?.end()
      const code = this.#served.has(request) ? 'session-exists' : 'session-unknown'
      return fail(code, 'Another word came while its ticket was looked at.')
    }
    this.#rests(known)
    const served = { ...known, ticket, paid, unpaid, idleBeats: 0, waitBeats: 0 }
    known.work.renew({ request, epoch }, { stage: this.#turns.of(this.#parts.stage, unpaid), paid })
    this.#served.delete(kept)
    this.#served.set(request, served)
    return ok(served)
  }

  /** Undefined where it was refused. */
  async #admit(from: Link, open: Open): Promise<Served | undefined> {
    const known = this.#served.get(open.request)
    if (known && known.asker !== from.peer)
      return refuse(from, open, 'session-exists', 'Somebody else has this request.')
    const again = known?.ticket === open.ticket
    if (known) await this.#end(open.request, known, again)
    await this.#makeRoom(open.positions)
    const full = this.#whyFull(from.peer, open.positions)
    if (full) return refuse(from, open, full.code, full.detail)
    // The same request may begin anew; a ticket is used up by the first time.
    const { ticket, positions, request, place } = open
    const use = { request, ticket, positions, span: place.span }
    const admitted = again ? ok(known) : await this.#letIn(from, use, open.salt)
    if (!admitted.ok) return refuse(from, open, admitted.code, admitted.detail)
    const { paid, unpaid } = admitted.value
    // Others may have come while the ticket was verified.
    const filled = this.#whyFull(from.peer, open.positions)
    if (filled) {
      void paid?.end()
      return refuse(from, open, filled.code, filled.detail)
    }
    this.#sessions += 1
    const { stage, linkTo, connect } = this.#parts
    const turns = this.#turns.of(stage, unpaid)
    const about = { stage: turns, asker: from, linkTo, connect, session: this.#sessions, paid }
    const work = new ServedRequest(about, open)
    const served = { ...use, asker: from.peer, work, paid, unpaid, idleBeats: 0, waitBeats: 0 }
    this.#served.set(request, served)
    this.#parts.onChange?.()
    this.#askers.set(from.peer, from)
    return served
  }

  async #letIn(
    from: Link,
    { request, ticket, positions, span }: StageUse,
    salt: string | undefined,
  ): Promise<Result<Pick<Served, 'paid' | 'unpaid'>>> {
    const { admit, pay } = this.#parts
    const admitted = await admit(from.peer, { request, ticket, positions, span })
    if (!admitted.ok) return admitted
    const paid = pay?.(admitted.value, from, salt) ?? ok(null)
    return paid.ok ? ok({ paid: paid.value, unpaid: admitted.value.pay.kind === 'unpaid' }) : paid
  }

  /** Its asker has said for too long nothing of what it has. */
  async #giveUp(request: RequestId, served: Served): Promise<void> {
    await served.work.dismiss(fail('not-acknowledged', `Nothing came for ${JOB_LEASE_MS} ms.`))
    await this.#end(request, served)
  }

  /** Where there is no room, by who has been quiet for longest: such a request is kept for a next turn, or forgotten. */
  async #makeRoom(positions: number): Promise<void> {
    if (positions <= this.freePositions) return
    const quietest = [...this.#served].sort(([, a], [, b]) => b.idleBeats - a.idleBeats)[0]
    if (!quietest || quietest[1].idleBeats * ALIVE_MS < SERVED_IDLE_MS) return
    await quietest[1].work.dismiss()
    await this.#end(quietest[0], quietest[1])
  }

  #whyFull(asker: string, positions: number): Failure | null {
    const own = [...this.#served.values()].filter((served) => served.asker === asker).length
    if (own >= SERVED_PER_ASKER_MAX) return fail('requests-full', `It takes ${SERVED_PER_ASKER_MAX}.`)
    return positions <= this.freePositions ? null : fail('kv-full', `${this.serving} are served.`)
  }

  /** `again`: it is opened anew under the same ticket, and what is paid goes on. */
  async #end(request: RequestId, served = this.#served.get(request), again = false): Promise<void> {
    if (served && this.#served.get(request) === served) {
      this.#served.delete(request)
      this.#kvFull = false
      this.#parts.onChange?.()
    }
    if (served && ![...this.#served.values()].some(({ asker }) => asker === served.asker)) {
      this.#askers.delete(served.asker)
    }
    await served?.work.close()
    if (!again) await served?.paid?.end()
  }
}

async function refuse(
  to: Link,
  { request, epoch }: { readonly request: RequestId; readonly epoch: number },
  code: Failure['code'],
  detail: string,
): Promise<undefined> {
  await to.say({ says: 'refused', request, epoch, by: null, code, detail })
}
