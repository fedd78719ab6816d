/**
 * The server's side of credits for the played mesh: a test says what an account has and what happened to it; pages, the puzzle
 * and the gift are answered as the server answers them. Keeps no books: nothing here adds up by itself.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { CREDIT_POLICY } from '../../web/rules/credit-policy.ts'
import { isProof } from '../../web/rules/grant-proof.ts'
import { type CreditWish, type Wallet, type WalletEntry, writeCredits } from '../../web/wire/credit-events.ts'
import { WALLET_PAGE_MAX } from '../../web/wire/limits/credits.ts'
import { type Failure, fail, ok, type Result } from '../../web/wire/result.ts'

/** As a test says it: amounts as text, since 64 bits do not travel into a page. */
export type SaidEntry = Omit<WalletEntry, 'lines' | 'receipt'> & { lines: readonly object[]; receipt: unknown }

const PUZZLE = { challenge: 'a challenge', bits: 8 }
const EMPTY = { userMicro: '0', heldMicro: '0', escrowMicro: '0', disputedMicro: '0' }
const LISTS = { grant: null, held: [], escrows: [], disputes: [], policy: CREDIT_POLICY.version }
const OWNER = `ed25519:${'A'.repeat(43)}`

export class FakeWallet {
  /** Null: the server is away. */
  wallet: object | null = null
  /** Newest first. */
  entries: readonly SaidEntry[] = []
  readonly wishes: CreditWish[] = []
  /** What a proof comes to. */
  refusal: Failure | null = null

  /** What an account has, and nothing else of it. */
  has(wallet: object): void {
    this.wallet = { owner: OWNER, ...EMPTY, ...LISTS, ...wallet }
  }

  async credit(wish: CreditWish): Promise<Result<unknown>> {
    this.wishes.push(wish)
    if (!this.wallet) return fail('signal-away', '')
    switch (wish.kind) {
      case 'wallet':
        return ok(writeCredits(this.wallet))
      case 'history': {
        const older = this.entries.filter(({ seq }) => wish.before === null || seq < wish.before)
        const entries = older.slice(0, WALLET_PAGE_MAX)
        return ok(writeCredits({ entries, more: older.length > entries.length }))
      }
      case 'puzzle':
        return ok(PUZZLE)
      case 'grant':
        return this.refusal ?? this.#give(wish.proof)
      case 'began':
      case 'settle':
      case 'over':
        return ok(null)
      default:
        return wish satisfies never
    }
  }

  #give(proof: string): Result<null> {
    if (!isProof(PUZZLE, proof, (text) => sha256(new TextEncoder().encode(text)))) return fail('grant-proof', '')
    const { grantMicro, grantForMs } = CREDIT_POLICY
    const grant = { leftMicro: grantMicro, untilMs: Date.now() + grantForMs } satisfies Wallet['grant']
    this.wallet = { ...this.wallet, userMicro: grantMicro, grant }
    return ok(null)
  }
}
