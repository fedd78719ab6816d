/** The contract of `AccountStore`, for every store there is. */
import { describe, expect, it } from 'vitest'
import type { AccountStore } from '../../signal/accounts/store.ts'
import { ok } from '../../web/wire/result.ts'
import { chainOf, shorter } from '../support/account-chains.ts'

/** What survives a store that was closed. */
export interface AccountStores {
  /** The store of the same place, opened once more. */
  readonly again: () => AccountStore
}

/** `place` is empty each time. */
export function accountStoreSuite(name: string, place: () => Promise<AccountStores>): void {
  describe(`accounts ${name}`, () => {
    it('come back as they were kept, those first that were kept first', async () => {
      const { again } = await place()
      const store = again()
      expect(await store.open()).toEqual([])
      const chains = [await chainOf(3), await chainOf(1), await chainOf(2)]
      for (const chain of chains) expect(await store.keep(chain)).toEqual(ok(null))
      await store.close()
      const back = again()
      expect(await back.open()).toEqual(chains)
      await back.close()
    })

    it('grow, also while others do, and a chain that is known is kept once', async () => {
      const { again } = await place()
      const store = again()
      await store.open()
      const [a, b] = [await chainOf(4), await chainOf(3)]
      expect(await store.keep(shorter(a, 1))).toEqual(ok(null))
      const more = [shorter(b, 1), shorter(a, 3), shorter(b, 3), shorter(a, 4), shorter(a, 4)]
      expect(await Promise.all(more.map((chain) => store.keep(chain)))).toEqual(more.map(() => ok(null)))
      await store.close()
      const back = again()
      expect(await back.open()).toEqual([a, b])
      await back.close()
    })

    it('are forgotten, and may be kept again', async () => {
      const { again } = await place()
      const store = again()
      await store.open()
      const [a, b] = [await chainOf(2), await chainOf(2)]
      for (const chain of [a, b]) await store.keep(chain)
      await store.forget(a.account)
      await store.forget(a.account)
      await store.close()
      const back = again()
      expect(await back.open()).toEqual([b])
      expect(await back.keep(a)).toEqual(ok(null))
      await back.close()
      const last = again()
      expect(await last.open()).toEqual([b, a])
      await last.close()
    })
  })
}
