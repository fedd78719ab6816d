/**
 * Pairings of frames with the windows that were opened from them: makes codes, lets each be taken once, carries what both say, and ends
 * a pairing when either is gone. A process decides of the frames that it has; of others it does what theirs tells. It starts
 * nothing, and knows neither what is given nor what is asked.
 */
import { createHash, randomBytes } from 'node:crypto'
import { PAIR_CODE_CHARACTERS, PAIR_CODE_MS } from '../../web/wire/limits/pairings.ts'
import type { WindowState } from '../../web/wire/pairings.ts'
import { PAIR_LETTERS, type PairCode, type PairOffer, type PairTaken, type PairWord } from '../../web/wire/pairings.ts'
import type { PeerId } from '../../web/wire/peers.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import type { PairFact } from '../cluster/pair-facts.ts'
import { PAIR_OFFER_RATE, PAIR_OFFERS_MAX, PAIR_TAKE_RATE, RATE_ADDRESSES_MAX } from '../config.ts'
import { Rates } from '../rates.ts'

interface Offer {
  readonly frame: PeerId
  readonly site: string
  readonly untilMs: number
}

interface Pair {
  readonly frame: PeerId
  readonly window: PeerId
}

export interface PairingsParts {
  readonly nowMs: () => number
  /** Its socket is at this process. */
  readonly isHere: (peer: PeerId) => boolean
  /** It is at another one. */
  readonly isElsewhere: (peer: PeerId) => boolean
  /** To a tab, wherever it is. */
  readonly tell: (peer: PeerId, word: PairWord) => void
  /** To the other processes, of a tab of this one. */
  readonly share: (peer: PeerId, fact: PairFact) => void
}

export class Pairings {
  readonly #parts: PairingsParts
  readonly #offerRates: Rates
  readonly #takeRates: Rates
  /** By the hash of the code, the oldest first; and which one a frame has. */
  readonly #offers = new Map<string, Offer>()
  readonly #offerOf = new Map<PeerId, string>()
  /** By both. */
  readonly #pairs = new Map<PeerId, Pair>()

  constructor(parts: PairingsParts) {
    this.#parts = parts
    this.#offerRates = new Rates(PAIR_OFFER_RATE, RATE_ADDRESSES_MAX, parts.nowMs)
    this.#takeRates = new Rates(PAIR_TAKE_RATE, RATE_ADDRESSES_MAX, parts.nowMs)
  }

