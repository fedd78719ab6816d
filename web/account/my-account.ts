/**
 * The account of this device: shows a code to be added with, adds and removes others, makes words that recover it. What the
 * server says is believed only as a chain of statements, and a new one only from who saw the code. Knows no screen.
 */
import {
  type AccountCrypto,
  type AccountSet,
  type AccountSigner,
  changeAccount,
  extendAccount,
  isOffered,
  newAccount,
  readAccount,
} from '../rules/account-set.ts'
import {
  type AccountChain,
  type AccountWish,
  ENROL_CODE_BYTES,
  type EnrolRequest,
  parseEnrolRequest,
  writeEnrolRequest,
} from '../wire/accounts.ts'
import { fromBase64Url, type PublicKeyText, parsePublicKey, toBase64Url } from '../wire/device-keys.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import { verifySigned } from './device-key.ts'
import { BROWSER_ROOM_CRYPTO } from './room.ts'

export interface AccountView {
  readonly self: PublicKeyText
  /** This one among them, unless another one took it out. */
  readonly devices: readonly PublicKeyText[]
  /** It has words that recover it. */
  readonly recoverable: boolean
  /** What this device shows to be added; the part of an address after the `#`. */
  readonly request: string | null
}

export interface AccountShelf {
  get(): Promise<AccountChain | null>
  put(chain: AccountChain): Promise<void>
  /** Another tab has put. */
  hear(listener: () => void): () => void
}

export interface MyAccountParts {
  readonly key: AccountSigner
  readonly shelf: AccountShelf
  readonly random: (bytes: number) => Uint8Array
  readonly say: (wish: AccountWish) => Promise<Result<readonly AccountChain[]>>
  readonly onChange: (view: AccountView) => void
}

export const ACCOUNT_CRYPTO: AccountCrypto = {
  ...BROWSER_ROOM_CRYPTO,
  async signed(key, purpose, fields, signature) {
    const [parsed, bytes] = [parsePublicKey(key), fromBase64Url(signature)]
    return parsed.ok && bytes !== null && verifySigned(parsed.value, purpose, fields, bytes)
  },
}

export class MyAccount {
  readonly #parts: MyAccountParts
  #set: AccountSet
  #request: EnrolRequest | null = null

  private constructor(parts: MyAccountParts, set: AccountSet) {
    this.#parts = parts
    this.#set = set
  }

