/**
 * The server's side of credits with its real desks, over books in memory. It dies at random before or after it has committed a
 * change, answers nothing while it is away, and comes back with what was committed. Null is no answer.
 */
import { PARTNER_RATES } from '../../../signal/config.ts'
import { LedgerTerms } from '../../../signal/credits/ledger-terms.ts'
import { Settlements } from '../../../signal/credits/settlements.ts'
import type { TicketTerms, TicketWish, TicketWorker } from '../../../signal/credits/ticket-desk.ts'
import type { ReceiptShelf } from '../../../signal/ledger/receipts.ts'
import { Partners } from '../../../signal/partners/partners.ts'
import type { CreditPolicy } from '../../../web/rules/credit-policy.ts'
import type { Settled } from '../../../web/wire/credit-events.ts'
import type { PublicKeyText } from '../../../web/wire/device-keys.ts'
import type { LedgerEvent, LedgerOwner, MicroCredits } from '../../../web/wire/ledger-events.ts'
import { type SignedAcknowledgement, type SignedReceipt, writeReceipt } from '../../../web/wire/receipt-bytes.ts'
import { assert, fail, ok, type Result } from '../../../web/wire/result.ts'
import type { Random } from '../../fixtures/random.ts'
import { type Change, SimBooks } from './sim-books.ts'
import type { SimTally } from './sim-tally.ts'

export interface SimServerParts {
  readonly policy: CreditPolicy
  readonly ownerOf: (key: PublicKeyText) => LedgerOwner
  readonly nowMs: () => number
  readonly random: Random
  readonly tally: SimTally
  /** How likely each change is its last; half of these have been committed. */
  readonly crash: number
}

class Crash extends Error {}

export class SimServer {
  crashes = { before: 0, after: 0 }
  #away = false
  #state: SimBooks
  readonly #parts: SimServerParts
  readonly #committed: Change[] = []
  readonly #terms: LedgerTerms
  readonly #settlements: Settlements

  constructor(parts: SimServerParts) {
    const { policy, ownerOf, nowMs, tally } = parts
    this.#parts = parts
    this.#state = new SimBooks(policy, tally.observe)
    const shelf: Pick<ReceiptShelf, 'ticket' | 'settle' | 'disputed' | 'left'> = {
      ticket: async (id) => this.#state.ticket(id),
      disputed: async (request, part) => this.#state.disputed(request, part),
      left: async (request) => this.#state.left(request),
      settle: async (signed, _acknowledged, events) => {
        const { receipt, askerSignature } = signed
        const body = writeReceipt({ receipt, workerSignature: '', askerSignature: null })
        const signedByBoth = askerSignature !== null
        const settled = this.#commit({ kind: 'settle', ticket: receipt.ticket, body, signed: signedByBoth, events })
        return settled.ok ? ok({ again: settled.value === 1, over: true }) : settled
      },
    }
    this.#terms = new LedgerTerms({
      parametersOf: async () => null,
      keep: async (hold, tickets) => this.#commit({ kind: 'agree', hold, tickets }),
      balance: async (owner) => this.spendable(owner),
      policy,
      ownersOf: (key) => [ownerOf(key)],
      // Nobody here is a partner's visitor.
      partners: new Partners({ tried: async () => fail('partner-unknown', ''), nowMs, rates: PARTNER_RATES }),
      nowMs,
    })
    this.#settlements = new Settlements({ shelf, policies: [policy], verify: async () => true, nowMs })
  }

  get isAway(): boolean {
    return this.#away
  }

  agree(
    wish: TicketWish,
    tickets: readonly (TicketWorker & { readonly id: string })[],
  ): Promise<readonly TicketTerms[] | null> {
    return this.#answer(async () => {
      const agreed = await this.#terms.agree(wish, tickets)
      if (!agreed.ok) throw new Error(agreed.code)
      return agreed.value
    })
  }

  /** What is left of the request goes back at once where nothing is owed of it. */
  settle(
    own: PublicKeyText,
    signed: SignedReceipt,
    acknowledged: SignedAcknowledgement | null,
  ): Promise<Result<Settled> | null> {
    return this.#answer(async () => {
      const settled = await this.#settlements.settle(own, signed, acknowledged)
      if (!settled.ok) return settled
      if (settled.value.over) this.#release(signed.receipt.request)
      return ok(settled.value.settled)
    })
  }

  began(id: string): Promise<unknown> {
    return this.#answer(async () => this.#commit({ kind: 'began', id }))
  }

  over(request: string, parts: readonly number[], owner: LedgerOwner): Promise<unknown> {
    return this.#answer(async () => {
      this.#commit({ kind: 'over', request, parts, owner, atMs: this.#parts.nowMs() })
      this.#release(request)
      return 'heard'
    })
  }

  post(event: LedgerEvent): Promise<Result<number> | null> {
    return this.#answer(async () => this.#commit({ kind: 'post', event }))
  }

  /** All that is due by now. */
  sweep(): Promise<unknown> {
    return this.#answer(async () => {
      for (;;) {
        const due = this.#state.nextDue(this.#parts.nowMs())
        if (due === null) return
        if (due !== 'nothing') this.#commit({ kind: 'post', event: due })
      }
    })
  }

  /** What an owner could spend now. */
  spendable(owner: LedgerOwner): MicroCredits {
    return this.#state.books.balance(owner).user
  }

  /** Comes back with what it had committed, which comes to the same as before. */
  restart(): void {
    const state = new SimBooks(this.#parts.policy)
    for (const change of this.#committed) assert(state.apply(change).ok, 'what was committed happens again')
    this.#parts.tally.expectSame(state.books)
    // From now on it says again what it posts.
    this.#state = state.observedBy(this.#parts.tally.observe)
    this.#away = false
  }

  check(): void {
    this.#parts.tally.expectSame(this.#state.books)
  }

  #release(request: string): void {
    const atMs = this.#parts.nowMs()
    if (this.#state.isReleasable(request, atMs))
      this.#commit({ kind: 'post', event: { type: 'release', request, expired: false, atMs } })
  }

  #commit(change: Change): Result<number> {
    const { random, crash } = this.#parts
    const dies = random.uniform() < crash
    if (dies && random.below(2) === 0) {
      this.crashes.before += 1
      throw new Crash()
    }
    const done = this.#state.apply(change)
    if (done.ok) this.#committed.push(change)
    if (dies) {
      this.crashes.after += 1
      throw new Crash()
    }
    return done
  }

  async #answer<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.#away) return null
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof Crash)) throw error
      this.#away = true
      return null
    }
  }
}
