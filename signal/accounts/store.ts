/**
 * Where the server keeps the chains of accounts: the contract, and a store in memory for tests and for nothing else. A store
 * keeps what it is given and brings it back; who may change an account is decided before.
 */
import type { AccountChain, AccountId } from '../../web/wire/accounts.ts'
import { ok, type Result } from '../../web/wire/result.ts'

export interface AccountStore {
  /** Once, before all else: what is kept, those accounts first that were kept first. What cannot be read is left out. */
  open(): Promise<readonly AccountChain[]>
  /**
   * A chain that begins with what is kept of its account. When this resolves well, `open` brings it back after a crash; chains
   * may be given at the same time, and a chain again after a refusal. Refusals: `not-kept`.
   */
  keep(chain: AccountChain): Promise<Result<null>>
  /** `open` does not bring it back, unless there is a crash right now. */
  forget(account: AccountId): Promise<void>
  /** After all that was begun. */
  close(): Promise<void>
}

export class MemoryAccountStore implements AccountStore {
  readonly #chains = new Map<AccountId, AccountChain>()

  async open(): Promise<readonly AccountChain[]> {
    return [...this.#chains.values()]
  }

  async keep(chain: AccountChain): Promise<Result<null>> {
    this.#chains.set(chain.account, chain)
    return ok(null)
  }

  async forget(account: AccountId): Promise<void> {
    this.#chains.delete(account)
  }

  async close(): Promise<void> {}
}