  /** A new code, which ends the one before. Refusals: `pair-busy`. */
  offer(frame: PeerId, site: string, address: string): Result<PairOffer> {
    this.#forgetOld()
    this.#dropOffer(frame)
    if (!this.#offerRates.take(address) || this.#offers.size >= PAIR_OFFERS_MAX) return fail('pair-busy', '')
    const code = newCode()
    const fact = { kind: 'offer', hash: hashOf(code), untilMs: this.#parts.nowMs() + PAIR_CODE_MS, site } as const
    this.#keep(frame, fact)
    this.#parts.share(frame, fact)
    return ok({ code, untilMs: fact.untilMs })
  }

  /** Refusals: `pair-busy` for an address that tries too many; `pair-code`, which does not say why. */
  take(window: PeerId, code: PairCode, address: string): Result<PairTaken> {
    if (!this.#takeRates.take(address)) return fail('pair-busy', '')
    this.#forgetOld()
    const hash = hashOf(code)
    const offer = this.#offers.get(hash)
    if (!offer || offer.frame === window || offer.untilMs <= this.#parts.nowMs()) return fail('pair-code', '')
    if (this.#parts.isHere(offer.frame)) this.#accept(offer.frame, window)
    // Between two connections: the code is good once it is back.
    else if (!this.#parts.isElsewhere(offer.frame)) return fail('pair-code', '')
    else {
      this.#dropOffer(offer.frame)
      this.#parts.share(window, { kind: 'take', frame: offer.frame, hash })
    }
    return ok({ site: offer.site })
  }

  /** Refusals of the next three: `peer-unknown` where it is not paired so. */
  say(window: PeerId, state: WindowState): Result<null> {
    const pair = this.#pairs.get(window)
    if (pair?.window !== window) return fail('peer-unknown', '')
    this.#parts.tell(pair.frame, { kind: 'state', window: state })
    return ok(null)
  }

  stop(frame: PeerId): Result<null> {
    const pair = this.#pairs.get(frame)
    if (pair?.frame !== frame) return fail('peer-unknown', '')
    this.#parts.tell(pair.window, { kind: 'stop' })
    return ok(null)
  }

  look(own: PeerId): Result<null> {
    return this.#pairs.has(own) ? ok(null) : fail('peer-unknown', '')
  }

  /** What it offers and what it is paired with. */
  end(own: PeerId): void {
    this.gone(own)
    this.#parts.share(own, { kind: 'end' })
  }

  /** Of any tab: it left, or its lease has ended. */
  gone(peer: PeerId): void {
    this.#dropOffer(peer)
    this.#part(peer)
  }

  /** Of a tab at another process, in the order in which that one told. */
  hear(peer: PeerId, fact: PairFact): void {
    switch (fact.kind) {
      case 'offer':
        this.#forgetOld()
        this.#dropOffer(peer)
        if (this.#offers.size < PAIR_OFFERS_MAX) this.#keep(peer, fact)
        break
      case 'take':
        this.#hearTake(peer, fact.frame, fact.hash)
        break
      case 'pair':
        this.#join(peer, fact.other)
        break
      case 'refuse':
        this.#tellHere(fact.other, { kind: 'ended' })
        break
      case 'end':
        this.gone(peer)
        break
      default:
        fact satisfies never
    }
  }

  /** What a tab of this process has, for one that comes late. */
  factsOf(frame: PeerId): readonly PairFact[] {
    const hash = this.#offerOf.get(frame)
    const offer = hash === undefined ? undefined : this.#offers.get(hash)
    const pair = this.#pairs.get(frame)
    return [
      ...(hash !== undefined && offer
        ? [{ kind: 'offer', hash, untilMs: offer.untilMs, site: offer.site } as const]
        : []),
      ...(pair?.frame === frame ? [{ kind: 'pair', other: pair.window } as const] : []),
    ]
  }

  #hearTake(window: PeerId, frame: PeerId, hash: string): void {
    const { isHere, nowMs, share } = this.#parts
    const offer = this.#offers.get(hash)
    const isGood = offer?.frame === frame && offer.untilMs > nowMs()
    if (offer) this.#dropOffer(offer.frame)
    if (!isHere(frame)) return
    // Two windows may have asked two processes at the same moment.
    if (isGood) this.#accept(frame, window)
    else share(frame, { kind: 'refuse', other: window })
  }

  #accept(frame: PeerId, window: PeerId): void {
    this.#join(frame, window)
    this.#parts.share(frame, { kind: 'pair', other: window })
  }

  #join(frame: PeerId, window: PeerId): void {
    this.#dropOffer(frame)
    const known = this.#pairs.get(frame)
    if (known?.frame === frame && known.window === window) return
    for (const peer of [frame, window]) this.#part(peer)
    const pair = { frame, window }
    for (const peer of [frame, window]) {
      this.#pairs.set(peer, pair)
      this.#tellHere(peer, { kind: 'paired' })
    }
  }

  #part(peer: PeerId): void {
    const pair = this.#pairs.get(peer)
    if (!pair) return
    this.#pairs.delete(pair.frame)
    this.#pairs.delete(pair.window)
    this.#tellHere(pair.frame === peer ? pair.window : pair.frame, { kind: 'ended' })
  }

  /** Each process tells its own. */
  #tellHere(peer: PeerId, word: PairWord): void {
    if (this.#parts.isHere(peer)) this.#parts.tell(peer, word)
  }

  #keep(frame: PeerId, { hash, untilMs, site }: Extract<PairFact, { readonly kind: 'offer' }>): void {
    // Another process may have another clock.
    const ownMs = Math.min(untilMs, this.#parts.nowMs() + PAIR_CODE_MS)
    this.#offers.set(hash, { frame, site, untilMs: ownMs })
    this.#offerOf.set(frame, hash)
  }

  #dropOffer(frame: PeerId): void {
    const hash = this.#offerOf.get(frame)
    if (hash !== undefined) this.#offers.delete(hash)
    this.#offerOf.delete(frame)
  }

  #forgetOld(): void {
    const nowMs = this.#parts.nowMs()
    for (const { frame, untilMs } of this.#offers.values()) {
      if (untilMs > nowMs) break
      this.#dropOffer(frame)
    }
  }
}

/** 256 is a multiple of 32: each letter is as likely. */
function newCode(): PairCode {
  return Array.from(randomBytes(PAIR_CODE_CHARACTERS), (byte) => PAIR_LETTERS.charAt(byte % PAIR_LETTERS.length)).join(
    '',
  )
}

function hashOf(code: PairCode): string {
  return createHash('sha256').update(code).digest('base64url')
}
