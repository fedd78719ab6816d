/**
 * Everything that tabs and the signalling server say to each other, both ways, on one page: shapes, and how each is read
 * from outside. The server introduces peers; no field here can carry a prompt, an answer or an activation.
 */
import type { AccountChain, AccountWish } from './accounts.ts'
import type { Census } from './census.ts'
import { type PublicKeyText, parsePublicKey, SIGNATURE_BYTES } from './device-keys.ts'
import type { Fields } from './fields.ts'
import { type JobNews, type JobOffer, type JobWish, type JobWord, readJobOffer } from './jobs.ts'
import { ROUND_TRIP_MS_MAX } from './limits/links.ts'
import { NEIGHBOURS_TOLD_MAX, PEER_ID_CHARACTERS_MAX, RANGES_HELD_MAX } from './limits/mesh.ts'
import { NAME_CHARACTERS_MAX } from './limits/models.ts'
import { SDP_CHARACTERS_MAX } from './limits/signalling.ts'
import type { PairOffer, PairTaken, PairWish, PairWord } from './pairings.ts'
import { isPartnerKey, PARTNER_REFUSALS, type PartnerKey, type PartnerRefusal } from './partner-keys.ts'
import { type LayerSpan, type PeerId, peerReaderOf } from './peers.ts'
import type { Assigned, AssignWish, Plan, PlanWish } from './plan-events.ts'
import type { Result } from './result.ts'
import type { RoomWish, RoomWord } from './room-events.ts'
import type { RoomId } from './rooms.ts'
import type { Announcement, SanctionWord } from './rulings.ts'
import { parseTicketKeys, type TicketKey } from './tickets.ts'

/** Both sides name the versions they speak; the highest common one is used. */
export const SIGNAL_PROTOCOLS = { min: 1, max: 1 } as const

/** The server's first word. */
export interface Challenge {
  readonly nonce: string
  /** What the signature is bound to, so that no other server can pass it on. */
  readonly server: string
  readonly protocols: { readonly min: number; readonly max: number }
}

/** Signed: `connect`, of server, nonce and run. */
export interface Proof {
  readonly protocol: number
  readonly key: PublicKeyText
  readonly run: string
  readonly signature: string
  /** From the last `Welcome` of this run: the peer was never gone. */
  readonly resume: string | null
  /** Of the site whose visitor this tab is; null: nobody's. */
  readonly partner: PartnerKey | null
}

export interface Welcome {
  readonly resume: string
  /** The server's clock, which tickets go by. */
  readonly timeMs: number
  readonly ticketKeys: readonly TicketKey[]
  readonly iceServers: readonly IceServer[]
}

/** As WebRTC takes it. Credentials of a TURN server last for hours, not for ever. */
export interface IceServer {
  readonly urls: string
  readonly username?: string
  readonly credential?: string
}

/** A model's layers, loaded and ready. */
export interface HeldRange {
  readonly modelId: string
  readonly span: LayerSpan
  /** Measured; a token through one layer. */
  readonly msPerLayer: number
  /** KV positions that are free. */
  readonly freePositions: number
  readonly queued: number
}

export interface Holding {
  readonly numericClass: string
  readonly visible: boolean
  readonly held: readonly HeldRange[]
  /** Whole models that it answers jobs with. */
  readonly offers: readonly JobOffer[]
  /** Whom it serves: this room alone, or anyone. */
  readonly room: RoomId | null
}

/** A peer to which there is a link, and how far it is: there and back. */
export interface Neighbour {
  readonly peer: PeerId
  readonly roundTripMs: number
}

export interface Presence extends Holding {
  /** Its links go through a relay only. */
  readonly relayOnly: boolean
  readonly near: readonly Neighbour[]
}

/** What WebRTC needs to connect, with the sender's signature: `fingerprint`, of both peers, the call and the text. */
export interface Sealed {
  /** Random, chosen by who calls: words of an older call mean nothing to a newer one. */
  readonly call: string
  readonly kind: 'offer' | 'answer' | 'candidate'
  readonly text: string
  readonly signature: string
}

export interface RelayWish {
  readonly to: PeerId
  readonly sealed: Sealed
}

export interface Relayed {
  readonly from: PeerId
  readonly sealed: Sealed
}

