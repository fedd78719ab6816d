/**
 * Where the rooms of this browser lie: their statements and, of rooms that it owns, the secret of the invite. In the
 * browser's database, which all its tabs share; where that is refused, for this page only. Decides nothing.
 */
import { type DBSchema, openDB } from 'idb'
import { newerList } from '../rules/removals.ts'
import type { PublicKeyText } from '../wire/device-keys.ts'
import type { Removals } from '../wire/removals.ts'
import type { Membership, RoomId } from '../wire/rooms.ts'
import { shelfNews } from './shelf-news.ts'

export interface KeptRoom {
  readonly id: RoomId
  readonly name: string
  readonly ownerHash: string
  /** Null until the owner has let this device in. */
  readonly membership: Membership | null
  /** What this device knocks with, until it is let in. */
  readonly knock: string | null
  /** Of a room of this device: `alone` lets in by itself whoever has it. */
  readonly invite: { readonly secret: string; readonly alone: boolean } | null
  /** The newest list of removed devices that this browser has seen. */
  readonly removals: Removals | null
  /** Of a room of this device: whom it has let in, and until when; the newest last. */
  readonly letIn: readonly { readonly key: PublicKeyText; readonly untilMs: number }[]
}

/** What becomes of a room that lies there. May be called for more than one. */
export type RoomChange = (kept: KeptRoom) => KeptRoom

export interface RoomShelf {
  all(): Promise<readonly KeptRoom[]>
  /** A list never gives way to an older one. */
  put(room: KeptRoom): Promise<void>
  /**
   * In one step, so that of two tabs that change at once neither undoes what the other did. Nothing where the room does not
   * lie there any more. A list never gives way to an older one.
   */
  change(id: RoomId, change: RoomChange): Promise<void>
  drop(id: RoomId): Promise<void>
  /** Another tab has put or dropped. */
  hear(listener: () => void): () => void
}

interface RoomSchema extends DBSchema {
  rooms: { key: RoomId; value: KeptRoom }
}

/** What is put where that lay. */
export function roomOver(known: KeptRoom | undefined, room: KeptRoom): KeptRoom {
  const { removals } = room
  const before = known?.removals ?? null
  return { ...room, removals: removals === null ? before : newerList(before, removals) }
}

export class MemoryRoomShelf implements RoomShelf {
  readonly #rooms = new Map<RoomId, KeptRoom>()

  async all(): Promise<readonly KeptRoom[]> {
    return [...this.#rooms.values()]
  }

  async put(room: KeptRoom): Promise<void> {
    this.#rooms.set(room.id, roomOver(this.#rooms.get(room.id), room))
  }

  async change(id: RoomId, change: RoomChange): Promise<void> {
    const known = this.#rooms.get(id)
    if (known) this.#rooms.set(id, roomOver(known, change(known)))
  }

  async drop(id: RoomId): Promise<void> {
    this.#rooms.delete(id)
  }

  /** What one page keeps no other tab changes. */
  hear(): () => void {
    return () => {}
  }
}

/** As long as the page is open. */
export async function roomShelf(): Promise<RoomShelf> {
  try {
    const database = await openDB<RoomSchema>('weft-rooms', 2, {
      upgrade(opened, from) {
        // Statements of the first version name no list: nobody believes them any more.
        if (from > 0) opened.deleteObjectStore('rooms')
        opened.createObjectStore('rooms', { keyPath: 'id' })
      },
    })
    const news = shelfNews('weft-rooms/2')
    return {
      all: () => database.getAll('rooms'),
      async put(room) {
        const change = database.transaction('rooms', 'readwrite')
        await change.store.put(roomOver(await change.store.get(room.id), room))
        await change.done
        news.tell()
      },
      async change(id, change) {
        const step = database.transaction('rooms', 'readwrite')
        const known = await step.store.get(id)
        if (known) await step.store.put(roomOver(known, change(known)))
        await step.done
        if (known) news.tell()
      },
      async drop(id) {
        await database.delete('rooms', id)
        news.tell()
      },
      hear: news.hear,
    }
  } catch (error) {
    if (!(error instanceof DOMException)) throw error
    return new MemoryRoomShelf()
  }
}
