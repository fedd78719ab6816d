/**
 * A second account of what was posted, by the postings alone: it asks the books nothing, outlives each crash, and throws where
 * the books say something else, something is paid twice, or somebody has less than nothing.
 */
import { type Balance, type Books, EMPTY_BALANCE } from '../../../web/rules/ledger.ts'
import type { LedgerEvent, LedgerOwner, MicroCredits, Posting } from '../../../web/wire/ledger-events.ts'
import { ledgerIdOf } from '../../../web/wire/ledger-events.ts'

export class SimTally {
  readonly balances = new Map<LedgerOwner, Balance>()
  /** What each worker was paid for in all, and what of that was its own. */
  readonly worked = new Map<LedgerOwner, MicroCredits>()
  readonly earned = new Map<LedgerOwner, MicroCredits>()
  treasury = 0n
  burn = 0n
  given = 0n
  lapsed = 0n
  events = 0
  readonly #seen = new Set<string>()

  readonly observe = (event: LedgerEvent, postings: readonly Posting[]): void => {
    const id = ledgerIdOf(event)
    if (this.#seen.has(id)) throw new Error(`${id} was posted twice`)
    this.#seen.add(id)
    this.events += 1
    let sum = 0n
    for (const posting of postings) {
      sum += posting.micro
      this.#add(id, posting)
    }
    if (sum !== 0n) throw new Error(`the postings of ${id} sum to ${sum}`)
    if (event.type === 'grant') this.given += event.micro
    if (event.type === 'lapse') this.lapsed += postings.find(({ kind }) => kind === 'treasury')?.micro ?? 0n
    if (event.type === 'settle') this.#pay(event.worker, event.micro, event.micro - event.burnMicro)
  }

  /** Of each event once, whatever crashed in between. */
  has(id: string): boolean {
    return this.#seen.has(id)
  }

  /** All that an owner has, wherever it is. */
  worth(owner: LedgerOwner): MicroCredits {
    const { user, hold, escrow, dispute } = this.balances.get(owner) ?? EMPTY_BALANCE
    return user + hold + escrow + dispute
  }

  /** Throws where these books and the postings so far do not agree, or credits came from nowhere. */
  expectSame(books: Books): void {
    let sum = books.treasury + books.burn
    if (books.treasury !== this.treasury || books.burn !== this.burn)
      throw new Error('the treasury or what is burned differs')
    if (books.balances.size !== this.balances.size) throw new Error('the books know other owners')
    for (const [owner, tallied] of this.balances) {
      const { user, hold, escrow, dispute } = books.balance(owner)
      const same = user === tallied.user && hold === tallied.hold
      if (!same || escrow !== tallied.escrow || dispute !== tallied.dispute)
        throw new Error(`${owner} has another balance`)
      sum += user + hold + escrow + dispute
    }
    if (sum !== 0n) throw new Error(`all credits sum to ${sum}`)
  }

  #pay(worker: LedgerOwner, micro: MicroCredits, earned: MicroCredits): void {
    this.worked.set(worker, (this.worked.get(worker) ?? 0n) + micro)
    this.earned.set(worker, (this.earned.get(worker) ?? 0n) + earned)
  }

  #add(id: string, { kind, owner, micro }: Posting): void {
    if (kind === 'treasury') this.treasury += micro
    else if (kind === 'burn') this.burn += micro
    else {
      const before = this.balances.get(owner) ?? EMPTY_BALANCE
      const after = { ...before, [kind]: before[kind] + micro }
      if (after[kind] < 0n) throw new Error(`${owner} has ${after[kind]} in ${kind} after ${id}`)
      this.balances.set(owner, after)
    }
  }
}
