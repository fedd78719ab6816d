/**
 * The server's figures, as Prometheus reads them: how much of what, never who or for what. Every label has a short list of
 * values: a stranger cannot make new ones. It counts what it is told and decides nothing.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Code } from '../../web/wire/codes.ts'
import type { CreditWish } from '../../web/wire/credit-events.ts'
import type { LedgerEvent } from '../../web/wire/ledger-events.ts'
import type { Figure } from '../../web/wire/operator-views.ts'
import type { TabSays } from '../../web/wire/signal-events.ts'
import type { PartnerPlace, VisitorPlace } from '../config.ts'
import type { HttpMethod, HttpRoute } from '../http-routes.ts'

/** Where a limit was met: HTTP requests of an address, new sockets of one, events of a socket. */
export type LimitPlace = 'http' | 'connect' | 'events' | PartnerPlace | VisitorPlace

/** As they are when somebody asks. */
export interface Presences {
  /** With a live lease; and those of them with an open socket. */
  readonly peers: number
  readonly connected: number
  readonly sockets: number
  readonly rooms: number
  /** Open ones by state. */
  readonly jobs: Readonly<Record<'queued' | 'leased' | 'running', number>>
}

const PLAN_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5]
const HTTP_SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60]

export class Metrics {
  readonly #registry = new Registry()
  readonly #plans = this.#counter('weft_plans_total', 'Plans that were asked for, by what came of them.', ['outcome'])
  readonly #planSeconds = new Histogram({
    name: 'weft_plan_duration_seconds',
    help: 'How long a plan took, with its tickets.',
    buckets: PLAN_SECONDS,
    registers: [this.#registry],
  })
  readonly #jobs = this.#counter('weft_jobs_ended_total', 'Jobs that ended, by how.', ['state'])
  readonly #relayed = this.#counter('weft_signals_relayed_total', 'Sealed words that were passed on.', [])
  readonly #refused = this.#counter('weft_refused_total', 'Events of tabs that were refused.', ['event', 'code'])
  readonly #limited = this.#counter('weft_limited_total', 'What was refused because it was too much.', ['place'])
  readonly #requests = this.#counter('weft_http_requests_total', 'HTTP requests.', ['route', 'method', 'status'])
  readonly #requestSeconds = new Histogram({
    name: 'weft_http_request_duration_seconds',
    help: 'How long an HTTP answer took, to its last byte.',
    labelNames: ['route'] as const,
    buckets: HTTP_SECONDS,
    registers: [this.#registry],
  })
  readonly #wishes = this.#counter('weft_credit_wishes_total', 'What tabs wished of credits, by what came of it.', [
    'kind',
    'outcome',
  ])
  readonly #posted = this.#counter('weft_ledger_events_total', 'Events posted to the ledger, but for settlements.', [
    'type',
  ])
  readonly #settled = this.#counter('weft_settlements_total', 'Receipts that were brought, by what came of them.', [
    'outcome',
  ])

  /** Once. `process`: also figures of the process itself. */
  constructor({ process }: { readonly process: boolean } = { process: false }) {
    if (process) collectDefaultMetrics({ register: this.#registry })
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** As text. */
  read(): Promise<string> {
    return this.#registry.metrics()
  }

  /** What was counted since the process began, by its one label. */
  async totals(): Promise<
    Readonly<Record<'plans' | 'ended' | 'limited', readonly Figure[]>> & { readonly relayed: number }
  > {
    const [plans, ended, limited] = await Promise.all([
      figuresOf(this.#plans, 'outcome'),
      figuresOf(this.#jobs, 'state'),
      figuresOf(this.#limited, 'place'),
    ])
    return { plans, ended, limited, relayed: (await this.#relayed.get()).values[0]?.value ?? 0 }
  }

  /** Asked each time when the figures are read. Once. */
  watchPresences(read: () => Presences): void {
    this.#gauge('weft_peers', 'Peers with a live lease.', () => read().peers)
    this.#gauge('weft_peers_connected', 'Peers with a live lease and an open socket.', () => read().connected)
    this.#gauge('weft_sockets', 'Open sockets, also of tabs that have proven nothing yet.', () => read().sockets)
    this.#gauge('weft_rooms', 'Rooms with somebody in them.', () => read().rooms)
    new Gauge({
      name: 'weft_jobs',
      help: 'Open jobs, by their state.',
      labelNames: ['state'] as const,
      registers: [this.#registry],
      collect() {
        for (const [state, count] of Object.entries(read().jobs)) this.set({ state }, count)
      },
    })
  }

  planned(outcome: 'planned' | Code, seconds: number): void {
    this.#plans.inc({ outcome })
    this.#planSeconds.observe(seconds)
  }

  jobEnded(state: 'done' | 'failed' | 'cancelled' | 'expired'): void {
    this.#jobs.inc({ state })
  }

  relayed(): void {
    this.#relayed.inc()
  }

  refused(event: keyof TabSays, code: Code): void {
    this.#refused.inc({ event, code })
  }

  limited(place: LimitPlace): void {
    this.#limited.inc({ place })
  }

  answered(route: HttpRoute, method: HttpMethod, status: number, seconds: number): void {
    this.#requests.inc({ route, method, status })
    this.#requestSeconds.observe({ route }, seconds)
  }

  wished(kind: CreditWish['kind'], outcome: 'done' | Code): void {
    this.#wishes.inc({ kind, outcome })
  }

  posted(type: LedgerEvent['type']): void {
    this.#posted.inc({ type })
  }

  settled(outcome: 'settled' | 'again' | Code): void {
    this.#settled.inc({ outcome })
  }

  #counter<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] })
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read())
      },
    })
  }
}

async function figuresOf<Label extends string>(counter: Counter<Label>, label: Label): Promise<readonly Figure[]> {
  const { values } = await counter.get()
  return values.map(({ labels, value }) => ({ name: String(labels[label]), count: value }))
}
