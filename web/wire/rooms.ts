/**
 * Rooms: who belongs to one is whose key the owner's key has signed, for this room and until a time. An invite names the
 * room, the owner's key by its hash, and a secret; it stands after the `#` of an address, which no server sees. Says what
 * bytes mean; hashing, signing and verifying come in as functions.
 */
import {
  fromBase64Url,
  type PublicKeyText,
  parsePublicKey,
  SIGNATURE_BYTES,
  signedBytes,
  toBase64Url,
} from './device-keys.ts'
import type { Fields } from './fields.ts'
import { PEER_ID_CHARACTERS_MAX } from './limits/mesh.ts'
import { ROOM_NAME_CHARACTERS_MAX } from './limits/rooms.ts'
import { type PeerReader, peerReaderOf } from './peers.ts'
import { fail, ok, type Result } from './result.ts'

/** Random: 22 characters of base64url. */
export type RoomId = string

/** Signed by `owner`: `member`, of room, key, time and number. */
export interface Membership {
  readonly room: RoomId
  readonly owner: PublicKeyText
  /** Of the device that belongs to the room. */
  readonly key: PublicKeyText
  readonly untilMs: number
  /** Of the owner's newest list of removed devices when this was signed (`removals.ts`); 0 before the first. */
  readonly listNumber: number
  readonly signature: string
}

export interface Invite {
  readonly room: RoomId
  /** SHA-256 of the owner's key as text, in base64url: a server that puts in another owner is found out. */
  readonly ownerHash: string
  /** Who has the invite knows it, and the server never does. */
  readonly secret: string
  /** As the owner calls the room. */
  readonly name: string
}

export const ROOM_SECRET_BYTES = 16
const HASH_BYTES = 32
/** Of a MAC over a knock. */
const PROOF_BYTES = 32
const ID = /^[A-Za-z0-9_-]{22}$/

export function memberFields(about: Omit<Membership, 'owner' | 'signature'>): readonly string[] {
  return [about.room, about.key, String(about.untilMs), String(about.listNumber)]
}

/** What who knocks proves with the invite's secret: bound to the room and to their key, so that nobody can pass it on. */
export function knockBytes(room: RoomId, key: PublicKeyText): Uint8Array {
  return signedBytes('knock', [room, key])
}

/** The part of an address after the `#`. */
export function writeInvite({ room, ownerHash, secret, name }: Invite): string {
  const parts = ['', 'join', room, ownerHash, secret]
  return [...parts, ...(name === '' ? [] : [encodeURIComponent(name)])].join('/')
}

/** Refusals: `invite-invalid`. Takes a whole address too. */
export function parseInvite(text: string): Result<Invite> {
  const hash = text.slice(text.indexOf('#') + 1).trim()
  const [before, join, room = '', ownerHash = '', secret = '', encoded = '', ...more] = hash.split('/')
  if (before !== '' || join !== 'join' || more.length > 0) return fail('invite-invalid', '')
  const sized = (part: string, bytes: number) => fromBase64Url(part)?.length === bytes
  if (!isRoomId(room) || !sized(ownerHash, HASH_BYTES) || !sized(secret, ROOM_SECRET_BYTES)) {
    return fail('invite-invalid', 'A part of it is missing.')
  }
  try {
    const name = roomName(decodeURIComponent(encoded))
    return ok({ room, ownerHash, secret, name })
  } catch {
    return fail('invite-invalid', 'Its name cannot be read.')
  }
}

/** As it is kept and shown: one line of bounded length. */
export function roomName(text: string): string {
  const line = text.replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, ' ').trim()
  return [...line].slice(0, ROOM_NAME_CHARACTERS_MAX).join('')
}

export function isRoomId(value: unknown): value is RoomId {
  return typeof value === 'string' && ID.test(value)
}

const events = peerReaderOf('event-invalid')
const control = peerReaderOf('control-invalid')

export function readMembership(value: unknown, reader: PeerReader = events): Membership {
  const { record, whole, run } = reader
  const fields = record(value, 'A membership')
  return {
    room: run(fields, 'room'),
    owner: keyIn(fields, 'owner', reader),
    key: keyIn(fields, 'key', reader),
    untilMs: whole(fields, 'untilMs', 8.64e15),
    listNumber: whole(fields, 'listNumber', Number.MAX_SAFE_INTEGER),
    signature: sizedIn(fields, 'signature', SIGNATURE_BYTES, reader),
  }
}

/** The same where a peer says it. */
export function readMembershipOfPeer(value: unknown): Membership {
  return readMembership(value, control)
}

export function readProof(fields: Fields): string {
  return sizedIn(fields, 'proof', PROOF_BYTES, events)
}

export function keyIn(fields: Fields, field: string, { refuse, words }: PeerReader): PublicKeyText {
  const text = words(fields, field, PEER_ID_CHARACTERS_MAX)
  return parsePublicKey(text).ok ? text : refuse(`\`${field}\``, 'is no key of a device')
}

/** So many bytes in base64url. */
export function sizedIn(fields: Fields, field: string, bytes: number, { refuse, words }: PeerReader): string {
  const text = words(fields, field, Math.ceil((bytes * 4) / 3))
  return fromBase64Url(text)?.length === bytes ? text : refuse(`\`${field}\``, 'has another length')
}

export function randomRoomId(random: (bytes: number) => Uint8Array): RoomId {
  return toBase64Url(random(16))
}
