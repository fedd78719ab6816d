/**
 * What the server's database keeps of credits, in memory: the books, paid tickets and receipts, and what is due by time. Each
 * change happens whole or not at all, and the same changes in the same order give the same again.
 */

import type { KeptTicket, TicketToKeep } from '../../../signal/ledger/receipts.ts'
import type { CreditPolicy } from '../../../web/rules/credit-policy.ts'
import { Books, type Posted } from '../../../web/rules/ledger.ts'
import type { HoldEvent, LedgerEvent, LedgerOwner, MicroCredits, Posting } from '../../../web/wire/ledger-events.ts'
import { assert, fail, ok, type Result } from '../../../web/wire/result.ts'
import { Agenda } from './agenda.ts'

export type Change =
  | { readonly kind: 'post'; readonly event: LedgerEvent }
  | { readonly kind: 'agree'; readonly hold: HoldEvent; readonly tickets: readonly TicketToKeep[] }
  | { readonly kind: 'began'; readonly id: string }
  | {
      readonly kind: 'over'
      readonly request: string
      readonly parts: readonly number[]
      readonly owner: LedgerOwner
      readonly atMs: number
    }
  | {
      readonly kind: 'settle'
      readonly ticket: string
      /** Of the receipt alone, whoever has signed it. */
      readonly body: string
      readonly signed: boolean
      readonly events: readonly LedgerEvent[]
    }

/** Sees each event with what it came to, once. */
export type OnPosted = (event: LedgerEvent, postings: readonly Posting[]) => void

interface Ticket extends Omit<KeptTicket, 'alone'> {
  began: boolean
}

interface Hold {
  readonly owner: LedgerOwner
  readonly micro: MicroCredits
  left: MicroCredits
  ended: boolean
}

type Due =
  | { readonly kind: 'hold' | 'over'; readonly request: string }
  | { readonly kind: 'vest' | 'dispute'; readonly request: string; readonly part: number }
  | { readonly kind: 'lapse'; readonly device: string; readonly tries: number }

/** What was held when a gift lapsed comes back within a hold's time. */
const LAPSE_TRIES = 3

export class SimBooks {
  readonly books: Books
  readonly #policy: CreditPolicy
  #onPosted: OnPosted
  readonly #tickets = new Map<string, Ticket>()
  readonly #ticketsOf = new Map<string, string[]>()
  readonly #receipts = new Map<string, { readonly body: string; readonly signed: boolean }>()
  readonly #holds = new Map<string, Hold>()
  readonly #over = new Map<string, number>()
  readonly #disputes = new Map<string, MicroCredits>()
  readonly #vested = new Set<string>()
  readonly #lapses = new Map<string, number>()
  readonly #due = new Agenda<Due>()

  constructor(policy: CreditPolicy, onPosted: OnPosted = () => {}) {
    this.#policy = policy
    this.#onPosted = onPosted
    this.books = new Books(policy)
  }

  /** From now on, by another. */
  observedBy(onPosted: OnPosted): this {
    this.#onPosted = onPosted
    return this
  }

