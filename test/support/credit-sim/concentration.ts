/** How unequally credits are spread: figures of a list of amounts. */
import type { MicroCredits } from '../../../web/wire/ledger-events.ts'

export interface Concentration {
  /** 0 where all have the same, close to 1 where one has all. */
  readonly gini: number
  /** Of all credits, what the richest hundredth and the richest tenth have. */
  readonly richest1: number
  readonly richest10: number
}

export function concentrationOf(amounts: readonly MicroCredits[]): Concentration {
  const sorted = amounts.map(Number).sort((a, b) => a - b)
  const total = sorted.reduce((sum, one) => sum + one, 0)
  if (total === 0) return { gini: 0, richest1: 0, richest10: 0 }
  const count = sorted.length
  const ranked = sorted.reduce((sum, one, index) => sum + (2 * (index + 1) - count - 1) * one, 0)
  const share = (part: number) => {
    const richest = sorted.slice(count - Math.max(1, Math.round(count * part)))
    return richest.reduce((sum, one) => sum + one, 0) / total
  }
  return { gini: ranked / (count * total), richest1: share(0.01), richest10: share(0.1) }
}
