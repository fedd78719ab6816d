/**
 * The cluster of a process that is one of several: tells the others of its own tabs, and does to the roster and the rooms here what
 * others tell of theirs. What a tab of another process does was granted there; signatures are verified here as well.
 */
import type { Roster } from '../../web/rules/roster.ts'
import type { PartnerKey } from '../../web/wire/partner-keys.ts'
import { keyOfPeer, type PeerId } from '../../web/wire/peers.ts'
import type { RoomId } from '../../web/wire/rooms.ts'
import type { TicketKey } from '../../web/wire/tickets.ts'
import { CLUSTER_BEAT_MS, CLUSTER_FACTS_MAX, CLUSTER_JOIN_MS_MAX, CLUSTER_TELL_MS } from '../config.ts'
import { faultOf } from '../log/log.ts'
import type { Accounts } from '../sockets/accounts.ts'
import type { JobDesk } from '../sockets/jobs.ts'
import type { Pairings } from '../sockets/pairings.ts'
import type { Rooms } from '../sockets/rooms.ts'
import type { TabSocket } from '../sockets/tab.ts'
import type { TicketMint } from '../sockets/tickets.ts'
import type { Watch } from '../watch.ts'
import type { Bus, Cluster, HubServer } from './cluster.ts'
import { Others } from './others.ts'
import { Untold } from './untold.ts'
import type { Fact, Going, ProcessId } from './words.ts'

export interface SharedParts {
  readonly io: HubServer
  readonly roster: Roster
  readonly rooms: Rooms
  readonly pairings: Pick<Pairings, 'hear' | 'factsOf'>
  readonly jobs: Pick<JobDesk, 'heard' | 'stillHere' | 'gone'>
  readonly accounts: Accounts
  readonly mint: Pick<TicketMint, 'keys'>
  readonly nowMs: () => number
  readonly watch: Watch
  /** Of this process. One whose tab has come to another is taken out. */
  readonly sockets: Map<PeerId, TabSocket>
  /** It left, or its lease has ended. */
  readonly gone: (peer: PeerId) => void
  /** The operator has ruled at another process: it is only told that, and what it is has to be looked at. */
  readonly look: (partner: PartnerKey | null) => void
}

interface Home {
  readonly process: ProcessId
  readonly stay: number
}

/** All of a process that is being told: who, and in which rooms. */
type Seen = Map<PeerId, Set<RoomId>>

export class SharedCluster implements Cluster {
  readonly #parts: SharedParts
  readonly #bus: Bus
  readonly #others: Others
  readonly #untold = new Untold()
  /** Tabs of this process, by their stay. */
  readonly #own = new Map<PeerId, number>()
  readonly #homes = new Map<PeerId, Home>()
  readonly #seen = new Map<ProcessId, Seen>()
  /** What is told is done in its order, though signatures take their time. */
  #last: Promise<unknown> = Promise.resolve()
  #kept: Promise<unknown> = Promise.resolve()
  #telling: ReturnType<typeof setTimeout> | null = null
  readonly #beating: ReturnType<typeof setInterval>
  #isOpen = true

