/**
 * Where the chain of this browser's account lies: in the browser's database, which all its tabs share; where that is refused, for
 * this page only. Decides nothing.
 */
import { type DBSchema, openDB } from 'idb'
import type { AccountChain } from '../wire/accounts.ts'
import type { AccountShelf } from './my-account.ts'
import { shelfNews } from './shelf-news.ts'

const OWN = 'own'

interface AccountSchema extends DBSchema {
  accounts: { key: string; value: AccountChain }
}

export class MemoryAccountShelf implements AccountShelf {
  #chain: AccountChain | null = null

  async get(): Promise<AccountChain | null> {
    return this.#chain
  }

  async put(chain: AccountChain): Promise<void> {
    this.#chain = chain
  }

  /** What one page keeps no other tab changes. */
  hear(): () => void {
    return () => {}
  }
}

/** As long as the page is open. */
export async function accountShelf(): Promise<AccountShelf> {
  try {
    const database = await openDB<AccountSchema>('weft-account', 1, {
      upgrade: (opened) => void opened.createObjectStore('accounts'),
    })
    const news = shelfNews('weft-account/1')
    return {
      get: async () => (await database.get('accounts', OWN)) ?? null,
      async put(chain) {
        await database.put('accounts', chain, OWN)
        news.tell()
      },
      hear: news.hear,
    }
  } catch (error) {
    if (!(error instanceof DOMException)) throw error
    return new MemoryAccountShelf()
  }
}
