/**
 * The operator's rulings in force: who may not come in, and what everybody is told. The database keeps them, so that a restart
 * keeps them too and all servers of one database go by the same; this one remembers what it read last, also while the database is
 * away. It ends no socket and tells nobody: `changed` does.
 */
import { randomBytes } from 'node:crypto'
import type { PublicKeyText } from '../../web/wire/device-keys.ts'
import { ANNOUNCEMENTS_MAX, OPERATOR_ROWS_MAX } from '../../web/wire/limits/operator.ts'
import type { Page } from '../../web/wire/operator-views.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import type {
  Announcement,
  AnnouncementWish,
  KeptAnnouncement,
  RulingId,
  Sanction,
  SanctionWish,
  SanctionWord,
} from '../../web/wire/rulings.ts'
import { RULINGS_LOOK_MS } from '../config.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import {
  announcementsInForce,
  endAnnouncement,
  keepAnnouncement,
  keepSanction,
  liftSanction,
  newestAnnouncements,
  sanctionsFound,
  sanctionsInForce,
} from '../ledger/rulings.ts'
import { faultOf } from '../log/log.ts'
import type { Watch } from '../watch.ts'
import type { PageAsked } from './pages.ts'

export interface RulingsParts {
  /** Opened where it is not yet; rejects where it cannot be. */
  readonly open: () => Promise<LedgerDatabase>
  readonly nowMs: () => number
  readonly watch: Watch
  /** After every change of what is in force, the first look included. */
  readonly changed: () => void
  /** After what was ruled here. */
  readonly ruled: () => void
}

export class Rulings {
  readonly #parts: RulingsParts
  #sanctions: ReadonlyMap<PublicKeyText, Sanction> = new Map()
  #announcements: readonly KeptAnnouncement[] = []
  #looking: ReturnType<typeof setInterval> | null = null
  /** What was begun to be changed. */
  readonly #running = new Set<Promise<unknown>>()
  /** Looks go one after the other: an older one never has the last word. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(parts: RulingsParts) {
    this.#parts = parts
  }

  /** Of any of these keys. */
  sanctionOf(subjects: readonly PublicKeyText[]): SanctionWord | null {
    const nowMs = this.#parts.nowMs()
    for (const subject of subjects) {
      const sanction = this.#sanctions.get(subject)
      if (sanction && isBefore(nowMs, sanction.untilMs)) return { reason: sanction.reason, untilMs: sanction.untilMs }
    }
    return null
  }

  /** As tabs are told of them. */
  get announcements(): readonly Announcement[] {
    const nowMs = this.#parts.nowMs()
    const inForce = this.#announcements.filter(({ untilMs }) => untilMs > nowMs).slice(-ANNOUNCEMENTS_MAX)
    return inForce.map(({ id, level, text, untilMs }) => ({ id, level, text, untilMs }))
  }

  /** `shared`: others may rule in this database too, so it is looked at again and again. */
  async begin(shared: boolean): Promise<void> {
    if (shared) {
      this.#looking = setInterval(() => void this.look(), RULINGS_LOOK_MS)
      this.#looking.unref()
    }
    await this.look()
  }

