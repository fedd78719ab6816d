/**
 * llama.cpp's counts of one answer. Pure, and apart from `llama.ts`, which is loaded late.
 */

/** Up to now. */
export interface CpuCounts {
  readonly promptTokens: number
  readonly reusedTokens: number
  readonly madeTokens: number
  /** Time of all made tokens but the first. */
  readonly decodeMs: number
}

export const NO_COUNTS: CpuCounts = { promptTokens: 0, reusedTokens: 0, madeTokens: 0, decodeMs: 0 }

/** An answer that went on after a break. The prompt is counted once: the second time it holds what was made. */
export function sumCounts(before: CpuCounts, after: CpuCounts): CpuCounts {
  return {
    promptTokens: before.promptTokens,
    reusedTokens: before.reusedTokens,
    madeTokens: before.madeTokens + after.madeTokens,
    decodeMs: before.decodeMs + after.decodeMs,
  }
}
