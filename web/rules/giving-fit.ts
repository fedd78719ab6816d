/**
 * What of a model a tab has room to give: its layers, and whether it holds all of it. Pure: what the model needs and what is
 * allowed come in. What a whole model needs is weights, work buffers and the KV of the positions that it is offered with, as
 * the engine that would run it has worked it out.
 */
import type { EngineName } from '../wire/chat.ts'

export interface FitFacts {
  /** The engine that would run it whole here. */
  readonly engine: EngineName
  /** Of the whole model, bytes; of the page's memory for the CPU engine. */
  readonly needs: number
  /** What the browser lets that engine have; null where it does not say. */
  readonly browserMax: number | null
  /** What the person allows of the GPU; null for all of it. */
  readonly personMax: number | null
  /** Whether the engine has found that it fits. */
  readonly fits: boolean
  readonly layers: number
}

/** Layers that the allowed GPU memory has room for, each taken for an equal share of the whole. */
export function layersThatFit({ needs, browserMax, personMax, layers }: FitFacts): number {
  const allowed = Math.min(personMax ?? Number.POSITIVE_INFINITY, browserMax ?? Number.POSITIVE_INFINITY)
  return Math.min(layers, Math.floor((allowed * layers) / Math.max(needs, 1)))
}

/** On what the whole model fits; null where it does not. What a person allows is of the GPU alone. */
export function wholeFitsOn(facts: FitFacts): 'gpu' | 'cpu' | null {
  if (!facts.fits) return null
  if (facts.engine === 'cpu') return 'cpu'
  return facts.needs <= (facts.personMax ?? Number.POSITIVE_INFINITY) ? 'gpu' : null
}
