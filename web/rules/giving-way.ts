/**
 * How a tab gives: whole answers, or layers of a model. Pure; facts in, decision with its reason out. A whole answer pays no
 * trip a token, so a tab that holds the whole model gives whole answers, unless others do so already and some layers are
 * missing among those who share them. The CPU is slow: it gives only where a person has picked that.
 */
import type { CensusModel } from '../wire/census.ts'
import { fail, ok, type Result } from '../wire/result.ts'

export const GIVING_WISHES = ['best', 'whole', 'layers'] as const
export type GivingWish = (typeof GIVING_WISHES)[number]
export type GivingWay = Exclude<GivingWish, 'best'>

export interface WayFacts {
  readonly wish: GivingWish
  /** What the whole model fits on; null where it does not. */
  readonly whole: 'gpu' | 'cpu' | null
  /** Of it that fit the GPU; zero for a model whose layers cannot be shared. */
  readonly layers: number
  /** As `layersAreMissing` says. */
  readonly layersMissing: boolean
}

export interface WayChoice {
  readonly way: GivingWay
  /** `picked` by a person; `whole-fits`; `layers-missing` among those who share them; `too-large` to be held whole on the GPU. */
  readonly reason: 'picked' | 'whole-fits' | 'layers-missing' | 'too-large'
}

/** Refusals: `gpu-too-small` where nothing of what was picked fits. */
export function wayOf({ wish, whole, layers, layersMissing }: WayFacts): Result<WayChoice> {
  if (wish === 'whole') {
    return whole === null ? fail('gpu-too-small', 'It does not fit whole.') : ok({ way: wish, reason: 'picked' })
  }
  const wholeGoesFirst = wish === 'best' && whole === 'gpu'
  if (wholeGoesFirst && !(layersMissing && layers > 0)) return ok({ way: 'whole', reason: 'whole-fits' })
  if (layers < 1) return fail('gpu-too-small', 'Not even one of its layers fits what is allowed.')
  if (wish === 'layers') return ok({ way: wish, reason: 'picked' })
  return ok({ way: 'layers', reason: wholeGoesFirst ? 'layers-missing' : 'too-large' })
}

/** Others answer whole with it already, and those who share its layers have a hole between them. */
export function layersAreMissing(model: CensusModel | undefined, layers: number): boolean {
  if (!model || model.whole === null || model.ranges.length === 0) return false
  let covered = 0
  for (const { span } of [...model.ranges].sort((a, b) => a.span.first - b.span.first)) {
    if (span.first > covered) return true
    covered = Math.max(covered, span.last)
  }
  return covered < layers
}
