/**
 * Who belongs to a room, asked over the link itself: each side shows the owner's statement for its key, and believes only
 * one for the key that was proven when the link was made. A server that puts in another peer, keys included, fails here.
 * Works without the server.
 */
import type { Link } from '../mesh/link.ts'
import { MEMBER_ANSWER_MS_MAX } from '../wire/limits.ts'
import type { MemberSays } from '../wire/peer-control.ts'
import { keyOfPeer } from '../wire/peers.ts'
import { fail, type Result } from '../wire/result.ts'
import type { Membership, RoomId } from '../wire/rooms.ts'

export interface RoomGateParts {
  /** This device's own statement; null where it is not in the room. */
  readonly own: (room: RoomId) => Membership | null
  readonly check: (room: RoomId, key: string, membership: Membership | null) => Promise<Result<null>>
}

/** What was said over one link of one room. */
interface Talk {
  said: boolean
  /** Undefined until the other side has spoken. */
  heard: Membership | null | undefined
  readonly waiting: Set<() => void>
}

export class RoomGate {
  readonly #parts: RoomGateParts
  readonly #talks = new WeakMap<Link, Map<RoomId, Talk>>()

  constructor(parts: RoomGateParts) {
    this.#parts = parts
  }

  hear(link: Link, { room, membership }: MemberSays): void {
    // Of rooms that this tab is not in nothing is kept.
    if (!this.#parts.own(room)) {
      if (membership) void link.say({ says: 'member', room, membership: null })
      return
    }
    const talk = this.#talk(link, room)
    talk.heard = membership
    for (const wake of talk.waiting) wake()
    this.#say(link, room, talk)
  }

  /** Shows this side's statement and waits for the other's. Refusals: `room-unknown`, `peer-not-member`. */
  async meet(link: Link, room: RoomId): Promise<Result<null>> {
    if (!this.#parts.own(room)) return fail('room-unknown', '')
    const talk = this.#talk(link, room)
    this.#say(link, room, talk)
    if (talk.heard === undefined) await this.#wait(link, talk)
    return this.isMember(link, room)
  }

  /** By what it has shown over this link. */
  isMember(link: Link, room: RoomId): Promise<Result<null>> {
    const { heard } = this.#talks.get(link)?.get(room) ?? {}
    return this.#parts.check(room, keyOfPeer(link.peer) ?? '', heard ?? null)
  }

  #say(link: Link, room: RoomId, talk: Talk): void {
    if (talk.said) return
    talk.said = true
    void link.say({ says: 'member', room, membership: this.#parts.own(room) })
  }

  #wait(link: Link, talk: Talk): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        talk.waiting.delete(done)
        resolve()
      }
      const timer = setTimeout(done, MEMBER_ANSWER_MS_MAX)
      talk.waiting.add(done)
      void link.closed.then(done)
    })
  }

  #talk(link: Link, room: RoomId): Talk {
    const talks = this.#talks.get(link) ?? new Map<RoomId, Talk>()
    this.#talks.set(link, talks)
    const talk = talks.get(room) ?? { said: false, heard: undefined, waiting: new Set() }
    talks.set(room, talk)
    return talk
  }
}
