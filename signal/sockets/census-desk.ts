/**
 * Tells tabs that look at the network how many serve what: one count for all who look at the same, every `CENSUS_MS`, and
 * none while nobody looks. Who serves a room alone is counted for that room only.
 */
import type { Socket } from 'socket.io'
import { censusOf } from '../../web/rules/census.ts'
import type { Roster } from '../../web/rules/roster.ts'
import type { Census } from '../../web/wire/census.ts'
import { CENSUS_MS } from '../../web/wire/limits/signalling.ts'
import type { PeerId } from '../../web/wire/peers.ts'
import type { RoomId } from '../../web/wire/rooms.ts'
import type { ServerSays, TabSays } from '../../web/wire/signal-events.ts'

type TabSocket = Socket<TabSays, ServerSays>

/** A room that a tab looks at, and who is in it now; null where it has left. */
export interface RoomSight {
  readonly room: RoomId
  readonly peers: () => ReadonlySet<PeerId> | null
}

export class CensusDesk {
  readonly #roster: Roster
  /** Tokens of the jobs that wait for each model, in this room or from anyone. */
  readonly #waiting: (room: RoomId | null) => ReadonlyMap<string, number>
  /** Null: all who serve anyone. */
  readonly #lookers = new Map<TabSocket, RoomSight | null>()
  #telling: ReturnType<typeof setInterval> | null = null

  constructor(roster: Roster, waiting: (room: RoomId | null) => ReadonlyMap<string, number>) {
    this.#roster = roster
    this.#waiting = waiting
  }

  /** Told at once and then again and again; not that it looked twice at the same. */
  look(socket: TabSocket, on: boolean, sight: RoomSight | null): void {
    const known = this.#lookers.get(socket)
    if (!on) this.leave(socket)
    if (!on || (known !== undefined && known?.room === sight?.room)) return
    this.#lookers.set(socket, sight)
    socket.emit('census', this.#count(sight))
    this.#telling ??= setInterval(() => this.#tell(), CENSUS_MS)
  }

  leave(socket: TabSocket): void {
    this.#lookers.delete(socket)
    if (this.#lookers.size === 0) this.close()
  }

  close(): void {
    if (this.#telling !== null) clearInterval(this.#telling)
    this.#telling = null
  }

  #count(sight: RoomSight | null): Census {
    const inside = sight?.peers()
    const seen = sight ? this.#roster.all().filter(({ id }) => inside?.has(id)) : this.#roster.all()
    const room = sight?.room ?? null
    return censusOf(
      seen.map((peer) => ({
        ...peer,
        presence: peer.presence && (peer.presence.room ?? room) === room ? peer.presence : null,
      })),
      room,
      this.#waiting(room),
    )
  }

  #tell(): void {
    const all = this.#count(null)
    // Only the newest is worth anything: a slow socket gets the next one.
    for (const [socket, sight] of this.#lookers) {
      socket.volatile.emit('census', sight ? this.#count(sight) : all)
    }
  }
}
