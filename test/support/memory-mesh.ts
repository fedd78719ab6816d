/**
 * Peers in one process: each has links to the others over channels in memory, under one clock that the test moves, and may
 * serve a stage. What a test kills is dead at once: its channels close, and it says nothing more.
 */
import type { StageEngine } from '../../web/engine/stage.ts'
import { PipeLink } from '../../web/mesh/link.ts'
import { ChannelPipe } from '../../web/mesh/pipe.ts'
import { Exchange } from '../../web/schedule/exchange.ts'
import type { ServedStage } from '../../web/schedule/hop.ts'
import { Provider } from '../../web/schedule/provider.ts'
import { fail, ok } from '../../web/wire/result.ts'
import { MemoryChannel } from './memory-channel.ts'
import { SimClock } from './sim-clock.ts'

/** Longer than a word is on its way. */
const DRAIN_MS = 50

export interface MemoryPeer {
  readonly name: string
  readonly exchange: Exchange
  readonly provider: Provider | null
}

export class MemoryMesh {
  readonly clock = new SimClock()
  readonly #peers = new Map<string, MemoryPeer>()
  readonly #links = new Map<string, PipeLink[]>()
  readonly #frozen = new Set<string>()
  readonly #stuck = new Set<string>()
  readonly #delayMs: (a: string, b: string) => number

  constructor(delayMs: (a: string, b: string) => number = () => 5) {
    this.#delayMs = delayMs
  }

  /** Linked to everybody who is there. `stage`: what it serves. */
  join(name: string, loaded: StageEngine | null = null): MemoryPeer {
    const stage = loaded && this.#mortal(name, loaded)
    let exchange: Exchange | null = null
    const linkTo = (peer: string) => exchange?.linkTo(peer) ?? null
    const provider =
      stage &&
      new Provider({
        stage,
        linkTo,
        connect: async (other) => (linkTo(other) ? ok(null) : fail('link-failed', '')),
        every: this.clock.every,
        ping: () => this.#unlessStuck(name, async () => ok(null)),
        onSilent: () => {},
        admit: async () => ok(null),
      })
    exchange = new Exchange(provider)
    const peer = { name, exchange, provider }
    for (const other of this.#peers.values()) this.#link(peer, other)
    this.#peers.set(name, peer)
    return peer
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

  /** It says that it is leaving, and is gone when its word has arrived. */
  drain(name: string): void {
    this.#peers.get(name)?.provider?.drain()
    this.clock.later(2 * DRAIN_MS, () => this.kill(name))
  }

  #mortal(name: string, stage: StageEngine): ServedStage {
    return {
      facts: stage.facts,
      open: (request) => this.#unlessStuck(name, () => stage.open(request)),
      run: (frame) => this.#unlessStuck(name, () => stage.run(frame)),
      truncate: (...what) => this.#unlessStuck(name, () => stage.truncate(...what)),
      close: (session) => stage.close(session),
    }
  }

  #unlessStuck<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.#stuck.has(name) ? new Promise(() => {}) : work()
  }

  #link(a: MemoryPeer, b: MemoryPeer): void {
    const silent = () => this.#frozen.has(a.name) || this.#frozen.has(b.name)
    const line = { later: this.clock.later, delayMs: this.#delayMs(a.name, b.name), bytesPerMs: 5_000, silent }
    const [controlA, controlB] = MemoryChannel.pair(line)
    const [tensorsA, tensorsB] = MemoryChannel.pair(line)
    const toB = new PipeLink(b.name, new ChannelPipe(controlA), new ChannelPipe(tensorsA))
    const toA = new PipeLink(a.name, new ChannelPipe(controlB), new ChannelPipe(tensorsB))
    this.#links.set(a.name, [...(this.#links.get(a.name) ?? []), toB])
    this.#links.set(b.name, [...(this.#links.get(b.name) ?? []), toA])
    a.exchange.add(toB)
    b.exchange.add(toA)
  }
}
