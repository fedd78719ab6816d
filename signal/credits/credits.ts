/**
 * Credits at the server: answers what tabs wish of them, and does what time brings about. Each part has its own rules; this joins
 * them with the ledger, which is opened when it is first needed.
 */
import type { CreditPolicy } from '../../web/rules/credit-policy.ts'
import { type CreditWish, writeCredits } from '../../web/wire/credit-events.ts'
import type { PublicKeyText } from '../../web/wire/device-keys.ts'
import type { LedgerOwner } from '../../web/wire/ledger-events.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { CREDIT_SWEEP_MANY, CREDIT_SWEEP_MS, LEDGER_LOOK_MS_MAX, PARTNER_RATES, type PartnerRates } from '../config.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { dueEvents } from '../ledger/due.ts'
import { Journal } from '../ledger/journal.ts'
import { PartnerShelf } from '../ledger/partner-keys.ts'
import { ReceiptShelf } from '../ledger/receipts.ts'
import { readHistory, readWallet } from '../ledger/wallets.ts'
import { faultOf } from '../log/log.ts'
import { Partners } from '../partners/partners.ts'
import { verifyText } from '../sockets/verify.ts'
import type { Watch } from '../watch.ts'
import { Grants } from './grants.ts'
import { LedgerTerms } from './ledger-terms.ts'
import { Settlements } from './settlements.ts'
import type { Terms } from './ticket-desk.ts'

export interface CreditsParts {
  /** Opens it; called once, when it is first needed. */
  readonly open: () => Promise<LedgerDatabase>
  /** The newest first: it is what is paid from now on. */
  readonly policies: readonly [CreditPolicy, ...CreditPolicy[]]
  /** Whose credits a device may use: its account first, then what it had before it came into one. */
  readonly ownersOf: (key: PublicKeyText) => readonly [LedgerOwner, ...LedgerOwner[]]
  /** As `LedgerTermsParts`. */
  readonly parametersOf: (modelId: string) => Promise<number | null>
  readonly nowMs: () => number
  readonly watch: Watch
  readonly partnerRates?: PartnerRates
}

/** Who wishes: the key that its socket has proven, and where it comes from. */
export interface CreditAsker {
  readonly key: PublicKeyText
  readonly address: string
}

interface Opened {
  readonly database: LedgerDatabase
  readonly journal: Journal
  readonly shelf: ReceiptShelf
  readonly settlements: Settlements
  readonly partners: PartnerShelf
}

export class Credits {
  readonly terms: Terms
  readonly partners: Partners
  readonly #parts: CreditsParts
  readonly #policy: CreditPolicy
  readonly #grants: Grants
  /** What was begun of the wishes of tabs. */
  readonly #running = new Set<Promise<unknown>>()
  #opened: Promise<Opened> | null = null
  #sweeping: ReturnType<typeof setInterval> | null = null
  #swept: Promise<unknown> = Promise.resolve()

  constructor(parts: CreditsParts) {
    const { ownersOf, parametersOf, nowMs, policies } = parts
    this.#parts = parts
    this.#policy = policies[0]
    this.#grants = new Grants({ journal: async () => (await this.open()).journal, policy: this.#policy, nowMs })
    this.partners = new Partners({
      tried: (work) => this.#tried(async () => work((await this.open()).partners)),
      nowMs,
      rates: parts.partnerRates ?? PARTNER_RATES,
    })
    this.terms = new LedgerTerms({
      partners: this.partners,
      policy: this.#policy,
      ownersOf,
      parametersOf,
      nowMs,
      keep: (hold, tickets) => this.#tried(async () => (await this.open()).shelf.agree(hold, tickets)),
      balance: async (owner) => {
        const balance = await this.#tried(async () => ok(await (await this.open()).journal.balance(owner)))
        return balance.ok ? balance.value.user : 0n
      },
    })
  }

