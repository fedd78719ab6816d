/**
 * What the hub knows of other processes that serve the same tabs: the contract, and the cluster of a process that is alone. Where
 * there are several, each keeps the whole roster and speaks to its own tabs. It plans nothing and proves nobody.
 */
import type { Server, ServerOptions } from 'socket.io'
import type { AccountChain } from '../../web/wire/accounts.ts'
import type { PublicKeyText } from '../../web/wire/device-keys.ts'
import type { PairWord } from '../../web/wire/pairings.ts'
import type { PartnerKey } from '../../web/wire/partner-keys.ts'
import type { PeerId } from '../../web/wire/peers.ts'
import type { RoomWish } from '../../web/wire/room-events.ts'
import type { Relayed, ServerSays, TabSays } from '../../web/wire/signal-events.ts'
import type { TicketKey } from '../../web/wire/tickets.ts'
import type { PairFact } from './pair-facts.ts'
import type { Going } from './words.ts'

interface Between {
  cluster: (word: unknown) => void
}

export type HubServer = Server<TabSays, ServerSays, Between>

/** The way between processes. */
export interface Bus {
  /** To all others, in the order of one teller; lost where the way is down. */
  tell(word: unknown): void
  hear(listener: (word: unknown) => void): void
  /** To the process that has this tab. */
  relay(to: PeerId, relayed: Relayed): void
  pairWord(to: PeerId, word: PairWord): void
  /** Processes that listen, this one too. */
  count(): Promise<number>
}

/** Made once for a process, before its hub. */
export interface ClusterWay {
  /** Of Socket.IO; null for its own. */
  readonly adapter: ServerOptions['adapter'] | null
  readonly bus: (io: HubServer) => Bus
  /** Asked within `REDIS_LOOK_MS_MAX`; false: nothing that is told arrives. */
  isUp(): Promise<boolean>
  /** After the hub's sockets were closed. */
  close(): Promise<void>
}

/** Every call is about a tab of this process, unless it says otherwise. */
export interface Cluster {
  /** Tabs at other processes. */
  readonly others: number
  /** Whether its tab is connected at another process. */
  has(peer: PeerId): boolean
  /** It has come, or what the roster says of it has changed. */
  here(peer: PeerId): void
  /** Of any tab: what another process has told of is only forgotten. */
  gone(peer: PeerId, how: Going): void
  /** A wish that was granted. */
  room(peer: PeerId, wish: RoomWish): void
  account(own: PublicKeyText, chain: AccountChain): void
  pair(peer: PeerId, fact: PairFact): void
  /** The operator has, at this process: of a partner key, or, null, of who may come in or what is announced. The others look at once. */
  ruled(partner: PartnerKey | null): void
  /** To a tab that is at another process. */
  relay(to: PeerId, relayed: Relayed): void
  pairWord(to: PeerId, word: PairWord): void
  /** With those of other processes, as tabs are told. */
  keys(own: readonly TicketKey[]): readonly TicketKey[]
  /** Own keys are others now. */
  rotated(): void
  /** Until it knows what the others know, or has waited for long enough. */
  joined(): Promise<void>
  /** Says goodbye. */
  close(): void
}

export const ALONE: Cluster = {
  others: 0,
  has: () => false,
  here() {},
  gone() {},
  room() {},
  account() {},
  pair() {},
  ruled() {},
  relay() {},
  pairWord() {},
  keys: (own) => own,
  rotated() {},
  joined: () => Promise.resolve(),
  close() {},
}