/** What this says is for who looks: a tab goes by that it was said at all. */
export interface Draining {
  readonly closesInMs: number
}

/** To visitors of a partner: why nothing more is done for them. */
export interface PartnerWord {
  readonly refused: PartnerRefusal
}

export type Reply<T> = (result: Result<T>) => void

/** Names of events and what they carry, as Socket.IO types them. What arrives is parsed before it is believed. */
export interface TabSays {
  prove: (proof: Proof, reply: Reply<Welcome>) => void
  presence: (presence: Presence, reply: Reply<null>) => void
  relay: (wish: RelayWish, reply: Reply<null>) => void
  /** Who could answer a request over layers. */
  plan: (wish: PlanWish, reply: Reply<Plan>) => void
  /** Which layers a tab that wants to serve is needed for. */
  assign: (wish: AssignWish, reply: Reply<Assigned>) => void
  /** Who could answer a whole request; the same job asked for again is the same job. */
  job: (wish: JobWish, reply: Reply<JobWord>) => void
  jobNews: (news: JobNews, reply: Reply<null>) => void
  /** Whether a screen looks at the network, or at a room of it: only then it is told of it. */
  look: (on: boolean | RoomId, reply: Reply<null>) => void
  room: (wish: RoomWish, reply: Reply<null>) => void
  account: (wish: AccountWish, reply: Reply<readonly AccountChain[]>) => void
  /** Answered by what its kind asks for: `Wallet`, `WalletPage`, `GrantPuzzle`, `Settled`, or null. */
  credit: (wish: unknown, reply: Reply<unknown>) => void
  /** Of a frame and its window. Answered with a `PairOffer`, a `PairTaken`, or null. */
  pair: (wish: PairWish, reply: Reply<PairOffer | PairTaken | null>) => void
  leave: (nothing: null, reply: Reply<null>) => void
}

export interface ServerSays {
  challenge: (challenge: Challenge) => void
  relayed: (relayed: Relayed) => void
  /** They were rotated. */
  ticketKeys: (keys: readonly TicketKey[]) => void
  /** The operator lets this device in no more; then the socket ends. */
  sanctioned: (word: SanctionWord) => void
  /** All that is in force: after it came in, where there are any, and after every change. */
  announcements: (announcements: readonly Announcement[]) => void
  /** It is about to stop and takes no new work. */
  draining: (word: Draining) => void
  /** Every `CENSUS_MS`, to tabs that look. */
  census: (census: Census) => void
  room: (word: RoomWord) => void
  /** Of a job of this tab that was queued. */
  job: (word: JobWord) => void
  partner: (word: PartnerWord) => void
  pair: (word: PairWord) => void
}

const { attempt, record, refuse, list, words, orNull, number, whole, flag, oneOf, peer, span, modelId, run } =
  peerReaderOf('event-invalid')

const SIGNATURE_CHARACTERS = Math.ceil((SIGNATURE_BYTES * 4) / 3)
const TOKEN_CHARACTERS_MAX = 64
const ICE_SERVERS_MAX = 8
const URL_CHARACTERS_MAX = 256
const MS_PER_LAYER_MAX = 60_000
const QUEUED_MAX = 10_000

export function parseChallenge(value: unknown): Result<Challenge> {
  return attempt(() => {
    const fields = record(value, 'A challenge')
    const protocols = record(fields['protocols'], '`protocols`')
    return {
      nonce: words(fields, 'nonce', TOKEN_CHARACTERS_MAX),
      server: words(fields, 'server', NAME_CHARACTERS_MAX),
      protocols: { min: whole(protocols, 'min', 1_000), max: whole(protocols, 'max', 1_000) },
    }
  })
}

export function parseProof(value: unknown): Result<Proof> {
  return attempt(() => {
    const fields = record(value, 'A proof')
    const key = words(fields, 'key', PEER_ID_CHARACTERS_MAX)
    if (!parsePublicKey(key).ok) refuse('`key`', 'is no key of a device')
    const resume = orNull(fields, 'resume', () => words(fields, 'resume', TOKEN_CHARACTERS_MAX))
    return {
      protocol: whole(fields, 'protocol', 1_000),
      key,
      run: run(fields, 'run'),
      signature: signatureOf(fields),
      resume,
      partner: orNull(fields, 'partner', (key) => (isPartnerKey(key) ? key : refuse('`partner`', 'is no partner key'))),
    }
  })
}

