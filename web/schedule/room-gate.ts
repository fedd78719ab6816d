/**
 * Who belongs to a room, asked over the link itself: each side shows the owner's statement for its key, and believes only
 * one for the key that was proven when the link was made, and that no list of removed devices takes back. A server that puts
 * in another peer, keys included, or keeps a list to itself, fails here. Works without the server.
 */
import type { Link } from '../mesh/link.ts'
import { MEMBER_ANSWER_MS_MAX } from '../wire/limits/rooms.ts'
import type { MemberSays } from '../wire/peer-control.ts'
import { keyOfPeer } from '../wire/peers.ts'
import type { Removals } from '../wire/removals.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { Membership, RoomId } from '../wire/rooms.ts'

export interface RoomGateParts {
  /** This device's own statement; null where it is not in the room. */
  readonly own: (room: RoomId) => Membership | null
  readonly check: (room: RoomId, key: string, membership: Membership | null) => Promise<Result<null>>
  /** The newest list of removed devices that is known here. */
  readonly removals: (room: RoomId) => Removals | null
  /** Whether a list is one of the owner's; a newer one is kept. */
  readonly learn: (room: RoomId, removals: Removals) => Promise<Result<unknown>>
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
  readonly #talks = new Map<Link, Map<RoomId, Talk>>()

  constructor(parts: RoomGateParts) {
    this.#parts = parts
  }

  async hear(link: Link, { room, membership, removals }: MemberSays): Promise<void> {
    // Of rooms that this tab is not in nothing is kept but that it was taken out.
    if (removals) await this.#learn(link, room, removals)
    const own = this.#parts.own(room)
    const talk = own ? this.#talk(link, room) : this.#talks.get(link)?.get(room)
    if (talk) {
      talk.heard = membership
      for (const wake of talk.waiting) wake()
    }
    if (talk && own) this.#say(link, room, talk)
    else if (membership) void link.say({ says: 'member', room, membership: null, removals: null })
  }

  /** There is a newer list: those whom it takes out are parted with, all others of the room are told. */
  async renew(room: RoomId): Promise<void> {
    for (const [link, talks] of [...this.#talks]) {
      const talk = talks.get(room)
      if (!talk) continue
      talk.said = false
      this.#say(link, room, talk)
      const member = talk.heard ? await this.isMember(link, room) : ok(null)
      if (!member.ok) link.close(member)
    }
  }

  /** Shows this side's statement and waits for the other's. Refusals: `room-unknown`, `peer-not-member`. */
  async meet(link: Link, room: RoomId): Promise<Result<null>> {
    if (!this.#parts.own(room)) return fail('room-unknown', '')
    const talk = this.#talk(link, room)
    this.#say(link, room, talk)
    if (talk.heard === undefined) await this.#wait(link, talk)
    // What it was shown may be that it is out itself.
    return this.#parts.own(room) ? this.isMember(link, room) : fail('room-unknown', '')
  }

  /** By what it has shown over this link. */
  isMember(link: Link, room: RoomId): Promise<Result<null>> {
    const { heard } = this.#talks.get(link)?.get(room) ?? {}
    return this.#parts.check(room, keyOfPeer(link.peer) ?? '', heard ?? null)
  }

  /** A list that is not the owner's is said by nobody who means well. */
  async #learn(link: Link, room: RoomId, removals: Removals): Promise<void> {
    const learnt = await this.#parts.learn(room, removals)
    if (!learnt.ok && learnt.code === 'room-list-wrong') link.close(learnt)
  }

  #say(link: Link, room: RoomId, talk: Talk): void {
    if (talk.said) return
    talk.said = true
    const { own, removals } = this.#parts
    void link.say({ says: 'member', room, membership: own(room), removals: removals(room) })
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
    let talks = this.#talks.get(link)
    if (!talks) {
      talks = new Map<RoomId, Talk>()
      this.#talks.set(link, talks)
      void link.closed.then(() => this.#talks.delete(link))
    }
    const talk = talks.get(room) ?? { said: false, heard: undefined, waiting: new Set() }
    talks.set(room, talk)
    return talk
  }
}
