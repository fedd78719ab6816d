/**
 * Everything that tabs and the signalling server say to each other, both ways, on one page: shapes, and how each is read
 * from outside. The server introduces peers; no field here can carry a prompt, an answer or an activation.
 */
import { type PublicKeyText, parsePublicKey, SIGNATURE_BYTES } from './device-keys.ts'
import { type Fields, readerOf } from './fields.ts'
import {
  LAYERS_MAX,
  NAME_CHARACTERS_MAX,
  PEER_ID_CHARACTERS_MAX,
  RANGES_HELD_MAX,
  SDP_CHARACTERS_MAX,
} from './limits.ts'
import type { LayerSpan } from './presence.ts'
import type { Result } from './result.ts'

/** Both sides name the versions they speak; the highest common one is used. */
export const SIGNAL_PROTOCOLS = { min: 1, max: 1 } as const

/** `<key>/<run>`: a device key and a random id of this run, so that everybody can check what the peer signs. */
export type PeerId = string

const RUN = /^[A-Za-z0-9_-]{22}$/

export function peerIdOf(key: PublicKeyText, run: string): PeerId {
  return `${key}/${run}`
}

/** Null for what is no peer id. */
export function keyOfPeer(peer: PeerId): PublicKeyText | null {
  const [key = '', run = '', ...more] = peer.split('/')
  return more.length === 0 && RUN.test(run) && parsePublicKey(key).ok ? key : null
}

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
}

export interface Welcome {
  readonly resume: string
  /** The server's clock, which tickets go by. */
  readonly timeMs: number
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

export interface Presence {
  readonly numericClass: string
  readonly visible: boolean
  readonly held: readonly HeldRange[]
}

/** What WebRTC needs to connect, with the sender's signature: `fingerprint`, of both peers and the description's text. */
export interface Sealed {
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

export type Reply<T> = (result: Result<T>) => void

/** Names of events and what they carry, as Socket.IO types them. What arrives is parsed before it is believed. */
export interface TabSays {
  prove: (proof: Proof, reply: Reply<Welcome>) => void
  presence: (presence: Presence, reply: Reply<null>) => void
  relay: (wish: RelayWish, reply: Reply<null>) => void
  leave: (nothing: null, reply: Reply<null>) => void
}

export interface ServerSays {
  challenge: (challenge: Challenge) => void
  relayed: (relayed: Relayed) => void
}

const { attempt, record, refuse, list, words, orNull, number, whole, flag, oneOf } = readerOf('event-invalid')

const SIGNATURE_CHARACTERS = Math.ceil((SIGNATURE_BYTES * 4) / 3)
const TOKEN_CHARACTERS_MAX = 64
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
    const run = words(fields, 'run', 22)
    if (!parsePublicKey(key).ok) refuse('`key`', 'is no key of a device')
    if (!RUN.test(run)) refuse('`run`', 'is no id of a run')
    const resume = orNull(fields, 'resume', () => words(fields, 'resume', TOKEN_CHARACTERS_MAX))
    return { protocol: whole(fields, 'protocol', 1_000), key, run, signature: signatureOf(fields), resume }
  })
}

export function parseWelcome(value: unknown): Result<Welcome> {
  return attempt(() => {
    const fields = record(value, 'A welcome')
    return { resume: words(fields, 'resume', TOKEN_CHARACTERS_MAX), timeMs: number(fields, 'timeMs', 0, 8.64e15) }
  })
}

export function parsePresence(value: unknown): Result<Presence> {
  return attempt(() => {
    const fields = record(value, 'A presence')
    return {
      numericClass: words(fields, 'numericClass', NAME_CHARACTERS_MAX),
      visible: flag(fields, 'visible'),
      held: list(fields['held'], '`held`', RANGES_HELD_MAX).map(readHeld),
    }
  })
}

export function parseRelayWish(value: unknown): Result<RelayWish> {
  return attempt(() => {
    const fields = record(value, 'A relay')
    return { to: peerOf(fields, 'to'), sealed: readSealed(fields['sealed']) }
  })
}

export function parseRelayed(value: unknown): Result<Relayed> {
  return attempt(() => {
    const fields = record(value, 'A relayed word')
    return { from: peerOf(fields, 'from'), sealed: readSealed(fields['sealed']) }
  })
}

function readHeld(value: unknown): HeldRange {
  const fields = record(value, 'A range')
  const span = record(fields['span'], '`span`')
  const [first, last] = [whole(span, 'first', LAYERS_MAX), whole(span, 'last', LAYERS_MAX)]
  if (first >= last) refuse('`span`', 'is empty')
  const modelId = words(fields, 'modelId', 64)
  if (!/^[0-9a-f]{64}$/.test(modelId)) refuse('`modelId`', 'is no model id')
  return {
    modelId,
    span: { first, last },
    msPerLayer: number(fields, 'msPerLayer', 0, MS_PER_LAYER_MAX),
    freePositions: whole(fields, 'freePositions', Number.MAX_SAFE_INTEGER),
    queued: number(fields, 'queued', 0, QUEUED_MAX),
  }
}

function readSealed(value: unknown): Sealed {
  const fields = record(value, '`sealed`')
  return {
    kind: oneOf(fields, 'kind', ['offer', 'answer', 'candidate']),
    text: words(fields, 'text', SDP_CHARACTERS_MAX),
    signature: signatureOf(fields),
  }
}

function peerOf(fields: Fields, field: string): PeerId {
  const peer = words(fields, field, PEER_ID_CHARACTERS_MAX)
  return keyOfPeer(peer) === null ? refuse(`\`${field}\``, 'is no peer') : peer
}

function signatureOf(fields: Fields): string {
  const signature = words(fields, 'signature', SIGNATURE_CHARACTERS)
  return signature.length === SIGNATURE_CHARACTERS ? signature : refuse('`signature`', 'has another length')
}
