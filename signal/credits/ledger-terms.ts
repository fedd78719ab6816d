/**
 * What is paid for the tickets of a request: nothing inside a room, between devices of one account, or where the asker has not
 * enough; else the price of the policy, once the worst case was set aside.
 */
import { type CreditPolicy, holdOf } from '../../web/rules/credit-policy.ts'
import type { PublicKeyText } from '../../web/wire/device-keys.ts'
import type { LedgerOwner, MicroCredits } from '../../web/wire/ledger-events.ts'
import { keyOfPeer, type PeerId } from '../../web/wire/peers.ts'
import type { TicketClaims, TicketPay } from '../../web/wire/tickets.ts'
import type { ReceiptShelf } from '../ledger/receipts.ts'
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
  readonly nowMs: () => number
}

type Ticket = TicketWorker & Pick<TicketClaims, 'id'>

export class LedgerTerms implements Terms {
  readonly #parts: LedgerTermsParts

  constructor(parts: LedgerTermsParts) {
    this.#parts = parts
  }

  async affords(wish: TicketWish): Promise<boolean> {
    const { balance, policy } = this.#parts
    if (wish.room !== null) return true
    const activeParameters = await this.#parametersOf(wish)
    if (!activeParameters) return false
    const micro = holdOf(policy, { ...wish, activeParameters })
    const balances = await Promise.all(this.#ownersOf(wish.asker).map(balance))
    return balances.some((user) => user >= micro)
  }

  async agree(wish: TicketWish, tickets: readonly Ticket[]): Promise<readonly TicketTerms[]> {
    const all = tickets.map((ticket, part) => ({ ticket, terms: this.#unpaid(wish, ticket, part) }))
    const owed = all.filter(({ terms }) => terms.pay.kind === 'unpaid')
    const free = all.map(({ terms }) => terms)
    const { outputTokens } = wish
    const activeParameters = owed.length === 0 ? null : await this.#parametersOf(wish)
    if (!activeParameters) return free
    const first = await this.#setAside(
      { ...wish, activeParameters },
      owed.map(({ ticket }) => ticket),
    )
    // Whoever has no credits is served behind all others.
    if (first === null) return free
    const pay = this.#payFor({ ...wish, activeParameters })
    return all.map((one) => {
      const place = owed.indexOf(one)
      return place < 0 ? one.terms : { part: first + place, pay, outputTokens }
    })
  }

  /** What the asker says counts only of a model that nobody here has: it sets the price. */
  async #parametersOf({ modelId, activeParameters }: TicketWish): Promise<number | null> {
    return activeParameters ? ((await this.#parts.parametersOf(modelId)) ?? activeParameters) : null
  }

  /** Where nothing is set aside for it. */
  #unpaid({ room, asker, outputTokens }: TicketWish, { worker }: Ticket, part: number): TicketTerms {
    if (room !== null) return { part, pay: { kind: 'room' }, outputTokens }
    if (this.#ownerOf(worker) === this.#ownerOf(asker)) return { part, pay: { kind: 'own' }, outputTokens }
    const most = Math.min(outputTokens, this.#parts.policy.unpaidOutputTokens)
    return { part, pay: { kind: 'unpaid' }, outputTokens: most }
  }

  /** The part of the first of these tickets; null where there are not enough credits. */
  async #setAside(
    wish: TicketWish & { readonly activeParameters: number },
    owed: readonly Ticket[],
  ): Promise<number | null> {
    const { keep, policy, nowMs } = this.#parts
    const { request, asker, modelId, room, job, outputTokens } = wish
    const pay = this.#payFor(wish)
    const micro = holdOf(policy, wish)
    const kept = owed.map((ticket) => ({
      claims: { ...ticket, request, asker, modelId, room, job, outputTokens, pay },
      workerOwner: this.#ownerOf(ticket.worker),
    }))
    for (const owner of this.#ownersOf(asker)) {
      const agreed = await keep({ type: 'hold', request, owner, micro, forMs: policy.holdForMs, atMs: nowMs() }, kept)
      if (agreed.ok) return agreed.value
    }
    return null
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