  /** The value of `agree` is the part of the first ticket; of `settle` and `post`, 1 where it was there before. */
  apply(change: Change): Result<number> {
    switch (change.kind) {
      case 'post': {
        const posted = this.#post(change.event)
        return posted.ok ? ok(posted.value.again ? 1 : 0) : posted
      }
      case 'agree':
        return this.#agree(change)
      case 'began': {
        this.#begin(change.id)
        return ok(0)
      }
      case 'over': {
        const { request, parts, owner, atMs } = change
        const hold = this.#holds.get(request)
        if (hold?.owner !== owner || hold.ended) return ok(0)
        for (const part of parts) this.#begin(this.#ticketsOf.get(request)?.[part] ?? '')
        if (this.#over.has(request)) return ok(0)
        this.#over.set(request, atMs)
        this.#due.put(atMs + this.#policy.releaseMs, { kind: 'over', request })
        return ok(0)
      }
      case 'settle':
        return this.#settle(change)
      default:
        return change satisfies never
    }
  }

  ticket(id: string): KeptTicket | null {
    const ticket = this.#tickets.get(id)
    return ticket ? { ...ticket, alone: this.#receipts.get(id)?.signed === false } : null
  }

  left(request: string): MicroCredits {
    return this.#holds.get(request)?.left ?? 0n
  }

  disputed(request: string, part: number): MicroCredits {
    return this.#disputes.get(`${request}/${part}`) ?? 0n
  }

  isReleasable(request: string, atMs: number): boolean {
    const [hold, over] = [this.#holds.get(request), this.#over.get(request)]
    if (!hold || hold.ended || over === undefined) return false
    const hadTime = over + this.#policy.releaseMs <= atMs
    const all = this.#ticketsOf.get(request) ?? []
    return all.every((id) => this.#receipts.has(id) || (hadTime && !this.#tickets.get(id)?.began))
  }

  /** Takes the next that time brings about; null where there is none by then. What it names may have happened before. */
  nextDue(atMs: number): LedgerEvent | 'nothing' | null {
    const next = this.#due.next(atMs)
    if (!next) return null
    const { what } = next
    switch (what.kind) {
      case 'hold':
        if (this.#holds.get(what.request)?.ended !== false) return 'nothing'
        return { type: 'release', request: what.request, expired: true, atMs }
      case 'over':
        if (!this.isReleasable(what.request, atMs)) return 'nothing'
        return { type: 'release', request: what.request, expired: false, atMs }
      case 'vest':
        if (this.#vested.has(`${what.request}/${what.part}`)) return 'nothing'
        return { type: 'vest', request: what.request, part: what.part, atMs }
      case 'dispute': {
        const { request, part } = what
        if (this.disputed(request, part) === 0n) return 'nothing'
        return { type: 'judge', request, part, workerMicro: 0n, burnMicro: 0n, atMs }
      }
      case 'lapse': {
        const { device, tries } = what
        if (tries < LAPSE_TRIES) this.#due.put(atMs + this.#policy.holdForMs, { ...what, tries: tries + 1 })
        return { type: 'lapse', device, count: this.#lapses.get(device) ?? 0, atMs }
      }
      default:
        return what satisfies never
    }
  }

  /** While its hold is open. */
  #begin(id: string): void {
    const ticket = this.#tickets.get(id)
    if (ticket && this.#holds.get(ticket.claims.request)?.ended === false) ticket.began = true
  }

  #agree({ hold, tickets }: Change & { kind: 'agree' }): Result<number> {
    const { request, owner } = hold
    const held = this.#holds.get(request)
    if (held && held.owner !== owner) return fail('posting-taken', '')
    if (held?.ended) return fail('hold-ended', '')
    if (held && hold.micro > held.micro) return fail('hold-short', '')
    if (!held) {
      const posted = this.#post(hold)
      if (!posted.ok) return posted
    }
    const all = this.#ticketsOf.get(request) ?? []
    const first = all.length
    for (const { claims, workerOwner } of tickets) {
      const kept = { claims: { ...claims, part: all.length }, askerOwner: owner, workerOwner, began: false }
      this.#tickets.set(claims.id, kept)
      all.push(claims.id)
    }
    this.#ticketsOf.set(request, all)
    this.#over.delete(request)
    return ok(first)
  }

  #settle({ ticket, body, signed, events }: Change & { kind: 'settle' }): Result<number> {
    const known = this.#receipts.get(ticket)
    if (known && known.body !== body) return fail('posting-taken', '')
    if (known && (known.signed || !signed)) return ok(1)
    const wanted = events.reduce(
      (sum, one) => sum + (one.type === 'settle' || one.type === 'dispute' ? one.micro : 0n),
      0n,
    )
    const hold = this.#holds.get(this.#tickets.get(ticket)?.claims.request ?? '')
    if (hold && !hold.ended && wanted > hold.left) return fail('hold-short', '')
    for (const [index, event] of events.entries()) {
      const posted = this.#post(event)
      assert(posted.ok || index === 0, 'a change happens whole or not at all')
      if (!posted.ok) return posted
    }
    this.#receipts.set(ticket, { body, signed })
    const kept = this.#tickets.get(ticket)
    if (kept) kept.began = true
    return ok(0)
  }

  #post(event: LedgerEvent): Result<Posted> {
    const posted = this.books.post(event)
    if (posted.ok && !posted.value.again) {
      this.#follow(event, posted.value.postings)
      this.#onPosted(event, posted.value.postings)
    }
    return posted
  }

  #follow(event: LedgerEvent, postings: readonly Posting[]): void {
    if ('request' in event) {
      const held = postings.reduce((sum, { kind, micro }) => sum + (kind === 'hold' ? micro : 0n), 0n)
      const hold = this.#holds.get(event.request)
      if (hold) {
        hold.left += held
        hold.ended = hold.left === 0n
      }
    }
    switch (event.type) {
      case 'grant':
        this.#due.put(event.atMs + event.forMs, { kind: 'lapse', device: event.device, tries: 0 })
        return
      case 'lapse':
        this.#lapses.set(event.device, event.count + 1)
        return
      case 'hold':
        this.#holds.set(event.request, { owner: event.owner, micro: event.micro, left: event.micro, ended: false })
        this.#due.put(event.atMs + event.forMs, { kind: 'hold', request: event.request })
        return
      case 'settle':
        this.#due.put(event.atMs + event.escrowMs, { kind: 'vest', request: event.request, part: event.part })
        return
      case 'dispute':
        this.#disputes.set(`${event.request}/${event.part}`, event.micro)
        this.#due.put(event.atMs + this.#policy.disputeMs, {
          kind: 'dispute',
          request: event.request,
          part: event.part,
        })
        return
      case 'judge':
        this.#disputes.delete(`${event.request}/${event.part}`)
        return
      case 'vest':
        this.#vested.add(`${event.request}/${event.part}`)
        return
      case 'release':
        return
      default:
        event satisfies never
    }
  }
}
