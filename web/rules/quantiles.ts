/** Of measured values: what a share of them does not exceed. Pure. */

/** Nearest rank; null of nothing. */
export function quantile(values: readonly number[], share: number): number | null {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null
}

export function median(values: readonly number[]): number | null {
  return quantile(values, 0.5)
}
