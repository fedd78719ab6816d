/**
 * Partner keys at the server: finds one, says what its visitors may wish for, and has them made, changed and revoked. Reads the
 * ledger each time, so that every process of a server knows of a change at the next wish. Knows no socket and no page.
 */
import { randomBytes } from 'node:crypto'
import type { HoldEvent, LedgerOwner } from '../../web/wire/ledger-events.ts'
import { PARTNERS_MAX } from '../../web/wire/limits/partners.ts'
import type { PartnerDay, PartnerKey, PartnerRecord, PartnerState, PartnerWish } from '../../web/wire/partner-keys.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { type PartnerPlace, type PartnerRates, RATE_ADDRESSES_MAX, type VisitorPlace } from '../config.ts'
import type { KeptPartner, PartnerShelf } from '../ledger/partner-keys.ts'
import type { TicketToKeep } from '../ledger/receipts.ts'
import { Rates } from '../rates.ts'

export interface PartnersParts {
  /** With the shelf of an open ledger. Refusals: `ledger-away`, and those of the work. */
  readonly tried: <T>(work: (shelf: PartnerShelf) => Promise<Result<T>>) => Promise<Result<T>>
  readonly nowMs: () => number
  readonly rates: PartnerRates
}

/** The bucket of keys that nobody has made; no key is called so. */
const NOBODYS = ''

export class Partners {
  readonly #parts: PartnersParts
  readonly #rates: Readonly<Record<PartnerPlace | VisitorPlace, Rates>>
  /** Made by an operator, also those that are revoked: each has buckets of its own. */
  readonly #known = new Set<PartnerKey>()
  readonly #revoked: ((key: PartnerKey) => void)[] = []
  readonly #ruled: ((key: PartnerKey) => void)[] = []

  constructor(parts: PartnersParts) {
    this.#parts = parts
    // One more, for all keys that nobody has made: they push none out that has been.
    const of = (place: keyof PartnerRates, max = PARTNERS_MAX + 1) => new Rates(parts.rates[place], max, parts.nowMs)
    this.#rates = {
      'partner-http': of('partner-http'),
      'partner-connect': of('partner-connect'),
      'partner-wish': of('partner-wish'),
      'partner-address': of('partner-address', RATE_ADDRESSES_MAX),
      'partner-device': of('partner-device', RATE_ADDRESSES_MAX),
      'partner-network': of('partner-network', RATE_ADDRESSES_MAX),
    }
  }

  /** Before the first of them is asked for. */
  know(keys: readonly PartnerKey[]): void {
    for (const key of keys) this.#known.add(key)
  }

  /** False: too much at this key. */
  takes(key: PartnerKey, place: PartnerPlace): boolean {
    return this.#rates[place].take(this.#known.has(key) ? key : NOBODYS)
  }

  /** False: too much of this visitor. Asked first: one does not use up what all others of its site have. */
  takesOf(visitor: string, place: VisitorPlace): boolean {
    return this.#rates[place].take(visitor)
  }

  /** After a refusal over HTTP. */
  get retrySeconds(): number {
    return this.#rates['partner-http'].retrySeconds
  }

  /** Refusals: `partner-unknown`, `partner-revoked`, `ledger-away`. */
  find(key: PartnerKey): Promise<Result<KeptPartner>> {
    return this.#parts.tried(async (shelf) => {
      const kept = await shelf.find(key, this.#parts.nowMs())
      if (!kept) return fail('partner-unknown', '')
      this.#known.add(key)
      return kept.record.revokedMs === null ? ok(kept) : fail('partner-revoked', '')
    })
  }

  /** Whether a visitor may ask others for this. Refusals: those of `find`; `partner-scope`, `partner-model`. */
  async allows(
    key: PartnerKey,
    wish: { readonly modelId: string; readonly room: string | null },
  ): Promise<Result<null>> {
    const found = await this.find(key)
    if (!found.ok) return found
    const { scope, models } = found.value.record
    if (scope === 'own' || wish.room !== null) return fail('partner-scope', '')
    return models.length === 0 || models.includes(wish.modelId) ? ok(null) : fail('partner-model', '')
  }

  /** As `PartnerShelf.agree`; `ledger-away`. */
  agree(key: PartnerKey, hold: HoldEvent, tickets: readonly TicketToKeep[]): Promise<Result<number>> {
    return this.#parts.tried((shelf) => shelf.agree(key, hold, tickets))
  }

  /** A request that nothing is paid for. What cannot be counted now is not. */
  async count(key: PartnerKey, request: string): Promise<void> {
    await this.#parts.tried(async (shelf) => ok(await shelf.count(key, request, this.#parts.nowMs())))
  }

  list(): Promise<Result<readonly PartnerRecord[]>> {
    return this.#parts.tried(async (shelf) => ok(await shelf.list()))
  }

  days(key: PartnerKey, many: number): Promise<Result<readonly PartnerDay[]>> {
    return this.#parts.tried(async (shelf) => ok(await shelf.days(key, many, this.#parts.nowMs())))
  }

  /** `key`: from `newPartnerKey`. */
  make(key: PartnerKey, wish: PartnerWish): Promise<Result<PartnerRecord>> {
    const record: PartnerRecord = { id: key, ...wish, madeMs: this.#parts.nowMs(), revokedMs: null }
    return this.#parts.tried(async (shelf) => {
      const made = await shelf.make(record)
      if (made.ok) this.#known.add(key)
      return made.ok ? ok(record) : made
    })
  }

  async change(key: PartnerKey, wish: PartnerWish): Promise<Result<PartnerRecord>> {
    const changed = await this.#parts.tried((shelf) => shelf.change(key, wish))
    if (changed.ok) for (const listener of this.#ruled) listener(key)
    return changed
  }

  /** Who asks to be told is told at once, in this process. */
  async revoke(key: PartnerKey): Promise<Result<PartnerRecord>> {
    const revoked = await this.#parts.tried((shelf) => shelf.revoke(key, this.#parts.nowMs()))
    if (revoked.ok) for (const listener of [...this.#revoked, ...this.#ruled]) listener(key)
    return revoked
  }

  onRevoked(listener: (key: PartnerKey) => void): void {
    this.#revoked.push(listener)
  }

  /** This process has changed or revoked it. */
  onRuled(listener: (key: PartnerKey) => void): void {
    this.#ruled.push(listener)
  }

  /** Who has paid for this request of a visitor with this device key; null where no partner did. */
  async payerOf(request: string, device: string): Promise<LedgerOwner | null> {
    const payer = await this.#parts.tried(async (shelf) => ok(await shelf.payerOf(request, device)))
    return payer.ok ? payer.value : null
  }
}

export function newPartnerKey(): PartnerKey {
  return `wk_${randomBytes(16).toString('base64url')}`
}

/** What its visitors read of it now. */
export function stateOfPartner({ record, leftMicro }: KeptPartner): PartnerState {
  return record.payer !== null && leftMicro === 0n ? 'partner-budget' : 'open'
}
