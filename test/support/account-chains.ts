/** Chains of accounts as devices make them, with real keys and signatures. */
import { ACCOUNT_CRYPTO } from '../../web/account/my-account.ts'
import { changeAccount, newAccount } from '../../web/rules/account-set.ts'
import type { AccountChain } from '../../web/wire/accounts.ts'
import { newKey } from './room-tabs.ts'

/** Of a device that has signed in so many others. */
export async function chainOf(added: number): Promise<AccountChain> {
  const first = await newKey()
  let set = newAccount(first.name)
  for (let more = 0; more < added; more += 1) {
    const { name } = await newKey()
    const grown = await changeAccount(set, { change: 'add', role: 'device', key: name }, first, ACCOUNT_CRYPTO)
    if (!grown.ok) throw new Error(`${grown.code} ${grown.detail}`)
    set = grown.value
  }
  return { account: set.account, statements: set.statements }
}

export function shorter({ account, statements }: AccountChain, length: number): AccountChain {
  return { account, statements: statements.slice(0, length) }
}
