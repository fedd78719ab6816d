/**
 * Whom the owner of a room has taken out of it: one signed list, whose number rises with each change. It names statements that
 * are worth nothing any more; a newer statement for the same key holds again. Says what bytes mean, and nothing of who has it.
 */
import { type PublicKeyText, SIGNATURE_BYTES } from './device-keys.ts'
import { ROOM_REMOVED_MAX } from './limits/rooms.ts'
import { type PeerReader, peerReaderOf } from './peers.ts'
import { keyIn, type RoomId, sizedIn } from './rooms.ts'

export interface Removed {
  readonly key: PublicKeyText
  /** Of the list that took it out: statements for the key from before that list are worth nothing. */
  readonly number: number
  /** Until when it stands here: no statement from before lasts longer. */
  readonly untilMs: number
}

/** Signed by `owner`: `removals`, of room, number and all who are named. */
export interface Removals {
  readonly room: RoomId
  readonly owner: PublicKeyText
  /** From 1. Of two lists the one with the higher number holds. */
  readonly number: number
  readonly removed: readonly Removed[]
  readonly signature: string
}

export function removalFields({ room, number, removed }: Omit<Removals, 'owner' | 'signature'>): readonly string[] {
  return [room, String(number), ...removed.flatMap((one) => [one.key, String(one.number), String(one.untilMs)])]
}

const events = peerReaderOf('event-invalid')
const control = peerReaderOf('control-invalid')

export function readRemovals(value: unknown, reader: PeerReader = events): Removals {
  const { record, list, whole, run, refuse } = reader
  const fields = record(value, 'A list of removed devices')
  const number = whole(fields, 'number', Number.MAX_SAFE_INTEGER)
  const removed = list(fields['removed'], '`removed`', ROOM_REMOVED_MAX).map((one) => {
    const entry = record(one, 'A removed device')
    const at = whole(entry, 'number', number)
    return { key: keyIn(entry, 'key', reader), number: at, untilMs: whole(entry, 'untilMs', 8.64e15) }
  })
  if (number === 0) return refuse('`number`', 'begins with 1')
  const signature = sizedIn(fields, 'signature', SIGNATURE_BYTES, reader)
  return { room: run(fields, 'room'), owner: keyIn(fields, 'owner', reader), number, removed, signature }
}

/** The same where a peer says it. */
export function readRemovalsOfPeer(value: unknown): Removals {
  return readRemovals(value, control)
}
