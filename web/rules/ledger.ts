/**
 * The books: what each event comes to, or why it may not be. Double entry in integers; postings of an event sum to zero and
 * nobody falls below nothing. The database's `ledger_post` says the same (`test/contract/ledger.suite.ts` runs both).
 * Source: docs/CREDITS.md.
 */
import type { Code } from '../wire/codes.ts'
import {
  type LedgerEvent,
  type LedgerOwner,
  ledgerBodyOf,
  ledgerIdOf,
  type MicroCredits,
  type Posting,
} from '../wire/ledger-events.ts'
import { LEDGER_MICRO_MAX } from '../wire/limits/credits.ts'
import { assert, fail, ok, type Result } from '../wire/result.ts'
import { type IssuePolicy, treasuryFloorMicro } from './credit-policy.ts'

export interface Balance {
  readonly user: MicroCredits
  readonly hold: MicroCredits
  readonly escrow: MicroCredits
  readonly dispute: MicroCredits
}

interface Grant {
  readonly device: string
  readonly owner: LedgerOwner
  readonly untilMs: number
  /** Not spent yet. What is spent was given first, the oldest first of all. */
  left: MicroCredits
}

interface Hold {
  readonly owner: LedgerOwner
  readonly untilMs: number
  left: MicroCredits
  ended: boolean
}

interface Settlement {
  readonly worker: LedgerOwner
  readonly micro: MicroCredits
  readonly vestMs: number
}

interface Dispute {
  readonly worker: LedgerOwner
  readonly owner: LedgerOwner
  readonly micro: MicroCredits
}

/** `again`: it has happened before, and nothing was done now. */
export interface Posted {
  readonly again: boolean
  readonly postings: readonly Posting[]
}

export const EMPTY_BALANCE: Balance = { user: 0n, hold: 0n, escrow: 0n, dispute: 0n }

const refused = (code: Code): Result<readonly Posting[]> => fail(code, '')
const isAmount = (micro: MicroCredits) => micro > 0n && micro <= LEDGER_MICRO_MAX
const isShare = (part: MicroCredits, whole: MicroCredits) => part >= 0n && part <= whole

export class Books {
  readonly #policy: IssuePolicy
  /** Bodies by business id. */
  readonly #events = new Map<string, string>()
  readonly #balances = new Map<LedgerOwner, Balance>()
  readonly #grants = new Map<string, Grant>()
  readonly #grantsOf = new Map<LedgerOwner, Grant[]>()
  readonly #holds = new Map<string, Hold>()
  readonly #settlements = new Map<string, Settlement>()
  readonly #disputes = new Map<string, Dispute>()
  #treasury = 0n
  #burn = 0n

  constructor(policy: IssuePolicy) {
    this.#policy = policy
  }

  /** Below zero by what was given out and has not come back. */
  get treasury(): MicroCredits {
    return this.#treasury
  }

  get burn(): MicroCredits {
    return this.#burn
  }

  get balances(): ReadonlyMap<LedgerOwner, Balance> {
    return this.#balances
  }

