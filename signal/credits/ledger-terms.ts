/**
 * What is paid for the tickets of a request: nothing inside a room, between devices of one account, or where the asker has not
 * enough; else the price of the policy, once the worst case was set aside. For a visitor of a partner the partner's payer pays, out
 * of the day's budget; a visitor whose payer has no more is refused and not served for nothing.
 */
import { type CreditPolicy, holdOf } from '../../web/rules/credit-policy.ts'
import type { PublicKeyText } from '../../web/wire/device-keys.ts'
import type { LedgerOwner, MicroCredits } from '../../web/wire/ledger-events.ts'
import { keyOfPeer, type PeerId } from '../../web/wire/peers.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import type { TicketClaims, TicketPay } from '../../web/wire/tickets.ts'
import type { ReceiptShelf } from '../ledger/receipts.ts'
import type { Partners } from '../partners/partners.ts'
import type { Terms, TicketTerms, TicketWish, TicketWorker } from './ticket-desk.ts'

export interface LedgerTermsParts {
  /** As `ReceiptShelf.agree`; a ledger that cannot be reached refuses too. */
  readonly keep: ReceiptShelf['agree']
  /** That can be spent. */
  readonly balance: (owner: LedgerOwner) => Promise<MicroCredits>
  readonly policy: CreditPolicy
  /** Whose credits a device may use, in this order; the first is the account that its work is for. */
  readonly ownersOf: (key: PublicKeyText) => readonly [LedgerOwner, ...LedgerOwner[]]
  /** Of a model that this server has itself; null of one that only its tabs know. */
  readonly parametersOf: (modelId: string) => Promise<number | null>
  readonly partners: Pick<Partners, 'find' | 'agree' | 'count'>
  readonly nowMs: () => number
}

type Ticket = TicketWorker & Pick<TicketClaims, 'id'>

/** Who may pay for a request. */
interface Purse {
  readonly owners: readonly LedgerOwner[]
  /** As `LedgerTermsParts`. */
  readonly keep: ReceiptShelf['agree']
  readonly has: (micro: MicroCredits) => Promise<boolean>
}

export class LedgerTerms implements Terms {
  readonly #parts: LedgerTermsParts

  constructor(parts: LedgerTermsParts) {
    this.#parts = parts
  }

