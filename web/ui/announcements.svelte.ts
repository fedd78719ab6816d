/**
 * Which announcements of the server's operator a person has put aside, by their ids: kept by this browser, the newest few, so that
 * a reload does not show them again. What is announced is not decided here.
 */
import { ID_CHARACTERS_MAX } from '../wire/limits/models.ts'
import { ANNOUNCEMENTS_ASIDE_MAX } from '../wire/limits/operator.ts'
import type { Announcement } from '../wire/rulings.ts'

const KEPT = 'weft-announcements-aside'
/** A longer wait does not fit the browser's timer. */
const WAIT_MS_MAX = 2 ** 31 - 1

export class AnnouncementsAside {
  #ids = $state.raw(read())
  #nowMs = $state(Date.now())

  /** Those that are neither put aside nor over. */
  shown(all: readonly Announcement[]): readonly Announcement[] {
    return all.filter(({ id, untilMs }) => !this.#ids.includes(id) && untilMs > this.#nowMs)
  }

  put(id: string): void {
    this.#ids = [...read().filter((one) => one !== id), id].slice(-ANNOUNCEMENTS_ASIDE_MAX)
    try {
      localStorage.setItem(KEPT, JSON.stringify(this.#ids))
    } catch {
      // Refused: until the page is closed.
    }
  }

  /** Takes each away at its end. Returns how to stop. */
  watch(all: readonly Announcement[]): () => void {
    const next = Math.min(...this.shown(all).map(({ untilMs }) => untilMs))
    if (!Number.isFinite(next)) return () => {}
    const timer = setTimeout(() => (this.#nowMs = Date.now()), Math.min(Math.max(0, next - Date.now()), WAIT_MS_MAX))
    return () => clearTimeout(timer)
  }
}

function read(): readonly string[] {
  try {
    const ids: unknown = JSON.parse(localStorage.getItem(KEPT) ?? '[]')
    if (!Array.isArray(ids)) return []
    return ids.filter((id) => typeof id === 'string' && id.length <= ID_CHARACTERS_MAX).slice(-ANNOUNCEMENTS_ASIDE_MAX)
  } catch {
    return []
  }
}