  /** What is left of each hold that is open, by request. */
  get holds(): ReadonlyMap<string, MicroCredits> {
    return new Map([...this.#holds].flatMap(([request, { left, ended }]) => (ended ? [] : [[request, left]])))
  }

  /** What is left of each grant that is not spent or gone back whole, by device. */
  get grants(): ReadonlyMap<string, MicroCredits> {
    return new Map([...this.#grants].flatMap(([device, { left }]) => (left > 0n ? [[device, left]] : [])))
  }

  balance(owner: LedgerOwner): Balance {
    return this.#balances.get(owner) ?? EMPTY_BALANCE
  }

  /** Refusals, the first that applies: `posting-taken`, then in the order of the checks below. A refused event changes nothing. */
  post(event: LedgerEvent): Result<Posted> {
    const [id, body] = [ledgerIdOf(event), ledgerBodyOf(event)]
    const known = this.#events.get(id)
    if (known !== undefined) return known === body ? ok({ again: true, postings: [] }) : fail('posting-taken', '')
    const decided = this.#decide(event)
    if (!decided.ok) return decided
    const postings = decided.value.filter(({ micro }) => micro !== 0n)
    assert(postings.reduce((sum, { micro }) => sum + micro, 0n) === 0n, 'the postings of an event sum to zero')
    for (const posting of postings) this.#add(posting)
    this.#events.set(id, body)
    return ok({ again: false, postings })
  }

  #decide(event: LedgerEvent): Result<readonly Posting[]> {
    switch (event.type) {
      case 'grant':
        return this.#grant(event)
      case 'lapse':
        return this.#lapse(event)
      case 'hold':
        return this.#hold(event)
      case 'settle':
        return this.#settle(event)
      case 'release':
        return this.#release(event)
      case 'dispute':
        return this.#dispute(event)
      case 'judge':
        return this.#judge(event)
      case 'vest':
        return this.#vest(event)
      default:
        return event satisfies never
    }
  }

  #grant({ device, owner, micro, forMs, atMs }: LedgerEvent & { type: 'grant' }): Result<readonly Posting[]> {
    if (!isAmount(micro)) return refused('amount-invalid')
    if (this.#treasury - micro < treasuryFloorMicro(this.#policy, atMs)) return refused('treasury-empty')
    const grant = { device, owner, untilMs: atMs + forMs, left: micro }
    this.#grants.set(device, grant)
    const own = [...(this.#grantsOf.get(owner) ?? []), grant]
    own.sort((a, b) => a.untilMs - b.untilMs || (a.device < b.device ? -1 : 1))
    this.#grantsOf.set(owner, own)
    return ok([line('treasury', '', -micro), line('user', owner, micro)])
  }

  #lapse({ device, atMs }: LedgerEvent & { type: 'lapse' }): Result<readonly Posting[]> {
    const grant = this.#grants.get(device)
    if (!grant) return refused('grant-unknown')
    if (atMs < grant.untilMs) return refused('grant-live')
    const micro = least(grant.left, this.balance(grant.owner).user)
    if (micro === 0n) return refused('nothing-due')
    grant.left -= micro
    return ok([line('user', grant.owner, -micro), line('treasury', '', micro)])
  }

  #hold({ request, owner, micro, forMs, atMs }: LedgerEvent & { type: 'hold' }): Result<readonly Posting[]> {
    if (!isAmount(micro)) return refused('amount-invalid')
    if (this.balance(owner).user < micro) return refused('credits-short')
    this.#holds.set(request, { owner, untilMs: atMs + forMs, left: micro, ended: false })
    return ok([line('user', owner, -micro), line('hold', owner, micro)])
  }

  #settle(event: LedgerEvent & { type: 'settle' }): Result<readonly Posting[]> {
    const { request, part, worker, micro, burnMicro, escrowMs, final, atMs } = event
    if (!isAmount(micro) || !isShare(burnMicro, micro)) return refused('amount-invalid')
    const hold = this.#open(request, worker, micro)
    if (!hold.ok) return hold
    const { owner } = hold.value
    hold.value.left -= micro
    this.#spend(owner, micro)
    hold.value.ended = hold.value.left === 0n
    const rest = final ? this.#close(hold.value) : 0n
    const earned = micro - burnMicro
    this.#settlements.set(`${request}/${part}`, { worker, micro: earned, vestMs: atMs + escrowMs })
    const paid = [line('escrow', worker, earned), line('burn', '', burnMicro), line('user', owner, rest)]
    return ok([line('hold', owner, -micro - rest), ...paid])
  }

  #release({ request, expired, atMs }: LedgerEvent & { type: 'release' }): Result<readonly Posting[]> {
    const hold = this.#holds.get(request)
    if (!hold) return refused('hold-unknown')
    if (hold.ended) return refused('hold-ended')
    if (expired && atMs < hold.untilMs) return refused('hold-live')
    const rest = this.#close(hold)
    return ok([line('hold', hold.owner, -rest), line('user', hold.owner, rest)])
  }

  #dispute({ request, part, worker, micro }: LedgerEvent & { type: 'dispute' }): Result<readonly Posting[]> {
    if (!isAmount(micro)) return refused('amount-invalid')
    const hold = this.#open(request, worker, micro)
    if (!hold.ok) return hold
    const { owner } = hold.value
    hold.value.left -= micro
    hold.value.ended = hold.value.left === 0n
    this.#disputes.set(`${request}/${part}`, { worker, owner, micro })
    return ok([line('hold', owner, -micro), line('dispute', owner, micro)])
  }

  #judge({ request, part, workerMicro, burnMicro }: LedgerEvent & { type: 'judge' }): Result<readonly Posting[]> {
    const dispute = this.#disputes.get(`${request}/${part}`)
    if (!dispute) return refused('dispute-unknown')
    const { worker, owner, micro } = dispute
    if (!isShare(workerMicro, micro) || !isShare(burnMicro, workerMicro)) return refused('amount-invalid')
    this.#spend(owner, workerMicro)
    const shares = [line('user', worker, workerMicro - burnMicro), line('burn', '', burnMicro)]
    return ok([line('dispute', owner, -micro), ...shares, line('user', owner, micro - workerMicro)])
  }

  #vest({ request, part, atMs }: LedgerEvent & { type: 'vest' }): Result<readonly Posting[]> {
    const settlement = this.#settlements.get(`${request}/${part}`)
    if (!settlement) return refused('settlement-unknown')
    if (atMs < settlement.vestMs) return refused('escrow-live')
    const { worker, micro } = settlement
    if (micro === 0n) return refused('nothing-due')
    return ok([line('escrow', worker, -micro), line('user', worker, micro)])
  }

  /** The hold of a request, of which so much is to be paid to this worker. */
  #open(request: string, worker: LedgerOwner, micro: MicroCredits): Result<Hold> {
    const hold = this.#holds.get(request)
    if (!hold) return fail('hold-unknown', '')
    if (hold.ended) return fail('hold-ended', '')
    if (hold.owner === worker) return fail('self-dealing', '')
    return micro > hold.left ? fail('hold-short', '') : ok(hold)
  }

  /** What was left of it. */
  #close(hold: Hold): MicroCredits {
    const rest = hold.left
    hold.left = 0n
    hold.ended = true
    return rest
  }

  /** What was given is spent before what was earned, and that first which is lost soonest. */
  #spend(owner: LedgerOwner, micro: MicroCredits): void {
    let rest = micro
    for (const grant of this.#grantsOf.get(owner) ?? []) {
      const taken = least(grant.left, rest)
      grant.left -= taken
      rest -= taken
    }
  }

  #add({ kind, owner, micro }: Posting): void {
    if (kind === 'treasury') this.#treasury += micro
    else if (kind === 'burn') this.#burn += micro
    else {
      const before = this.balance(owner)
      const after = { ...before, [kind]: before[kind] + micro }
      assert(after[kind] >= 0n, 'nobody has less than nothing')
      this.#balances.set(owner, after)
    }
  }
}

function line(kind: Posting['kind'], owner: LedgerOwner, micro: MicroCredits): Posting {
  return { kind, owner, micro }
}

function least(a: MicroCredits, b: MicroCredits): MicroCredits {
  return a < b ? a : b
}
