/**
 * What `App.mesh.credits` says is true now, as plain values. Types, constants and what an entry means: screens and tests read these
 * without knowing how credits are fetched.
 */
import type { CreditPolicy } from './rules/credit-policy.ts'
import { amountOf, type Cost, type DayFigures, senseOf, tokensOf } from './rules/wallet.ts'
import type { Wallet, WalletEntry } from './wire/credit-events.ts'
import type { MicroCredits } from './wire/ledger-events.ts'
import type { Failure } from './wire/result.ts'

/** Screens read these here. */
export type { ReceiptCheck, SignatureState } from './account/receipt-check.ts'
export type { DayFigures, EntrySense } from './rules/wallet.ts'

/** What an entry, or its receipt, comes to for this account. */
export const WALLET_MEANING = { amountOf, senseOf, tokensOf }

/** Replaced as a whole on every change; never mutated. */
export interface WalletView {
  /** Null until the server has told. */
  readonly wallet: Wallet | null
  /** Why it is not known, or not what it was a moment ago. */
  readonly trouble: Failure | null
  /** Why what a person wanted last was not done. */
  readonly refusal: Failure | null
  /** Newest first. Empty until they were asked for. */
  readonly entries: readonly WalletEntry[]
  /** The server has older ones. */
  readonly more: boolean
  /** The last `WALLET_DAYS` days, the oldest first. */
  readonly days: readonly DayFigures[]
  /** All entries of these days are here. */
  readonly daysAreWhole: boolean
  readonly policy: CreditPolicy
  readonly busy: 'gift' | 'older' | 'export' | null
}

/** What an answer would cost. `short`: more than there is, so that nothing is paid for it. */
export type CostView =
  | { readonly kind: 'room' }
  /** `haveMicro`: null while that is not known. */
  | (Cost & { readonly kind: 'paid'; readonly haveMicro: MicroCredits | null })
  | (Cost & { readonly kind: 'short'; readonly haveMicro: MicroCredits; readonly outputTokensMax: number })

/** How a receipt's price comes about. `micro` is null where its model or its policy is not known here. */
export interface PriceView {
  /** Null where this version of the app does not know it. */
  readonly policy: CreditPolicy | null
  readonly model: string | null
  readonly activeParameters: number | null
  readonly layersAll: number | null
  readonly micro: MicroCredits | null
}

/** What this tab would earn in an hour of work without a pause. */
export interface EarningsView {
  readonly model: string
  readonly tokensPerSecond: number
  /** Null of the whole model. */
  readonly layers: number | null
  readonly microAnHour: MicroCredits
}
