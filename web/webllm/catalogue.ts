/**
 * WebLLM's own list as a person picks from it: one entry a model, the variant that suits this GPU, whether it fits. Also
 * the same questions for an MLC model of the mirror. Reads the small list in `wire/`, never the package. Pure: what the
 * adapter can do comes in as an argument.
 */
import type { MlcManifest } from '../wire/mlc-model.ts'
import type { ModelSummary } from '../wire/model.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import { PREBUILT, type PrebuiltModel } from '../wire/webllm-prebuilt.ts'

/** Of an adapter: `GpuFacts` has these. */
export interface AdapterAbilities {
  readonly features: readonly string[]
  readonly bindingBytesMax: number
}

/** What an MLC model needs of a device. */
export interface MlcNeeds {
  readonly model: ModelSummary
  readonly gpuBytes: number
  readonly requiredFeatures: readonly string[]
  /** The largest buffer that its library binds. */
  readonly bufferBytes: number
  /** Fit for phones and small GPUs; null where WebLLM's list does not have it. */
  readonly lowResource: boolean | null
}

export interface CatalogueEntry {
  /** WebLLM's name of the variant: `ModelSource` of kind `prebuilt` takes it. */
  readonly name: string
  /** Without quantisation: `Qwen3 0.6B`. */
  readonly title: string
  readonly family: string
  readonly kind: PrebuiltModel['kind']
  readonly license: string
  readonly quantization: string
  readonly contextLength: number | null
  readonly vramBytes: number | null
  readonly lowResource: boolean
  readonly fits: boolean
  /** Why it does not, in one sentence; else empty. */
  readonly reason: string
}

export interface CatalogueFamily {
  readonly family: string
  readonly entries: readonly CatalogueEntry[]
}

/** The largest binding that WebGPU guarantees; WebLLM asks for 1 GiB and takes this where it must. */
const BINDING_BYTES_GUARANTEED = 2 ** 27

/** WebLLM's list names no licenses: those of families that are known to have one. The mirror reads each model's own. */
const LICENSES: readonly (readonly [RegExp, family: string, license: string])[] = [
  [/^Llama-3\.2/, 'Llama 3.2', 'llama3.2'],
  [/^Llama-3\.1/, 'Llama 3.1', 'llama3.1'],
  [/^Llama-3/, 'Llama 3', 'llama3'],
  [/^Llama-2/, 'Llama 2', 'llama2'],
  [/^TinyLlama/, 'TinyLlama', 'Apache-2.0'],
  [/^DeepSeek-R1/, 'DeepSeek R1', 'MIT'],
  [/^(Hermes|OpenHermes|NeuralHermes)/, 'Hermes', 'unknown'],
  [/^Phi-/i, 'Phi', 'MIT'],
  [/^(Mistral|Ministral)/, 'Mistral', 'Apache-2.0'],
  [/^WizardMath/, 'WizardMath', 'unknown'],
  [/^SmolLM/, 'SmolLM', 'Apache-2.0'],
  [/^gemma-?4/, 'Gemma 4', 'unknown'],
  [/^gemma/, 'Gemma', 'gemma'],
  [/^OLMo/, 'OLMo', 'Apache-2.0'],
  [/^Qwen3\.5/, 'Qwen 3.5', 'unknown'],
  [/^Qwen3/, 'Qwen 3', 'Apache-2.0'],
  // The 3B models of this family have a research license, so the family has none in common.
  [/^Qwen2\.5.*-3B/, 'Qwen 2.5', 'qwen-research'],
  [/^Qwen2\.5/, 'Qwen 2.5', 'Apache-2.0'],
  [/^Qwen2/, 'Qwen 2', 'Apache-2.0'],
  [/^stablelm/, 'StableLM', 'unknown'],
  [/^RedPajama/, 'RedPajama', 'Apache-2.0'],
  [/^snowflake/, 'Snowflake Arctic Embed', 'Apache-2.0'],
]

const VARIANT = /-(q\df(?:16|32)(?:_\d)?)-MLC/

const quantizationOf = (id: string) => VARIANT.exec(id)?.[1] ?? 'unknown'

/** Half precision in the weights' scheme means half precision in every kernel, whether the list says so or not. */
function featuresFor(quantization: string, listed: readonly string[]): readonly string[] {
  return quantization.includes('f16') ? [...new Set([...listed, 'shader-f16'])] : listed
}

/** Refusal `feature-missing`, or null where the adapter has them all. */
export function missingFeatures(required: readonly string[], features: readonly string[]): Failure | null {
  const missing = required.filter((feature) => !features.includes(feature))
  return missing.length === 0 ? null : fail('feature-missing', `It needs ${missing.join(' and ')}.`)
}

const mb = (bytes: number) => Math.ceil(bytes / 1e6)

/**
 * Empty where the device may have room, else one sentence. No browser says how much memory its GPU has: what is known
 * before anything is tried are its limits, and that an adapter which allows no more than the guaranteed has little.
 */
