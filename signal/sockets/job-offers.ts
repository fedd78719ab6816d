/**
 * Who offers a model whole now, as the roster and the book of jobs say together: what the server has just promised counts as
 * held at a worker until that worker's own count has it. Chooses nobody.
 */
import type { LineCapacity } from '../../web/rules/job-line.ts'
import { hasPlace, type MatchOffer, type MatchQuestion, speedOf } from '../../web/rules/job-match.ts'
import { mix } from '../../web/rules/mix.ts'
import type { Roster } from '../../web/rules/roster.ts'
import type { JobOffer, JobWish } from '../../web/wire/jobs.ts'
import type { PeerId } from '../../web/wire/peers.ts'
import type { RoomId } from '../../web/wire/rooms.ts'
import { distancesOf } from './distances.ts'
import type { BookedJob, JobBook } from './job-book.ts'
import type { Rooms } from './rooms.ts'

interface SeenOffer extends MatchOffer {
  /** Whom it serves: this room alone, or anyone. */
  readonly room: RoomId | null
}

export interface JobOffersParts {
  readonly roster: Roster
  readonly rooms: Pick<Rooms, 'peersIn'>
  readonly book: JobBook
  readonly nowMs: () => number
}

/** One look at them: nothing of it holds once a job was leased. */
export class JobOffers {
  readonly #parts: JobOffersParts
  readonly #byModel = new Map<string, SeenOffer[]>()
  readonly #rttMs: MatchQuestion['rttMs']
  /** Who offers any of them. */
  readonly #offering = new Set<PeerId>()
  readonly #members = new Memo<ReadonlySet<PeerId>>()
  readonly #of = new Memo<readonly MatchOffer[]>()
  readonly #hasPlace = new Memo<boolean>()
  readonly #capacity = new Memo<LineCapacity | null>()

  constructor(parts: JobOffersParts, modelIds: ReadonlySet<string>) {
    this.#parts = parts
    this.#rttMs = distancesOf(parts.roster)
    for (const modelId of modelIds) {
      for (const { id: peer, presence } of parts.roster.serving(modelId)) {
        for (const offer of presence?.offers ?? []) if (offer.modelId === modelId) this.#add(peer, offer)
      }
    }
  }

  of(modelId: string, room: RoomId | null): readonly MatchOffer[] {
    return this.#of.get(`${modelId} ${room}`, () =>
      (this.#byModel.get(modelId) ?? []).filter((offer) => (offer.room ?? room) === room),
    )
  }

  /** Whether anybody who offers it could take one more, whoever may ask. */
  hasPlace(modelId: string): boolean {
    return this.#byModel.get(modelId)?.some(hasPlace) ?? false
  }

  /** False: no match is to be found, and thousands who wait for the same need not be looked at one by one. */
  hasPlaceFor({ modelId, room, kind }: JobWish): boolean {
    return this.#hasPlace.get(`${modelId} ${room} ${kind}`, () =>
      this.of(modelId, room).some((offer) => offer.kinds.includes(kind) && hasPlace(offer)),
    )
  }

  question(asker: PeerId, wish: JobWish): MatchQuestion {
    return { wish, asker, allowed: this.#allowed(asker, wish.room), rttMs: this.#rttMs, seed: mix(wish.job, 0) }
  }

  /** Of those who could answer this one; null where there is nobody. */
  capacity({ asker, wish }: Pick<BookedJob, 'asker' | 'wish'>): LineCapacity | null {
    const { modelId, kind, room } = wish
    const own = room !== null || this.#offering.has(asker) ? asker : ''
    return this.#capacity.get(`${modelId} ${room} ${kind} ${own}`, () => {
      const allowed = this.#allowed(asker, room)
      const able = this.of(modelId, room).filter(
        ({ peer, kinds }) => peer !== asker && kinds.includes(kind) && (allowed?.has(peer) ?? true),
      )
      const sum = (of: (offer: MatchOffer) => number) => able.reduce((total, offer) => total + of(offer), 0)
      if (able.length === 0) return null
      const [held, heldTokens] = [sum((offer) => offer.held), sum((offer) => offer.heldTokens)]
      return { tokensPerSecond: sum(speedOf), held, heldTokens }
    })
  }

  #add(peer: PeerId, offer: JobOffer): void {
    const { roster, book, nowMs } = this.#parts
    const presence = roster.peer(peer)?.presence
    const promised = book.promisedOf(peer)
    const held = offer.held + promised.length
    const heldTokens = promised.reduce((sum, { wish }) => sum + wish.maxTokens, offer.heldTokens)
    // Nobody asks it of whom no job can go to, and in a full house these are most.
    const hazard = hasPlace({ held, parallel: offer.parallel }) ? roster.hazard(peer, nowMs()) : 0
    const { visible = false, room = null } = presence ?? {}
    const seen: SeenOffer = { ...offer, held, heldTokens, peer, visible, room, hazard }
    this.#offering.add(peer)
    const known = this.#byModel.get(offer.modelId)
    if (known) known.push(seen)
    else this.#byModel.set(offer.modelId, [seen])
  }

  /** Nobody, for whom has left the room meanwhile. */
  #allowed(asker: PeerId, room: RoomId | null): ReadonlySet<PeerId> | null {
    if (room === null) return null
    return this.#members.get(`${room} ${asker}`, () => this.#parts.rooms.peersIn(asker, room) ?? new Set<PeerId>())
  }
}

/** What was worked out once. */
class Memo<T> {
  readonly #known = new Map<string, { readonly value: T }>()

  get(key: string, make: () => T): T {
    const known = this.#known.get(key) ?? { value: make() }
    this.#known.set(key, known)
    return known.value
  }
}