  static async open(parts: MyAccountParts): Promise<MyAccount> {
    const kept = await parts.shelf.get()
    const read = kept && (await readAccount(kept.account, kept.statements, ACCOUNT_CRYPTO))
    const own = new MyAccount(parts, read?.ok ? read.value : newAccount(parts.key.name))
    parts.shelf.hear(() => void own.#readAgain())
    own.#changed()
    return own
  }

  /** Another tab of this browser has changed the account, or has joined another one. */
  async #readAgain(): Promise<void> {
    const kept = await this.#parts.shelf.get()
    const read = kept && (await readAccount(kept.account, kept.statements, ACCOUNT_CRYPTO))
    if (!read?.ok) return
    const { account, statements } = read.value
    // Of two tabs that have heard of changes at the same time, this one may have heard of more.
    if (account === this.#set.account && statements.length <= this.#set.statements.length) return
    this.#set = read.value
    if (!this.#isAlone) this.#request = null
    this.#changed()
  }

  /** The server may have forgotten it, or know more. */
  async arrive(): Promise<void> {
    await this.look()
    if (this.#set.statements.length > 0) await this.#tell(this.#set)
  }

  /** What this device shows to another one, once more each time: a code is for one showing. */
  showRequest(): void {
    const code = toBase64Url(this.#parts.random(ENROL_CODE_BYTES))
    this.#request = { key: this.#parts.key.name, code }
    this.#changed()
  }

  hideRequest(): void {
    this.#request = null
    this.#changed()
  }

  /** Whether other devices have changed the account, or have added this one to theirs. */
  async look(): Promise<void> {
    const claims = await this.#parts.say({ kind: 'ask', key: this.#set.account })
    for (const { account, statements } of claims.ok ? claims.value : []) {
      if (account !== this.#set.account) continue
      const longer = await extendAccount(this.#set, statements, ACCOUNT_CRYPTO)
      if (longer.ok) await this.#keep(longer.value)
    }
    if (this.#request) await this.#lookForOffer(this.#request)
  }

  /** Adds the device that showed this. Refusals: `account-invalid`, and those of the server. */
  async add(link: string): Promise<Result<null>> {
    const request = parseEnrolRequest(link)
    if (!request.ok) return request
    const { key, code } = request.value
    return this.#change({ change: 'add', role: 'device', key }, this.#parts.key, code)
  }

  /** For good: a device that was taken out never comes back. Refusals: `account-invalid`, and those of the server. */
  remove(key: PublicKeyText): Promise<Result<null>> {
    return this.#change({ change: 'remove', role: 'device', key }, this.#parts.key)
  }

  /** New words; those before are worth nothing any more. Shown once, kept nowhere. */
  async newWords(): Promise<Result<string>> {
    const { newRecoveryWords, recoveryKey } = await import('./recovery.ts')
    for (const key of this.#set.recovery) {
      const removed = await this.#change({ change: 'remove', role: 'recovery', key }, this.#parts.key)
      if (!removed.ok) return removed
    }
    const words = newRecoveryWords(this.#parts.random)
    const recovery = await recoveryKey(words)
    if (!recovery.ok) return recovery
    const added = await this.#change({ change: 'add', role: 'recovery', key: recovery.value.name }, this.#parts.key)
    return added.ok ? ok(words) : added
  }

  /** This device joins the account of these words. Refusals: `recovery-words-invalid`, `account-invalid`, the server's. */
  async recover(words: string): Promise<Result<null>> {
    const { recoveryKey } = await import('./recovery.ts')
    const recovery = await recoveryKey(words)
    if (!recovery.ok) return recovery
    if (!this.#isAlone) return fail('account-invalid', 'This device belongs to an account with other devices.')
    const key = recovery.value.name
    const claims = await this.#parts.say({ kind: 'ask', key })
    if (!claims.ok) return claims
    for (const { account, statements } of claims.value) {
      const read = await readAccount(account, statements, ACCOUNT_CRYPTO)
      if (!read.ok || !read.value.recovery.includes(key)) continue
      const own = { change: 'add', role: 'device', key: this.#parts.key.name } as const
      return this.#change(own, recovery.value, null, read.value)
    }
    return fail('recovery-words-invalid', 'The server knows no account with them.')
  }

  get #isAlone(): boolean {
    return this.#set.devices.length === 1 && this.#set.account === this.#parts.key.name
  }

  async #lookForOffer(request: EnrolRequest): Promise<void> {
    const claims = await this.#parts.say({ kind: 'ask', key: request.key })
    for (const { account, statements } of claims.ok ? claims.value : []) {
      const read = await readAccount(account, statements, ACCOUNT_CRYPTO)
      if (!read.ok || !this.#isAlone || !(await isOffered(read.value, request, ACCOUNT_CRYPTO))) continue
      this.#request = null
      await this.#keep(read.value)
    }
  }

  /** Kept only once the server has it: else two devices could each make another next statement. */
  async #change(
    change: Parameters<typeof changeAccount>[1],
    by: AccountSigner,
    code: string | null = null,
    set = this.#set,
  ): Promise<Result<null>> {
    const changed = await changeAccount(set, change, by, ACCOUNT_CRYPTO, code)
    if (!changed.ok) return changed
    const told = await this.#tell(changed.value)
    if (!told.ok) {
      await this.look()
      return told
    }
    await this.#keep(changed.value)
    return ok(null)
  }

  #tell({ account, statements }: AccountSet): Promise<Result<readonly AccountChain[]>> {
    return this.#parts.say({ kind: 'tell', account, statements })
  }

  async #keep(set: AccountSet): Promise<void> {
    this.#set = set
    this.#changed()
    await this.#parts.shelf.put({ account: set.account, statements: set.statements })
  }

  #changed(): void {
    const { devices, recovery } = this.#set
    const request = this.#request && writeEnrolRequest(this.#request)
    this.#parts.onChange({ self: this.#parts.key.name, devices, recoverable: recovery.length > 0, request })
  }
}
