/**
 * Peers in one process: each has links to the others over channels in memory, under one clock that the test moves, and may
 * serve a stage. What a test kills is dead at once: its channels close, and it says nothing more.
 */
import { type Link, PipeLink } from '../../web/mesh/link.ts'
import { loopback } from '../../web/mesh/loopback.ts'
import { ChannelPipe } from '../../web/mesh/pipe.ts'
import { Exchange, type JobDoor, type ReceiptDoor } from '../../web/schedule/exchange.ts'
import type { ServedStage } from '../../web/schedule/hop.ts'
import { OwnSeats } from '../../web/schedule/own-seats.ts'
import { type PayStage, Provider, type StageUse } from '../../web/schedule/provider.ts'
import type { Code } from '../../web/wire/codes.ts'
import { CONNECT_MS_MAX, CONTROL_BYTES_MAX } from '../../web/wire/limits/links.ts'
import type { AskerSays, PeerSays } from '../../web/wire/peer-control.ts'
import type { PeerFrame, StageFrame } from '../../web/wire/peer-frame.ts'
import { type Failure, fail, ok, type Result } from '../../web/wire/result.ts'
import type { TicketClaims } from '../../web/wire/tickets.ts'
import { type Lies, LyingLink } from './hostile-peer.ts'
import { MemoryChannel } from './memory-channel.ts'
import { SimClock } from './sim-clock.ts'
import { claimsWith } from './ticket-claims.ts'

/** Longer than a word is on its way. */
const DRAIN_MS = 50
/** Until a link is made, and until somebody gives up who cannot make it. */
const CONNECT_MS = 100

const NEVER = new Promise<never>(() => {})

export interface MeshWish {
  /** One way, between two. */
  readonly delayMs?: (a: string, b: string) => number
  /** Whether these two are linked before somebody asks for it; all are. */
  readonly linked?: (a: string, b: string) => boolean
  /** How long a ticket is looked at. */
  readonly admitMs?: number
}

/** How a peer lets in what is paid. */
export interface MemoryCredits {
  readonly admit: (use: StageUse, asker: string) => Result<TicketClaims> | Promise<Result<TicketClaims>>
  readonly pay: PayStage
}

/** What went from one peer to another; not what a peer says to itself. */
export interface Sent {
  readonly from: string
  readonly to: string
  readonly what: PeerSays | PeerFrame
}

export interface MemoryPeer {
  readonly name: string
  readonly exchange: Exchange
  readonly provider: Provider | null
}

/** Why a link ended, as the peer `at` one of its ends saw it. */
export interface LinkEnd {
  readonly at: string
  readonly peer: string
  readonly code: Code
}

export class MemoryMesh {
  readonly ends: LinkEnd[] = []
  readonly clock = new SimClock()
  /** In order. */
  readonly sent: Sent[] = []
  readonly #seats = new Map<string, OwnSeats>()
  readonly #peers = new Map<string, MemoryPeer>()
  readonly #links = new Map<string, PipeLink[]>()
  readonly #frozen = new Set<string>()
  readonly #stuck = new Set<string>()
  readonly #mute = new Set<string>()
  readonly #lies = new Map<string, Lies>()
  readonly #delayMs: (a: string, b: string) => number
  readonly #linked: (a: string, b: string) => boolean
  readonly #admitMs: number
  #away = false

  constructor({ delayMs = () => 5, linked = () => true, admitMs = 0 }: MeshWish = {}) {
    this.#delayMs = delayMs
    this.#linked = linked
    this.#admitMs = admitMs
  }

