/**
 * Tells tabs that look at the network how many serve what: one count for all of them, every `CENSUS_MS`, and none while
 * nobody looks.
 */
import type { Socket } from 'socket.io'
import { censusOf } from '../../web/rules/census.ts'
import type { Roster } from '../../web/rules/roster.ts'
import { CENSUS_MS } from '../../web/wire/limits.ts'
import type { ServerSays, TabSays } from '../../web/wire/signal-events.ts'

type TabSocket = Socket<TabSays, ServerSays>

export class CensusDesk {
  readonly #roster: Roster
  readonly #lookers = new Set<TabSocket>()
  #telling: ReturnType<typeof setInterval> | null = null

  constructor(roster: Roster) {
    this.#roster = roster
  }

  /** Told at once and then again and again; not that it looked twice. */
  look(socket: TabSocket, on: boolean): void {
    if (!on) this.leave(socket)
    if (!on || this.#lookers.has(socket)) return
    this.#lookers.add(socket)
    socket.emit('census', censusOf(this.#roster.all()))
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

  #tell(): void {
    const census = censusOf(this.#roster.all())
    // Only the newest is worth anything: a slow socket gets the next one.
    for (const socket of this.#lookers) socket.volatile.emit('census', census)
  }
}