  async affords(wish: TicketWish): Promise<Result<boolean>> {
    if (wish.room !== null) return ok(true)
    const activeParameters = await this.#parametersOf(wish)
    const purse = await this.#purseOf(wish)
    if (!purse.ok) return purse
    const has = await purse.value.has(activeParameters ? holdOf(this.#parts.policy, { ...wish, activeParameters }) : 1n)
    if (!has && this.#isPaidByPartner(wish, purse.value)) return fail('partner-budget', '')
    return ok(has && activeParameters !== null)
  }

  async agree(wish: TicketWish, tickets: readonly Ticket[]): Promise<Result<readonly TicketTerms[]>> {
    const purse = await this.#purseOf(wish)
    if (!purse.ok) return purse
    const own = [this.#ownerOf(wish.asker), ...purse.value.owners.slice(0, 1)]
    const all = tickets.map((ticket, part) => ({ ticket, terms: this.#unpaid(wish, ticket, part, own) }))
    const owed = all.filter(({ terms }) => terms.pay.kind === 'unpaid')
    const free = all.map(({ terms }) => terms)
    const { outputTokens, partner = null, request } = wish
    const isPartners = this.#isPaidByPartner(wish, purse.value)
    const activeParameters = owed.length === 0 ? null : await this.#parametersOf(wish)
    if (!activeParameters) {
      if (owed.length > 0 && isPartners && !(await purse.value.has(1n))) return fail('partner-budget', '')
      if (partner !== null) await this.#parts.partners.count(partner, request)
      return ok(free)
    }
    const paid = { ...wish, activeParameters }
    const first = await this.#setAside(
      paid,
      owed.map(({ ticket }) => ticket),
      purse.value,
    )
    if (!first.ok && isPartners) return first
    if (!first.ok) {
      if (partner !== null) await this.#parts.partners.count(partner, request)
      // Whoever has no credits is served behind all others.
      return ok(free)
    }
    const pay = this.#payFor(paid)
    return ok(
      all.map((one) => {
        const place = owed.indexOf(one)
        return place < 0 ? one.terms : { part: first.value + place, pay, outputTokens }
      }),
    )
  }

  /** What the asker says counts only of a model that nobody here has: it sets the price. */
  async #parametersOf({ modelId, activeParameters }: TicketWish): Promise<number | null> {
    return activeParameters ? ((await this.#parts.parametersOf(modelId)) ?? activeParameters) : null
  }

  /** A visitor of a partner has the payer's and nothing of its own: who came to read a page pays for nothing there. */
  async #purseOf({ asker, partner = null }: TicketWish): Promise<Result<Purse>> {
    const { keep, balance, partners } = this.#parts
    if (partner === null) {
      const owners = this.#ownersOf(asker)
      const has = async (micro: MicroCredits) => (await Promise.all(owners.map(balance))).some((user) => user >= micro)
      return ok({ owners, keep, has })
    }
    const found = await partners.find(partner)
    if (!found.ok) return found
    const { record, leftMicro } = found.value
    return ok({
      owners: record.payer === null ? [] : [record.payer],
      keep: (hold, tickets) => partners.agree(partner, hold, tickets),
      has: async (micro) => leftMicro >= micro,
    })
  }

  #isPaidByPartner({ partner = null }: TicketWish, { owners }: Purse): boolean {
    return partner !== null && owners.length > 0
  }

  /** Where nothing is set aside for it. `own`: for whose devices its work is free. */
  #unpaid(
    { room, outputTokens }: TicketWish,
    { worker }: Ticket,
    part: number,
    own: readonly LedgerOwner[],
  ): TicketTerms {
    if (room !== null) return { part, pay: { kind: 'room' }, outputTokens }
    if (own.includes(this.#ownerOf(worker))) return { part, pay: { kind: 'own' }, outputTokens }
    const most = Math.min(outputTokens, this.#parts.policy.unpaidOutputTokens)
    return { part, pay: { kind: 'unpaid' }, outputTokens: most }
  }

  /** The part of the first of these tickets. Refusals: of the last that was asked to pay. */
  async #setAside(
    wish: TicketWish & { readonly activeParameters: number },
    owed: readonly Ticket[],
    { owners, keep }: Purse,
  ): Promise<Result<number>> {
    const { policy, nowMs } = this.#parts
    const { request, asker, modelId, room, job, outputTokens } = wish
    const pay = this.#payFor(wish)
    const micro = holdOf(policy, wish)
    const atFirst = holdOf(policy, { ...wish, reusedTokens: wish.reusedAtFirst ?? 0 })
    const kept = owed.map((ticket) => ({
      claims: { ...ticket, request, asker, modelId, room, job, outputTokens, pay },
      workerOwner: this.#ownerOf(ticket.worker),
    }))
    let agreed: Result<number> = fail('credits-short', '')
    for (const owner of owners) {
      const hold = { type: 'hold', request, owner, micro, forMs: policy.holdForMs, atMs: nowMs() } as const
      agreed = await keep(hold, kept)
      // A turn that others take over: one reading of all of it was set aside for them.
      if (!agreed.ok && agreed.code === 'hold-short' && atFirst < micro)
        agreed = await keep({ ...hold, micro: atFirst }, kept)
      if (agreed.ok) return agreed
    }
    return agreed
  }

  #payFor({ activeParameters, layers }: { readonly activeParameters: number; readonly layers: number }): TicketPay {
    return { kind: 'paid', policy: this.#parts.policy.version, activeParameters, layers }
  }

  #ownerOf(peer: PeerId): LedgerOwner {
    return this.#ownersOf(peer)[0]
  }

  #ownersOf(peer: PeerId): readonly [LedgerOwner, ...LedgerOwner[]] {
    return this.#parts.ownersOf(keyOfPeer(peer) ?? peer)
  }
}
