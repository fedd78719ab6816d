/**
 * Which of the tabs here are visitors of partners: says at the door whether a key is one, and of each wish whether its site lets a
 * visitor have that. Who pays is not decided here.
 */
import type { PartnerKey } from '../../web/wire/partner-keys.ts'
import { keyOfPeer, type PeerId } from '../../web/wire/peers.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import type { PartnerPlace, VisitorPlace } from '../config.ts'
import type { Partners } from '../partners/partners.ts'

export interface PartnerDeskParts {
  readonly partners: Pick<Partners, 'find' | 'allows' | 'takes' | 'takesOf' | 'onRevoked'>
  /** Its key is good for nothing any more. */
  readonly tell: (peer: PeerId) => void
  readonly limited: (place: PartnerPlace | VisitorPlace) => void
}

export class PartnerDesk {
  readonly #parts: PartnerDeskParts
  readonly #keys = new Map<PeerId, PartnerKey>()

  constructor(parts: PartnerDeskParts) {
    this.#parts = parts
    parts.partners.onRevoked((key) => this.#tellRevoked(key))
  }

  /** Another process has changed or revoked it. Whoever is nobody's visitor here asks the ledger nothing. */
  async look(key: PartnerKey): Promise<void> {
    if (![...this.#keys.values()].includes(key)) return
    const found = await this.#parts.partners.find(key)
    if (!found.ok && found.code === 'partner-revoked') this.#tellRevoked(key)
  }

  /** Before a tab is let in. A ledger that is away keeps none out, which would not come again by itself: its wishes are looked at again. Refusals: `partner-busy`, `partner-unknown`, `partner-revoked`. */
  async meets(key: PartnerKey): Promise<Result<null>> {
    if (!this.#takes(key, 'partner-connect')) return fail('partner-busy', '')
    const found = await this.#parts.partners.find(key)
    return found.ok || found.code === 'ledger-away' ? ok(null) : found
  }

  /** `key`: null of a tab that is nobody's visitor, or not any more. */
  put(peer: PeerId, key: PartnerKey | null): void {
    if (key === null) this.#keys.delete(peer)
    else this.#keys.set(peer, key)
  }

  of(peer: PeerId): PartnerKey | null {
    return this.#keys.get(peer) ?? null
  }

  /** The name of the site whose visitor it is. Refusals: `partner-unknown` for nobody's, those of `Partners.find`. */
  async siteOf(peer: PeerId): Promise<Result<string>> {
    const key = this.of(peer)
    if (key === null) return fail('partner-unknown', '')
    const found = await this.#parts.partners.find(key)
    return found.ok ? ok(found.value.record.site) : found
  }

  /** Whoever is nobody's visitor may. Refusals: `partner-busy`; those of `Partners.allows`. */
  async allows(
    peer: PeerId,
    network: string,
    wish: { readonly modelId: string; readonly room: string | null },
  ): Promise<Result<null>> {
    const key = this.of(peer)
    if (key === null) return ok(null)
    // A device is free to make; an address is not.
    const takes =
      this.#takesOf(network, 'partner-network') &&
      this.#takesOf(keyOfPeer(peer) ?? peer, 'partner-device') &&
      this.#takes(key, 'partner-wish')
    return takes ? this.#parts.partners.allows(key, wish) : fail('partner-busy', '')
  }

  /** Rooms and accounts of devices are not for visitors: a page that shows a frame is nobody's home. */
  isVisitor(peer: PeerId): boolean {
    return this.#keys.has(peer)
  }

  #tellRevoked(key: PartnerKey): void {
    for (const [peer, own] of this.#keys) if (own === key) this.#parts.tell(peer)
  }

  #takesOf(visitor: string, place: VisitorPlace): boolean {
    if (this.#parts.partners.takesOf(visitor, place)) return true
    this.#parts.limited(place)
    return false
  }

  #takes(key: PartnerKey, place: PartnerPlace): boolean {
    if (this.#parts.partners.takes(key, place)) return true
    this.#parts.limited(place)
    return false
  }
}