export function parsePartnerWord(value: unknown): Result<PartnerWord> {
  return attempt(() => ({ refused: oneOf(record(value, 'A word of a partner'), 'refused', PARTNER_REFUSALS) }))
}

export function parseWelcome(value: unknown): Result<Welcome> {
  return attempt(() => {
    const fields = record(value, 'A welcome')
    const keys = parseTicketKeys(fields['ticketKeys'])
    if (!keys.ok) return refuse('`ticketKeys`', keys.detail)
    return {
      resume: words(fields, 'resume', TOKEN_CHARACTERS_MAX),
      timeMs: number(fields, 'timeMs', 0, 8.64e15),
      ticketKeys: keys.value,
      iceServers: list(fields['iceServers'], '`iceServers`', ICE_SERVERS_MAX).map(readIceServer),
    }
  })
}

export function parsePresence(value: unknown): Result<Presence> {
  return attempt(() => {
    const fields = record(value, 'A presence')
    return {
      numericClass: words(fields, 'numericClass', NAME_CHARACTERS_MAX),
      visible: flag(fields, 'visible'),
      held: list(fields['held'], '`held`', RANGES_HELD_MAX).map(readHeld),
      offers: list(fields['offers'], '`offers`', RANGES_HELD_MAX).map(readJobOffer),
      room: orNull(fields, 'room', () => run(fields, 'room')),
      relayOnly: flag(fields, 'relayOnly'),
      near: list(fields['near'], '`near`', NEIGHBOURS_TOLD_MAX).map(readNeighbour),
    }
  })
}

export function parseRelayWish(value: unknown): Result<RelayWish> {
  return attempt(() => {
    const fields = record(value, 'A relay')
    return { to: peer(fields, 'to'), sealed: readSealed(fields['sealed']) }
  })
}

export function parseRelayed(value: unknown): Result<Relayed> {
  return attempt(() => {
    const fields = record(value, 'A relayed word')
    return { from: peer(fields, 'from'), sealed: readSealed(fields['sealed']) }
  })
}

function readIceServer(value: unknown): IceServer {
  const fields = record(value, 'An ICE server')
  const urls = words(fields, 'urls', URL_CHARACTERS_MAX)
  if (!/^(stuns?|turns?):/.test(urls)) refuse('`urls`', 'names neither STUN nor TURN')
  const username = orNull(fields, 'username', () => words(fields, 'username', PEER_ID_CHARACTERS_MAX * 2))
  const credential = orNull(fields, 'credential', () => words(fields, 'credential', TOKEN_CHARACTERS_MAX))
  return { urls, ...(username === null ? {} : { username }), ...(credential === null ? {} : { credential }) }
}

function readHeld(value: unknown): HeldRange {
  const fields = record(value, 'A range')
  return {
    modelId: modelId(fields, 'modelId'),
    span: span(fields, 'span'),
    msPerLayer: number(fields, 'msPerLayer', 0, MS_PER_LAYER_MAX),
    freePositions: whole(fields, 'freePositions', Number.MAX_SAFE_INTEGER),
    queued: number(fields, 'queued', 0, QUEUED_MAX),
  }
}

function readNeighbour(value: unknown): Neighbour {
  const fields = record(value, 'A neighbour')
  return { peer: peer(fields, 'peer'), roundTripMs: number(fields, 'roundTripMs', 0, ROUND_TRIP_MS_MAX) }
}

function readSealed(value: unknown): Sealed {
  const fields = record(value, '`sealed`')
  return {
    call: run(fields, 'call'),
    kind: oneOf(fields, 'kind', ['offer', 'answer', 'candidate']),
    text: words(fields, 'text', SDP_CHARACTERS_MAX),
    signature: signatureOf(fields),
  }
}

function signatureOf(fields: Fields): string {
  const signature = words(fields, 'signature', SIGNATURE_CHARACTERS)
  return signature.length === SIGNATURE_CHARACTERS ? signature : refuse('`signature`', 'has another length')
}