  /** After what was begun: it is kept, and looked at. */
  async close(): Promise<void> {
    if (this.#looking !== null) clearInterval(this.#looking)
    await Promise.all(this.#running)
    await this.#last
  }

  /** Reads anew what is in force. What was read before holds where the database is away. */
  look(): Promise<void> {
    const looked = this.#last.then(async () => {
      const nowMs = this.#parts.nowMs()
      const read = await this.#tried(async ({ kysely }) =>
        ok([await sanctionsInForce(kysely, nowMs), await announcementsInForce(kysely, nowMs)] as const),
      )
      if (!read.ok) return
      const [sanctions, announcements] = read.value
      this.#sanctions = strictest(sanctions)
      this.#announcements = announcements
      this.#parts.changed()
    })
    this.#last = looked
    return looked
  }

  /** Those that hold first, then those that are over. Refusals: `ledger-away`. */
  sanctions(page: PageAsked): Promise<Result<Page<Sanction>>> {
    const nowMs = this.#parts.nowMs()
    return this.#tried(async ({ kysely }) => ok(await sanctionsFound(kysely, nowMs, page, OPERATOR_ROWS_MAX)))
  }

  /** Those that hold first, then the newest of those that are over. Refusals: `ledger-away`. */
  kept(): Promise<Result<readonly KeptAnnouncement[]>> {
    const nowMs = this.#parts.nowMs()
    return this.#tried(async ({ kysely }) => ok(await newestAnnouncements(kysely, nowMs, OPERATOR_ROWS_MAX)))
  }

  /** Refusals: `request-invalid` of one that is over already, `ledger-away`. */
  async sanction(wish: SanctionWish): Promise<Result<Sanction>> {
    const madeMs = this.#parts.nowMs()
    if (!isBefore(madeMs, wish.untilMs)) return fail('request-invalid', 'It would end before it begins.')
    const sanction = { id: newId(), ...wish, madeMs, liftedMs: null }
    return this.#ruled(sanction, ({ kysely }) => keepSanction(kysely, sanction))
  }

  /** Refusals: `request-invalid` of one that is over already or one too many, `ledger-away`. */
  async announce(wish: AnnouncementWish): Promise<Result<KeptAnnouncement>> {
    const madeMs = this.#parts.nowMs()
    if (!isBefore(madeMs, wish.untilMs)) return fail('request-invalid', 'It would end before it begins.')
    if (this.announcements.length >= ANNOUNCEMENTS_MAX) {
      return fail('request-invalid', `There are ${ANNOUNCEMENTS_MAX} at most. End one first.`)
    }
    const announcement = { id: newId(), ...wish, madeMs, endedMs: null }
    return this.#ruled(announcement, ({ kysely }) => keepAnnouncement(kysely, announcement))
  }

  /** False where there is none that could be lifted. Refusals: `ledger-away`. */
  lift(id: RulingId): Promise<Result<boolean>> {
    return this.#ended(({ kysely }) => liftSanction(kysely, id, this.#parts.nowMs()))
  }

  /** False where there is none that could be ended. Refusals: `ledger-away`. */
  end(id: RulingId): Promise<Result<boolean>> {
    return this.#ended(({ kysely }) => endAnnouncement(kysely, id, this.#parts.nowMs()))
  }

  async #ruled<T>(ruling: T, keep: (database: LedgerDatabase) => Promise<void>): Promise<Result<T>> {
    const kept = await this.#done(async (database) => ok(await keep(database)))
    return kept.ok ? ok(ruling) : kept
  }

  #ended(end: (database: LedgerDatabase) => Promise<boolean>): Promise<Result<boolean>> {
    return this.#done(async (database) => ok(await end(database)))
  }

  /** Changes what is in force, and looks at it. */
  #done<T>(work: (database: LedgerDatabase) => Promise<Result<T>>): Promise<Result<T>> {
    const done = this.#tried(work).then(async (result) => {
      if (result.ok && result.value !== false) {
        this.#parts.ruled()
        await this.look()
      }
      return result
    })
    this.#running.add(done)
    return done.finally(() => this.#running.delete(done))
  }

  async #tried<T>(work: (database: LedgerDatabase) => Promise<Result<T>>): Promise<Result<T>> {
    try {
      return await work(await this.#parts.open())
    } catch (error) {
      this.#parts.watch.log.write('ledger-failed', { during: 'rulings', ...faultOf(error) })
      return fail('ledger-away', '')
    }
  }
}

/** Where several are of one subject, the one that lasts longest is said. */
function strictest(sanctions: readonly Sanction[]): ReadonlyMap<PublicKeyText, Sanction> {
  const bySubject = new Map<PublicKeyText, Sanction>()
  for (const sanction of sanctions) {
    const known = bySubject.get(sanction.subject)
    if (!known || endOf(sanction) > endOf(known)) bySubject.set(sanction.subject, sanction)
  }
  return bySubject
}

function endOf({ untilMs }: SanctionWord): number {
  return untilMs ?? Number.POSITIVE_INFINITY
}

function isBefore(nowMs: number, untilMs: number | null): boolean {
  return untilMs === null || nowMs < untilMs
}

function newId(): RulingId {
  return randomBytes(16).toString('base64url')
}
