/** Askers and workers of whole jobs that pay and are paid: keys of their own, tickets of a played server, receipts that it settles. */
import { readTicket, type TicketClaims } from '../../web/wire/tickets.ts'
import type { FixedRate } from './fixed-rate-runner.ts'
import type { Lies } from './hostile-peer.ts'
import { JOB_LAYERS, JOB_MODEL, JobRig, type RigWorker } from './job-rig.ts'
import { EPOCH_MS, type PaidTab, paidClaims, paidTab, ticketOf } from './paid-tab.ts'
import { PlayedCredits } from './played-credits.ts'

export interface PaidWorker extends PaidTab {
  readonly rig: RigWorker
}

export class PaidJobs {
  readonly rig = new JobRig()
  readonly server = new PlayedCredits(() => EPOCH_MS + this.rig.mesh.clock.nowMs)
  /** Of all tickets that were given out. */
  readonly claims: TicketClaims[] = []
  /** What the next ones say besides. */
  more: Partial<TicketClaims> = {}

  constructor() {
    this.rig.ticket = (worker, asker, { job, kind, promptTokens, maxTokens }) => {
      const part = this.claims.filter(({ request }) => request === job).length
      const work = { request: job, part, job: kind, modelId: JOB_MODEL, span: { first: 0, last: JOB_LAYERS } }
      const size = { positions: promptTokens + maxTokens, outputTokens: maxTokens }
      const claims = paidClaims(asker, worker, { ...work, ...size, ...this.more })
      this.claims.push(claims)
      this.server.know(claims)
      return ticketOf(claims)
    }
    this.rig.admit = () => ({ ok: true, value: null })
    this.rig.claims = ({ id }) => {
      const read = readTicket(id)
      return read.ok ? read.value : {}
    }
  }

  async worker(rate: FixedRate = {}, lies: Lies | null = null): Promise<PaidWorker> {
    const tab = await paidTab(this.rig.mesh.clock, this.server)
    this.rig.desks.set(tab.peer, tab.desk)
    return { ...tab, rig: this.rig.worker(tab.peer, rate, lies) }
  }

  async asker(lies: Lies | null = null): Promise<PaidTab> {
    const tab = await paidTab(this.rig.mesh.clock, this.server)
    this.rig.desks.set(tab.peer, tab.desk)
    this.rig.asker(tab.peer, lies)
    return tab
  }

  /** What the server has of these, by their place among all tickets; until it has so many. */
  async settled(count: number, withinMs = 200_000) {
    const { clock } = this.rig.mesh
    await clock.until(() => this.server.taken.size >= count, clock.nowMs + withinMs)
    return this.claims.flatMap(({ id }) => this.server.taken.get(id) ?? [])
  }
}
