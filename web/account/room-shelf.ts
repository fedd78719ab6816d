/**
 * Where the rooms of this browser lie: their statements and, of rooms that it owns, the secret of the invite. In the
 * browser's database; where that is refused, for this page only. Decides nothing.
 */
import { type DBSchema, openDB } from 'idb'
import type { Membership, RoomId } from '../wire/rooms.ts'

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
}

export interface RoomShelf {
  all(): Promise<readonly KeptRoom[]>
  put(room: KeptRoom): Promise<void>
  drop(id: RoomId): Promise<void>
}

interface RoomSchema extends DBSchema {
  rooms: { key: RoomId; value: KeptRoom }
}

export class MemoryRoomShelf implements RoomShelf {
  readonly #rooms = new Map<RoomId, KeptRoom>()

  async all(): Promise<readonly KeptRoom[]> {
    return [...this.#rooms.values()]
  }

  async put(room: KeptRoom): Promise<void> {
    this.#rooms.set(room.id, room)
  }

  async drop(id: RoomId): Promise<void> {
    this.#rooms.delete(id)
  }
}

/** As long as the page is open. */
export async function roomShelf(): Promise<RoomShelf> {
  try {
    const database = await openDB<RoomSchema>('weft-rooms', 1, {
      upgrade: (opened) => void opened.createObjectStore('rooms', { keyPath: 'id' }),
    })
    return {
      all: () => database.getAll('rooms'),
      put: async (room) => void (await database.put('rooms', room)),
      drop: (id) => database.delete('rooms', id),
    }
  } catch (error) {
    if (!(error instanceof DOMException)) throw error
    return new MemoryRoomShelf()
  }
}
