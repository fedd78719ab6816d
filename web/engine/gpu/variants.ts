/**
 * The kernel variants an adapter may run, and how one is named in the numeric class. Types and constants; `tuning.ts`
 * measures which one is fastest.
 */
import type { Reduction } from '../kernels/table.ts'

export interface Tuning {
  readonly reduction: Reduction
  /** Lanes of a workgroup that reduces; a power of two. */
  readonly lanes: number
  /** Weights become f16 before they are multiplied in f32. */
  readonly half: boolean
  /** Prefill through tiles; else rows go through the decode kernels. */
  readonly tiled: boolean
}

/** Runs everywhere; what the others are measured and checked against. */
export const PLAIN: Tuning = { reduction: 'workgroup', lanes: 64, half: false, tiled: true }

export function tuningName({ reduction, lanes, half, tiled }: Tuning): string {
  return `${reduction}${lanes}${half ? '-f16' : ''}-${tiled ? 'tiles' : 'rows'}`
}

/** Variants that the features allow, plainest first. */
export function candidates(features: readonly string[]): readonly Tuning[] {
  const reductions: readonly Reduction[] = features.includes('subgroups') ? ['workgroup', 'subgroup'] : ['workgroup']
  const halves = features.includes('shader-f16') ? [false, true] : [false]
  return reductions.flatMap((reduction) =>
    [64, 32, 16].flatMap((lanes) => halves.map((half) => ({ reduction, lanes, half, tiled: true }))),
  )
}

/** Same class and schedule, same bits. */
export function numericClassOf(adapter: string, tuning: Tuning): string {
  return `${adapter}/${tuningName(tuning)}/kv-f16`
}

/** The variants of that class; null where this GPU has not got them. */
export function tuningOf(numericClass: string, adapter: string, features: readonly string[]): Tuning | null {
  const all = candidates(features).flatMap((tuning) => [tuning, { ...tuning, tiled: false }])
  return all.find((tuning) => numericClassOf(adapter, tuning) === numericClass) ?? null
}
