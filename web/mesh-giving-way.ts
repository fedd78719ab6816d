/** How a model would be given, from what is known of it here and of the mesh: facts gathered for `rules/giving-way.ts`. */
import type { GivingPlan, MeshSettings } from './app-mesh-view.ts'
import type { ModelEntry } from './app-view.ts'
import { type FitFacts, layersThatFit, wholeFitsOn } from './rules/giving-fit.ts'
import { layersAreMissing, wayOf } from './rules/giving-way.ts'
import type { Census } from './wire/census.ts'
import { fail } from './wire/result.ts'

export function givingPlanOf(
  { model, fit }: ModelEntry,
  { way: wish, gpuBytesMax: personMax }: Pick<MeshSettings, 'way' | 'gpuBytesMax'>,
  census: Census | null,
): GivingPlan {
  if (fit.state !== 'known') return { layers: 0, choice: fail('not-loaded', 'It is not known yet what it needs.') }
  const { engine, gpuBytes: needs, gpuBytesMax: browserMax, fits } = fit
  const facts: FitFacts = { engine, needs, browserMax, personMax, fits, layers: model.layers }
  // Layers are for a GPU, and of files that can be cut.
  const layers = engine === 'cpu' || model.format !== 'gguf' ? 0 : layersThatFit(facts)
  const shared = census?.models.find(({ modelId }) => modelId === model.id)
  const layersMissing = layersAreMissing(shared, model.layers)
  return { layers, choice: wayOf({ wish, whole: wholeFitsOn(facts), layers, layersMissing }) }
}