  /** Where it is not open yet. Rejects as the opener does. */
  open(): Promise<Opened> {
    if (this.#opened) return this.#opened
    const opened = this.#parts.open().then((database) => this.#begin(database))
    this.#opened = opened
    // The next who needs it tries again.
    opened.catch(() => {
      if (this.#opened === opened) this.#opened = null
    })
    return opened
  }

  /** What is answered depends on the kind: see `CreditWish`. Refusals: those of each; `ledger-away`. */
  async wish(asker: CreditAsker, wish: CreditWish): Promise<Result<unknown>> {
    const answer = await this.#tried(() => this.#answer(asker, wish))
    this.#parts.watch.metrics.wished(wish.kind, answer.ok ? 'done' : answer.code)
    return answer
  }

  /** Whether it answers within `LEDGER_LOOK_MS_MAX`. */
  async isReachable(): Promise<boolean> {
    const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), LEDGER_LOOK_MS_MAX).unref())
    const looked = this.#tried(async () => ok(await (await this.open()).journal.treasury()))
    return Promise.race([late, looked.then((result) => result.ok)])
  }

  async #answer({ key, address }: CreditAsker, wish: CreditWish): Promise<Result<unknown>> {
    const { ownersOf, nowMs, watch } = this.#parts
    const { metrics } = watch
    const owners = ownersOf(key)
    const [owner] = owners
    if (wish.kind === 'puzzle') return ok(this.#grants.puzzle(key))
    if (wish.kind === 'grant') return this.#grants.grant(key, { owner, address, proof: wish.proof })
    const { database, shelf, settlements } = await this.open()
    switch (wish.kind) {
      case 'wallet': {
        const credits = await readWallet(database, owners, key)
        return ok(writeCredits({ owner, policy: this.#policy.version, ...credits }))
      }
      case 'history': {
        const page = await readHistory(database, owners, wish.before)
        return ok(writeCredits(page))
      }
      case 'began':
        await shelf.began(wish.ticket, key)
        return ok(null)
      case 'over':
        await shelf.over(wish.request, wish.parts, await this.#holdersOf(wish.request, key, owners), nowMs())
        await this.#release(wish.request)
        return ok(null)
      case 'settle': {
        const settled = await settlements.settle(key, wish.receipt, wish.acknowledged)
        metrics.settled(settled.ok ? (settled.value.settled.again ? 'again' : 'settled') : settled.code)
        if (!settled.ok) return settled
        if (settled.value.over) await this.#release(wish.receipt.receipt.request)
        return ok(writeCredits(settled.value.settled))
      }
      default:
        return wish satisfies never
    }
  }

  /** What is due by now: as many as there are. Returns how many events. */
  async sweep(): Promise<number> {
    const { database, journal, shelf } = await this.open()
    const { nowMs } = this.#parts
    let posted = 0
    for (;;) {
      const atMs = nowMs()
      const due = await dueEvents(database, this.#policy, atMs, CREDIT_SWEEP_MANY)
      const beforeMs = atMs - this.#policy.releaseMs
      let done = 0
      for (const event of due) {
        const result = await journal.post(event)
        if (result.ok && !result.value.again) done += 1
      }
      for (const request of await shelf.releasable(beforeMs, CREDIT_SWEEP_MANY))
        if (await shelf.release(request, beforeMs, atMs)) done += 1
      posted += done
      if (done < CREDIT_SWEEP_MANY) return posted
    }
  }

  /** After what was begun. */
  async close(): Promise<void> {
    if (this.#sweeping) clearInterval(this.#sweeping)
    await this.#swept.catch(() => {})
    await Promise.all(this.#running)
    const opened = await this.#opened?.catch(() => null)
    await opened?.database.close()
  }

  async #begin(database: LedgerDatabase): Promise<Opened> {
    const { policies, nowMs, watch } = this.#parts
    const partners = new PartnerShelf(database, this.#policy)
    this.partners.know(await partners.ids())
    const shelf = new ReceiptShelf(database, this.#policy)
    const settlements = new Settlements({ shelf, policies, verify: verifyText, nowMs })
    this.#sweeping = setInterval(() => {
      this.#swept = this.#swept
        .then(() => this.sweep())
        .catch((error: unknown) => {
          watch.log.write('ledger-failed', { during: 'sweep', ...faultOf(error) })
        })
    }, CREDIT_SWEEP_MS)
    this.#sweeping.unref()
    return {
      database,
      journal: new Journal(database, this.#policy, (type) => watch.metrics.posted(type)),
      shelf,
      settlements,
      partners,
    }
  }

  #tried<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
    const tried = this.#caught(work)
    this.#running.add(tried)
    return tried.finally(() => this.#running.delete(tried))
  }

  /** A database that cannot be reached now takes nobody's work away. */
  async #caught<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
    try {
      return await work()
    } catch (error) {
      this.#parts.watch.log.write('ledger-failed', { during: 'wish', ...faultOf(error) })
      return fail('ledger-away', '')
    }
  }

  /** A visitor of a partner says of its own requests when they are over, though another one pays. */
  async #holdersOf(
    request: string,
    key: PublicKeyText,
    owners: readonly LedgerOwner[],
  ): Promise<readonly LedgerOwner[]> {
    const payer = await this.partners.payerOf(request, key)
    return payer === null ? owners : [...owners, payer]
  }

  /** What is left of a request that owes nothing any more. */
  async #release(request: string): Promise<void> {
    const { shelf } = await this.open()
    const atMs = this.#parts.nowMs()
    await shelf.release(request, atMs - this.#policy.releaseMs, atMs)
  }
}
