/**
 * Accounts as devices tell of them: the chain of each, so that a new device finds the one that it was added to, also after a
 * restart of the server. It verifies chains and decides nothing of them; a store keeps them.
 */
import { createHash } from 'node:crypto'
import {
  type AccountReader,
  type AccountSet,
  extendAccount,
  newAccount,
  readAccount,
} from '../../web/rules/account-set.ts'
import type { AccountChain, AccountId, AccountWish } from '../../web/wire/accounts.ts'
import type { PublicKeyText } from '../../web/wire/device-keys.ts'
import { ACCOUNT_CLAIMS_MAX, ACCOUNTS_KEPT_MAX } from '../../web/wire/limits/rooms.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import type { AccountStore } from '../accounts/store.ts'
import { verifyText } from './verify.ts'

const READER: AccountReader = {
  signed: verifyText,
  sha256: async (bytes) => createHash('sha256').update(bytes).digest(),
}

export class Accounts {
  readonly #store: AccountStore
  /** Those told of last come last. */
  readonly #kept = new Map<AccountId, AccountSet>()
  /** By key. Anybody may claim a key; the device that has it knows whose code it showed. */
  readonly #claims = new Map<PublicKeyText, Set<AccountId>>()

  /** By key, where that very device has told of it since the server began: anybody may claim it. */
  readonly #own = new Map<PublicKeyText, AccountId>()

  private constructor(store: AccountStore) {
    this.#store = store
  }

  /** With what the store has. A chain that does not hold any more is forgotten: its devices can tell it anew. */
  static async open(store: AccountStore): Promise<Accounts> {
    const accounts = new Accounts(store)
    for (const { account, statements } of await store.open()) {
      const read = await readAccount(account, statements, READER)
      if (read.ok) await accounts.#take(read.value)
      else await store.forget(account)
    }
    return accounts
  }

  /** `own`: the key that this socket has proven. Refusals: `account-invalid`, `not-kept`. */
  async wish(own: PublicKeyText, wish: AccountWish): Promise<Result<readonly AccountChain[]>> {
    if (wish.kind === 'tell') return this.#tell(own, wish)
    // Its own first: a device that was taken out still finds that out.
    const claims = new Set([wish.key, ...(this.#claims.get(wish.key) ?? [])])
    return ok([...claims].flatMap((id) => chainOf(this.#kept.get(id))).slice(0, ACCOUNT_CLAIMS_MAX))
  }

  /** Whose credits this device may use: the account that it has told of itself, then its own from before that. */
  ownersOf(key: PublicKeyText): readonly [AccountId, ...AccountId[]] {
    const account = this.#own.get(key)
    const set = account === undefined ? undefined : this.#kept.get(account)
    return set?.devices.includes(key) && set.account !== key ? [set.account, key] : [key]
  }

  /** What this very device has told of last; null where it told of none. */
  toldBy(own: PublicKeyText): AccountChain | null {
    const account = this.#own.get(own)
    return (account === undefined ? undefined : chainOf(this.#kept.get(account))[0]) ?? null
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  async #tell(own: PublicKeyText, chain: AccountChain): Promise<Result<readonly AccountChain[]>> {
    const { account, statements } = chain
    const known = this.#kept.get(account)
    const read = await extendAccount(known ?? newAccount(account), statements, READER)
    // Another device has told of a change while the signatures were verified: both cannot be the next one.
    if (this.#kept.get(account) !== known) return this.#tell(own, chain)
    if (!read.ok) return read
    const set = read.value
    if (!set.devices.includes(own)) return fail('account-invalid', 'It is not the account of this device.')
    await this.#take(set)
    this.#own.set(own, account)
    const kept = await this.#store.keep({ account, statements: set.statements })
    return kept.ok ? ok([]) : kept
  }

  async #take(set: AccountSet): Promise<void> {
    this.#kept.delete(set.account)
    this.#kept.set(set.account, set)
    for (const key of [...set.devices, ...set.recovery]) this.#claim(key, set.account)
    for (const key of set.removed) this.#drop(key, set.account)
    const [oldest] = this.#kept.keys()
    if (oldest !== undefined && this.#kept.size > ACCOUNTS_KEPT_MAX) await this.#forget(oldest)
  }

  #claim(key: PublicKeyText, account: AccountId): void {
    const claims = this.#claims.get(key) ?? new Set<AccountId>()
    if (claims.size < ACCOUNT_CLAIMS_MAX) claims.add(account)
    this.#claims.set(key, claims)
  }

  #drop(key: PublicKeyText, account: AccountId): void {
    const claims = this.#claims.get(key)
    claims?.delete(account)
    if (claims?.size === 0) this.#claims.delete(key)
  }

  async #forget(account: AccountId): Promise<void> {
    const set = this.#kept.get(account)
    this.#kept.delete(account)
    for (const key of [...(set?.devices ?? []), ...(set?.recovery ?? [])]) {
      this.#drop(key, account)
      if (this.#own.get(key) === account) this.#own.delete(key)
    }
    await this.#store.forget(account)
  }
}

function chainOf(set: AccountSet | undefined): readonly AccountChain[] {
  return set ? [{ account: set.account, statements: set.statements }] : []
}