  /** Linked to everybody who is there. `stage`, `jobs`: what it serves. `credits`: what is paid for it. `lies`: what it says instead of what it should. */
  join(
    name: string,
    loaded: ServedStage | null = null,
    lies: Lies | null = null,
    jobs: JobDoor | null = null,
    receipts: ReceiptDoor | null = null,
    credits: MemoryCredits | null = null,
  ): MemoryPeer {
    if (lies) this.#lies.set(name, lies)
    const stage = loaded && this.#mortal(name, loaded)
    let exchange: Exchange | null = null
    const linkTo = (peer: string) => exchange?.linkTo(peer) ?? null
    const provider =
      stage &&
      new Provider({
        stage,
        linkTo,
        connect: (other) => this.#connect(name, other),
        every: this.clock.every,
        ping: () => this.#unlessStuck(name, async () => ok(null)),
        onSilent: () => {},
        // On this clock computing takes no time.
        takeFrameMs: () => 0,
        admit: async (asker, use) => this.#after(this.#admitMs, () => credits?.admit(use, asker) ?? ok(claimsWith())),
        ...(credits ? { pay: credits.pay } : {}),
      })
    const server = {
      hear: (from: Link, message: AskerSays) => provider?.hear(from, message),
      take: (from: Link, frame: StageFrame) => {
        provider?.take(from, frame)
        this.#seats.get(name)?.take(from, frame)
      },
      gone: (other: string, reason: Failure) => {
        provider?.gone(other, reason)
        this.#seats.get(name)?.gone(other, reason)
      },
    }
    exchange = new Exchange(server, null, jobs, receipts)
    for (const end of loopback(name, name)) exchange.add(end)
    const peer = { name, exchange, provider }
    for (const other of this.#peers.values()) if (this.#linked(name, other.name)) this.#link(peer, other)
    this.#peers.set(name, peer)
    return peer
  }

  /** As a tab asks for a link. */
  readonly connect = async (from: string, to: string): Promise<Result<Link>> => {
    const made = await this.#connect(from, to)
    const link = this.#peers.get(from)?.exchange.linkTo(to)
    return made.ok && link ? ok(link) : fail('link-failed', '')
  }

  /** No new link is made any more: nobody introduces peers. */
  loseServer(): void {
    this.#away = true
  }

  /** Only what is between these two. */
  cut(a: string, b: string): void {
    this.#peers.get(a)?.exchange.linkTo(b)?.close(fail('link-closed', 'The test cut it.'))
  }

  has(name: string): boolean {
    return this.#peers.has(name)
  }

  peer(name: string): MemoryPeer {
    const peer = this.#peers.get(name)
    if (!peer) throw new Error(`${name} is not there`)
    return peer
  }

  /** The first and the last layers, for routes of its own. */
  seat({ name, exchange }: MemoryPeer, first: ServedStage, last: ServedStage): void {
    const parts = { ping: () => this.#unlessStuck(name, async () => ok(null)), onSilent: () => {} }
    const seats = new OwnSeats({
      self: name,
      first: { ...parts, stage: this.#mortal(name, first) },
      last: { ...parts, stage: this.#mortal(name, last) },
      exchange,
      connect: async (other) => (exchange.linkTo(other) ? ok(null) : fail('link-failed', '')),
      every: this.clock.every,
      admit: async () => ok(claimsWith()),
    })
    this.#seats.set(name, seats)
  }

  kill(name: string): void {
    for (const link of this.#links.get(name) ?? []) link.close(fail('link-closed', 'The test ended it.'))
    this.#peers.delete(name)
  }

  /** Nothing comes from it any more and nobody is told: a frozen tab, or a network that drops all. */
  freeze(name: string): void {
    this.#frozen.add(name)
  }

  /** Its worker never answers again; its page goes on. */
  stick(name: string): void {
    this.#stuck.add(name)
  }

  /** It answers whatever is asked of it, and nothing that it computes from now on comes out. */
  mute(name: string): void {
    this.#mute.add(name)
  }

  /** It says that it is leaving, and is gone when its word has arrived. */
  drain(name: string): void {
    this.#peers.get(name)?.provider?.drain()
    this.clock.later(2 * DRAIN_MS, () => this.kill(name))
  }

  #mortal(name: string, stage: ServedStage): ServedStage {
    return {
      facts: stage.facts,
      open: (request) => this.#unlessStuck(name, () => stage.open(request)),
      run: (frame) => (this.#mute.has(name) ? NEVER : this.#unlessStuck(name, () => stage.run(frame))),
      truncate: (...what) => this.#unlessStuck(name, () => stage.truncate(...what)),
      close: (session) => stage.close(session),
    }
  }

  #unlessStuck<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.#stuck.has(name) ? new Promise(() => {}) : work()
  }

  async #connect(from: string, to: string): Promise<Result<unknown>> {
    const here = this.#peers.get(from)
    if (here?.exchange.linkTo(to)) return ok(null)
    const reachable = () => this.#peers.has(to) && !this.#away && !this.#frozen.has(to)
    await this.#after(reachable() ? CONNECT_MS : CONNECT_MS_MAX, () => null)
    const there = this.#peers.get(to)
    if (!here || !there || !reachable()) return fail('link-failed', '')
    if (!here.exchange.linkTo(to)) this.#link(here, there)
    return ok(null)
  }

  #after<T>(ms: number, value: () => T): Promise<T> {
    return new Promise((settle) => this.clock.later(ms, () => settle(value())))
  }

  #link(a: MemoryPeer, b: MemoryPeer): void {
    const silent = () => this.#frozen.has(a.name) || this.#frozen.has(b.name)
    const line = { later: this.clock.later, delayMs: this.#delayMs(a.name, b.name), bytesPerMs: 5_000, silent }
    const [controlA, controlB] = MemoryChannel.pair(line)
    const [tensorsA, tensorsB] = MemoryChannel.pair(line)
    const nowMs = () => this.clock.nowMs
    const toB = new PipeLink(b.name, new ChannelPipe(controlA, CONTROL_BYTES_MAX), new ChannelPipe(tensorsA), nowMs)
    const toA = new PipeLink(a.name, new ChannelPipe(controlB, CONTROL_BYTES_MAX), new ChannelPipe(tensorsB), nowMs)
    this.#links.set(a.name, [...(this.#links.get(a.name) ?? []), toB])
    this.#links.set(b.name, [...(this.#links.get(b.name) ?? []), toA])
    const liesA = this.#lies.get(a.name)
    const liesB = this.#lies.get(b.name)
    const outA = liesA ? new LyingLink(toB, liesA, { control: controlA, tensors: tensorsA }) : toB
    const outB = liesB ? new LyingLink(toA, liesB, { control: controlB, tensors: tensorsB }) : toA
    a.exchange.add(this.#heard(a.name, outA))
    b.exchange.add(this.#heard(b.name, outB))
    void toB.closed.then(({ code }) => this.ends.push({ at: a.name, peer: b.name, code }))
    void toA.closed.then(({ code }) => this.ends.push({ at: b.name, peer: a.name, code }))
  }

  #heard(from: string, link: Link): Link {
    const note = (what: Sent['what']) => this.sent.push({ from, to: link.peer, what })
    return {
      peer: link.peer,
      closed: link.closed,
      get stats() {
        return link.stats
      },
      say(message) {
        note(message)
        return link.say(message)
      },
      send(frame, urgency) {
        note(frame)
        return link.send(frame, urgency)
      },
      ping: () => link.ping(),
      get roundTripMs() {
        return link.roundTripMs
      },
      onSays: (listener) => link.onSays(listener),
      onFrame: (listener) => link.onFrame(listener),
      close: (reason) => link.close(reason),
    }
  }
}
