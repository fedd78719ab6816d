/**
 * Where the operator's rulings meet the tabs: a device under a sanction is refused at the door and sent away where it is here, and
 * everybody is told what is announced. It rules nothing itself and opens no socket.
 */
import type { PublicKeyText } from '../../web/wire/device-keys.ts'
import { keyOfPeer, type PeerId } from '../../web/wire/peers.ts'
import { type Failure, fail } from '../../web/wire/result.ts'
import { type Announcement, type SanctionWord, saySanction } from '../../web/wire/rulings.ts'
import type { TabSocket } from './tab.ts'

/** What is in force. */
export interface RulingsInForce {
  readonly announcements: readonly Announcement[]
  sanctionOf(subjects: readonly PublicKeyText[]): SanctionWord | null
  /** Reads anew what is. */
  look(): Promise<void>
}

export interface RuledDoorParts {
  /** None where nobody can rule. */
  readonly rulings: RulingsInForce | null
  /** The account of a device, as far as it is known, and its own key. */
  readonly ownersOf: (key: PublicKeyText) => readonly PublicKeyText[]
  readonly sockets: ReadonlyMap<PeerId, TabSocket>
  /** Forgets a peer that was sent away. */
  readonly gone: (peer: PeerId) => void
}

export class RuledDoor {
  readonly #parts: RuledDoorParts
  #told = ''

  constructor(parts: RuledDoorParts) {
    this.#parts = parts
  }

  /** Why this device may not come in; null where it may. */
  refusal(key: PublicKeyText): Failure | null {
    const sanction = this.#sanctionOf(key)
    return sanction && fail('sanctioned', saySanction(sanction))
  }

  /** Also one that came in before its account was known. */
  check(peer: PeerId): void {
    const key = keyOfPeer(peer)
    const sanction = key === null ? null : this.#sanctionOf(key)
    if (sanction) this.#sendAway(peer, sanction)
  }

  /** A tab that has just come in. */
  greet(socket: TabSocket): void {
    const announcements = this.#parts.rulings?.announcements ?? []
    if (announcements.length > 0) socket.emit('announcements', announcements)
  }

  /** What is in force has changed. */
  ruled(): void {
    for (const peer of [...this.#parts.sockets.keys()]) this.check(peer)
    const announcements = this.#parts.rulings?.announcements ?? []
    const said = JSON.stringify(announcements)
    if (said === this.#told) return
    this.#told = said
    for (const socket of this.#parts.sockets.values()) socket.emit('announcements', announcements)
  }

  #sanctionOf(key: PublicKeyText): SanctionWord | null {
    const { rulings, ownersOf } = this.#parts
    return rulings?.sanctionOf([key, ...ownersOf(key)]) ?? null
  }

  #sendAway(peer: PeerId, sanction: SanctionWord): void {
    const socket = this.#parts.sockets.get(peer)
    this.#parts.gone(peer)
    socket?.emit('sanctioned', sanction)
    socket?.disconnect(true)
  }
}