export function roomFor(
  needs: Pick<MlcNeeds, 'gpuBytes' | 'bufferBytes' | 'lowResource'>,
  gpu: AdapterAbilities,
): string {
  const { gpuBytes, bufferBytes, lowResource } = needs
  if (bufferBytes > gpu.bindingBytesMax)
    return `It binds ${mb(bufferBytes)} MB at once; your browser allows ${mb(gpu.bindingBytesMax)} MB.`
  const small = gpu.bindingBytesMax <= BINDING_BYTES_GUARANTEED
  return small && lowResource === false ? `It needs ${mb(gpuBytes)} MB of GPU memory, and yours is a small GPU.` : ''
}

/** For a model of the mirror. */
export function entryOf(model: ModelSummary, manifest: MlcManifest): MlcNeeds {
  const listed = PREBUILT.models.find(({ id }) => id === manifest.name)
  return {
    model,
    // Without an estimate the weights are the least that it takes.
    gpuBytes: manifest.vramBytes ?? manifest.totalBytes,
    requiredFeatures: featuresFor(manifest.quantization, manifest.requiredFeatures),
    bufferBytes: listed?.bufferBytes ?? 0,
    lowResource: listed?.lowResource ?? null,
  }
}

/** For a model of the list. Its files are counted when they are fetched; until then it is as large as its memory. */
export function prebuiltSummary(name: string): Result<MlcNeeds> {
  const found = PREBUILT.models.find(({ id }) => id === name)
  if (!found) return fail('model-unknown', `WebLLM's list has no ${name}.`)
  const { family, license } = familyOf(name)
  const gpuBytes = found.vramBytes ?? 0
  const model: ModelSummary = {
    id: '',
    format: 'mlc',
    name,
    license,
    architecture: family,
    fileBytes: gpuBytes,
    parameters: 0,
    layers: 0,
    contextLength: found.contextLength ?? 0,
  }
  const requiredFeatures = featuresFor(quantizationOf(name), found.requiredFeatures)
  const { bufferBytes, lowResource } = found
  return ok({ model, gpuBytes, requiredFeatures, bufferBytes: bufferBytes ?? 0, lowResource })
}

function familyOf(name: string): { family: string; license: string } {
  const found = LICENSES.find(([pattern]) => pattern.test(name))
  return { family: found?.[1] ?? 'Others', license: found?.[2] ?? 'unknown' }
}

/** `Qwen3-0.6B-q4f16_1-MLC` and its variants are one model; a shorter context makes another one. */
function titleOf(id: string): string {
  return id
    .replace(VARIANT, '')
    .replace(/-(1k|b\d+)$/, ' ($1)')
    .replaceAll('-', ' ')
}

/** Of the variants that the adapter can run: four bits before more, then half precision, then what needs least. */
function suits(a: PrebuiltModel, b: PrebuiltModel): number {
  const rank = ({ id }: PrebuiltModel) => {
    const quantization = quantizationOf(id)
    return (/^q[34]/.test(quantization) ? 0 : 2) + (quantization.includes('f16') ? 0 : 1)
  }
  return rank(a) - rank(b) || (a.vramBytes ?? 0) - (b.vramBytes ?? 0)
}

function toEntry(variants: readonly PrebuiltModel[], gpu: AdapterAbilities): CatalogueEntry | null {
  const missing = (model: PrebuiltModel) =>
    missingFeatures(featuresFor(quantizationOf(model.id), model.requiredFeatures), gpu.features)
  const able = variants.filter((model) => missing(model) === null)
  const [best] = (able.length > 0 ? able : [...variants]).sort(suits)
  if (!best) return null
  const lack = missing(best)
  const { vramBytes, bufferBytes, lowResource } = best
  const room = roomFor({ gpuBytes: vramBytes ?? 0, bufferBytes: bufferBytes ?? 0, lowResource }, gpu)
  const reason = lack?.detail ?? room
  return {
    name: best.id,
    title: titleOf(best.id),
    ...familyOf(best.id),
    kind: best.kind,
    quantization: quantizationOf(best.id),
    contextLength: best.contextLength,
    vramBytes,
    lowResource,
    fits: reason === '',
    reason,
  }
}

function groups<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const found = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    found.set(key, [...(found.get(key) ?? []), item])
  }
  return found
}

/** Families in the list's order, which begins with what most people look for; the smallest model of each first. */
export function prebuiltCatalogue(gpu: AdapterAbilities): readonly CatalogueFamily[] {
  const byTitle = groups(PREBUILT.models, ({ id }) => titleOf(id))
  const entries = [...byTitle.values()].map((variants) => toEntry(variants, gpu)).filter((entry) => entry !== null)
  const families = groups(entries, ({ family }) => family)
  return [...families].map(([family, members]) => ({
    family,
    entries: members.sort((a, b) => (a.vramBytes ?? 0) - (b.vramBytes ?? 0)),
  }))
}
