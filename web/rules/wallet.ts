/**
 * What a wallet's history comes to: what each entry means for its account, what was earned and spent a day, what a request will
 * cost and what giving could earn. Pure; words and drawing are the screen's.
 */
import type { WalletEntry } from '../wire/credit-events.ts'
import type { LedgerKind, MicroCredits } from '../wire/ledger-events.ts'
import type { Receipt } from '../wire/receipt-bytes.ts'
import { burnOf, type CreditPolicy, holdOf, priceOf } from './credit-policy.ts'

/** From the side of this account. `asked` and `earned` are two sides of one settlement. */
export type EntrySense =
  | 'gift'
  | 'lapsed'
  | 'set-aside'
  | 'asked'
  | 'earned'
  | 'given-back'
  | 'vested'
  | 'disputed'
  | 'judged'

export function senseOf({ type, lines }: WalletEntry): EntrySense {
  switch (type) {
    case 'grant':
      return 'gift'
    case 'lapse':
      return 'lapsed'
    case 'hold':
      return 'set-aside'
    case 'settle':
      return lines.some(({ kind }) => kind === 'escrow') ? 'earned' : 'asked'
    case 'release':
      return 'given-back'
    case 'dispute':
      return 'disputed'
    case 'judge':
      return 'judged'
    case 'vest':
      return 'vested'
    default:
      return type satisfies never
  }
}

/** Of all places together: what the account has more than before. */
export function netOf({ lines }: WalletEntry): MicroCredits {
  return lines.reduce((sum, { micro }) => sum + micro, 0n)
}

export function movedOf({ lines }: WalletEntry, kind: LedgerKind): MicroCredits {
  return lines.reduce((sum, line) => (line.kind === kind ? sum + line.micro : sum), 0n)
}

/** The one figure of an entry: what was earned or paid; of what only changes its place, what can be spent more or less. */
export function amountOf(entry: WalletEntry): MicroCredits {
  const net = netOf(entry)
  if (net !== 0n) return net
  return entry.type === 'dispute' ? movedOf(entry, 'hold') : movedOf(entry, 'user')
}

export interface DayFigures {
  /** Where the day begins. */
  readonly dayMs: number
  readonly earnedMicro: MicroCredits
  readonly spentMicro: MicroCredits
  /** Read and written for others, as their receipts count. */
  readonly tokens: number
}

/** `startsMs`: where each day begins, rising; the last one is not over. Entries from before the first count nowhere. */
export function daysOf(entries: readonly WalletEntry[], startsMs: readonly number[]): readonly DayFigures[] {
  const days = startsMs.map((dayMs) => ({ dayMs, earnedMicro: 0n, spentMicro: 0n, tokens: 0 }))
  const counted = new Set<string>()
  for (const entry of entries) {
    const day = days.findLast(({ dayMs }) => dayMs <= entry.atMs)
    if (!day || (entry.type !== 'settle' && entry.type !== 'judge')) continue
    const net = netOf(entry)
    if (net > 0n) day.earnedMicro += net
    else day.spentMicro -= net
    const name = `${entry.request}/${entry.part}`
    if (senseOf(entry) !== 'earned' || !entry.receipt || counted.has(name)) continue
    counted.add(name)
    day.tokens += tokensOf(entry.receipt.receipt)
  }
  return days
}

/** Computed, not those that had been read before. */
export function tokensOf({ promptTokens, reusedTokens, outputTokens }: Receipt): number {
  return promptTokens - reusedTokens + outputTokens
}

export interface Cost {
  /** Of an answer of usual length. */
  readonly usualMicro: MicroCredits
  /** Of the longest that is allowed. */
  readonly mostMicro: MicroCredits
  /** So much is set aside before it is asked: also for tabs that have to take over. */
  readonly heldMicro: MicroCredits
}

const USUAL_ANSWER_TOKENS = 256

export function costOf(
  policy: CreditPolicy,
  request: { readonly promptTokens: number; readonly outputTokensMax: number; readonly activeParameters: number },
): Cost {
  const { promptTokens, outputTokensMax, activeParameters } = request
  const whole = { promptTokens, activeParameters, layers: 1, layersAll: 1 }
  const usual = Math.min(USUAL_ANSWER_TOKENS, outputTokensMax)
  return {
    usualMicro: priceOf(policy, { ...whole, outputTokens: usual }),
    mostMicro: priceOf(policy, { ...whole, outputTokens: outputTokensMax }),
    heldMicro: holdOf(policy, {
      tokens: promptTokens + outputTokensMax,
      outputTokens: outputTokensMax,
      activeParameters,
    }),
  }
}

/** What an hour of writing without a pause earns, after the burn. `layers` of all are served; null for the whole model. */
export function earningsAnHour(
  policy: CreditPolicy,
  given: {
    readonly tokensPerSecond: number
    readonly activeParameters: number
    readonly share: { readonly layers: number; readonly layersAll: number } | null
  },
): MicroCredits {
  const { tokensPerSecond, activeParameters, share } = given
  const outputTokens = Math.max(0, Math.floor(tokensPerSecond * 3_600))
  const { layers, layersAll } = share ?? { layers: 1, layersAll: 1 }
  const price = priceOf(policy, { promptTokens: 0, outputTokens, activeParameters, layers, layersAll })
  return price - burnOf(policy, price)
}