  constructor(bus: Bus, parts: SharedParts) {
    this.#parts = parts
    this.#bus = bus
    const { nowMs, io, mint } = parts
    this.#others = new Others({
      nowMs,
      keys: () => mint.keys,
      keysChanged: () => void io.local.emit('ticketKeys', this.keys(mint.keys)),
      tell: (word) => bus.tell(word),
      all: () => this.#all(),
      facts: (process, facts) => this.#then(() => this.#hear(process, facts)),
      allBegins: (process) => this.#then(() => void this.#seen.set(process, new Map())),
      allEnds: (process) => this.#then(() => this.#forgetUnseen(process)),
      lost: (process) => this.#then(() => this.#lose(process)),
    })
    bus.hear((word) => {
      if (this.#isOpen) this.#others.hear(word)
    })
    this.#beating = setInterval(() => this.#beat(), CLUSTER_BEAT_MS)
  }

  get others(): number {
    return this.#homes.size
  }

  has(peer: PeerId): boolean {
    return this.#homes.has(peer) && this.#parts.roster.peer(peer)?.connected === true
  }

  here(peer: PeerId): void {
    const stay = this.#own.get(peer) ?? (this.#homes.get(peer)?.stay ?? 0) + 1
    this.#homes.delete(peer)
    this.#own.set(peer, stay)
    const fact = this.#factOf(peer, stay)
    if (fact) this.#tell(fact)
  }

  gone(peer: PeerId, how: Going): void {
    this.#homes.delete(peer)
    if (!this.#own.has(peer)) return
    if (how !== 'asleep') this.#own.delete(peer)
    this.#tell({ on: 'gone', peer, how })
  }

  room(peer: PeerId, wish: Extract<Fact, { readonly on: 'room' }>['wish']): void {
    if (this.#own.has(peer)) this.#tell({ on: 'room', peer, wish })
  }

  account(own: string, chain: Extract<Fact, { readonly on: 'account' }>['chain']): void {
    this.#tell({ on: 'account', own, chain })
  }

  pair(peer: PeerId, word: Extract<Fact, { readonly on: 'pair' }>['word']): void {
    if (this.#own.has(peer)) this.#tell({ on: 'pair', peer, word })
  }

  ruled(partner: PartnerKey | null): void {
    this.#tell({ on: 'ruled', partner })
  }

  relay: Cluster['relay'] = (to, relayed) => this.#bus.relay(to, relayed)

  pairWord: Cluster['pairWord'] = (to, word) => this.#bus.pairWord(to, word)

  keys(own: readonly TicketKey[]): readonly TicketKey[] {
    return this.#others.keys(own)
  }

  rotated(): void {
    this.#others.beat()
  }

  async joined(): Promise<void> {
    const untilMs = Date.now() + CLUSTER_JOIN_MS_MAX
    let saidSo = false
    while (this.#isOpen && Date.now() < untilMs) {
      const listening = await this.#bus.count().catch(() => 0)
      // Before it hears anything itself it would not hear the answers.
      if (listening > 0 && !saidSo) this.#others.beat(true)
      saidSo ||= listening > 0
      if (listening > 0 && this.#others.inStep >= listening - 1) return this.#last.then(() => {})
      await new Promise((resolve) => setTimeout(resolve, CLUSTER_TELL_MS))
    }
  }

  close(): void {
    if (!this.#isOpen) return
    this.#flush()
    this.#isOpen = false
    clearInterval(this.#beating)
    this.#others.close()
  }

  #tell(fact: Fact): void {
    if (!this.#isOpen) return
    this.#untold.add(fact)
    if (this.#untold.size >= CLUSTER_FACTS_MAX) this.#flush()
    else this.#telling ??= setTimeout(() => this.#flush(), CLUSTER_TELL_MS)
  }

  #flush(): void {
    if (this.#telling !== null) clearTimeout(this.#telling)
    this.#telling = null
    this.#others.tell(this.#untold.take())
  }

  #beat(): void {
    this.#flush()
    this.#others.beat()
    this.#others.look()
    // Of a worker elsewhere nothing is heard while nothing changes.
    this.#parts.jobs.stillHere((worker) => this.has(worker))
  }

  #factOf(peer: PeerId, stay: number): Fact | null {
    const known = this.#parts.roster.peer(peer)
    if (!known) return null
    const { resume, connected, presence } = known
    return { on: 'here', peer, stay, resume, connected, presence }
  }

  /** What is gathered is in it: it is told first, so that the number is right. */
  #all(): readonly Fact[] {
    this.#flush()
    const { rooms, pairings, accounts } = this.#parts
    return [...this.#own].flatMap(([peer, stay]): readonly Fact[] => {
      const here = this.#factOf(peer, stay)
      if (!here) return []
      const own = keyOfPeer(peer)
      const chain = own === null ? null : accounts.toldBy(own)
      const told: readonly Fact[] = own !== null && chain ? [{ on: 'account', own, chain }] : []
      const paired = pairings.factsOf(peer).map((word): Fact => ({ on: 'pair', peer, word }))
      return [here, ...rooms.wishesOf(peer).map((wish): Fact => ({ on: 'room', peer, wish })), ...paired, ...told]
    })
  }

  #then(work: () => void | Promise<void>): void {
    this.#last = this.#caught(this.#last.then(work))
  }

  #caught(work: Promise<unknown>): Promise<unknown> {
    return work.catch((error: unknown) => {
      this.#parts.watch.log.write('cluster-failed', faultOf(error))
    })
  }

  async #hear(process: ProcessId, facts: readonly Fact[]): Promise<void> {
    const { rooms, pairings, look } = this.#parts
    // Once for all that one word says.
    const ruled = new Set(facts.flatMap((fact) => (fact.on === 'ruled' ? [fact.partner] : [])))
    for (const partner of ruled) look(partner)
    for (const fact of facts) {
      if (fact.on === 'ruled') continue
      if (fact.on === 'here') this.#hearHere(process, fact)
      else if (fact.on === 'account') this.#keep(fact)
      // It is at another process by now, or here.
      else if (this.#homes.get(fact.peer)?.process !== process) continue
      else if (fact.on === 'gone') this.#hearGone(fact.peer, fact.how)
      else if (fact.on === 'pair') pairings.hear(fact.peer, fact.word)
      else {
        this.#noteRoom(process, fact)
        await rooms.wish(fact.peer, fact.wish)
      }
    }
  }

  /** Each is written to the disk: who is here does not wait for it. */
  #keep({ own, chain }: Extract<Fact, { readonly on: 'account' }>): void {
    const { accounts } = this.#parts
    this.#kept = this.#caught(this.#kept.then(() => accounts.wish(own, { kind: 'tell', ...chain })))
  }

  #hearHere(process: ProcessId, { peer, stay, ...told }: Extract<Fact, { readonly on: 'here' }>): void {
    const { roster, sockets, jobs, nowMs } = this.#parts
    const own = this.#own.get(peer)
    const home = own === undefined ? this.#homes.get(peer) : { process: this.#others.self, stay: own }
    if (home && home.process !== process) {
      const isThere = own === undefined ? this.has(peer) : sockets.has(peer)
      // Whoever has it for certain keeps it, unless the tab went on from there; at a draw, one of the two.
      const newer = stay > home.stay || (stay === home.stay && process > home.process)
      if (isThere && !newer) return
    }
    if (own !== undefined) {
      this.#own.delete(peer)
      const socket = sockets.get(peer)
      sockets.delete(peer)
      socket?.disconnect(true)
      jobs.gone(peer)
    }
    this.#homes.set(peer, { process, stay })
    this.#seen.get(process)?.set(peer, new Set())
    roster.mirror(peer, told, nowMs())
    jobs.heard(peer)
  }

  #hearGone(peer: PeerId, how: Going): void {
    const { roster, gone, nowMs } = this.#parts
    roster.leave(peer, nowMs(), how === 'left')
    // One that only sleeps stays where it is.
    if (how === 'asleep') return
    this.#homes.delete(peer)
    gone(peer)
  }

  #noteRoom(process: ProcessId, { peer, wish }: Extract<Fact, { readonly on: 'room' }>): void {
    const rooms = this.#seen.get(process)?.get(peer)
    if (wish.kind === 'enter') rooms?.add(wish.membership.room)
    else if (wish.kind === 'knock') rooms?.add(wish.room)
  }

  /** What it did not tell of any more has gone while nothing was heard. */
  async #forgetUnseen(process: ProcessId): Promise<void> {
    const seen: Seen = this.#seen.get(process) ?? new Map()
    this.#seen.delete(process)
    const { rooms } = this.#parts
    for (const [peer, home] of [...this.#homes]) {
      if (home.process !== process) continue
      const named = seen.get(peer)
      if (!named) this.#hearGone(peer, 'lost')
      else for (const room of rooms.roomsOf(peer)) if (!named.has(room)) await rooms.wish(peer, { kind: 'quit', room })
    }
  }

  /** Its tabs may come here, for as long as a socket that closed without a word. */
  #lose(process: ProcessId): void {
    const { roster, nowMs } = this.#parts
    this.#seen.delete(process)
    for (const [peer, home] of [...this.#homes]) {
      if (home.process !== process) continue
      // One that slept is in no list that would be swept.
      if (roster.peer(peer)) roster.lose(peer, nowMs())
      else this.#hearGone(peer, 'lost')
    }
  }
}
