/**
 * What the manifest says of an MLC model beyond its files: from its settings, its list of shards and, where WebLLM's own
 * list knows the model, from there. Pure.
 */
import { type MlcFile, type MlcKind, type MlcManifest, parseMlcManifest } from '../../web/wire/mlc-model.ts'
import { canonicalJson } from '../../web/wire/model.ts'
import type { Result } from '../../web/wire/result.ts'
import type { PrebuiltModel } from '../../web/wire/webllm-prebuilt.ts'
import type { MlcConfig, TensorList } from './mlc-files.ts'

/** A library that computes in 16-bit floats does not start without this feature of WebGPU. */
const HALF_FLOATS = 'shader-f16'
/** MLC's `model_type` of models that make embeddings. */
const EMBEDDING_TYPES: readonly string[] = ['bert']

export interface MlcParts {
  readonly name: string
  readonly license: string
  readonly config: MlcConfig
  readonly tensors: TensorList
  readonly prebuilt: PrebuiltModel | null
  readonly library: string
  readonly files: readonly MlcFile[]
}

/**
 * Weights, plus keys and values of every position in the type that the quantization computes in. Without buffers for
 * prefill, which WebLLM sizes itself: a tenth more in its own list. Null where the settings do not tell the heads.
 */
function estimateVram({ kvPerLayer, layers, quantization }: MlcConfig, weightBytes: number, positions: number) {
  if (kvPerLayer === 0 || layers === 0 || positions === 0) return null
  const bytesEach = quantization.includes('f32') ? 4 : 2
  return Math.round(1.1 * (weightBytes + kvPerLayer * layers * positions * bytesEach))
}

function kindOf(prebuilt: PrebuiltModel | null, architecture: string): MlcKind | null {
  if (prebuilt) return prebuilt.kind === 'chat' ? null : prebuilt.kind
  return EMBEDDING_TYPES.includes(architecture) ? 'embedding' : null
}

/** Through the same door as the page: what is published must be what a page accepts. */
export function describeMlc(parts: MlcParts): Result<MlcManifest> {
  const { name, license, config, tensors, prebuilt, library, files } = parts
  const { architecture, quantization, layers } = config
  // A list's memory belongs to its context: both from there, or both from the model.
  const contextLength = prebuilt?.contextLength ?? config.contextLength
  const features = new Set(prebuilt?.requiredFeatures)
  if (quantization.includes('f16')) features.add(HALF_FLOATS)
  const kind = kindOf(prebuilt, architecture)
  const manifest: MlcManifest = {
    format: 'weft-mlc/1',
    name,
    license,
    architecture,
    quantization,
    ...(kind === null ? {} : { kind }),
    parameters: tensors.parameters,
    layers,
    contextLength,
    vramBytes: prebuilt?.vramBytes ?? estimateVram(config, tensors.weightBytes, contextLength),
    requiredFeatures: [...features].sort(),
    library,
    files: [...files].sort((a, b) => (a.path < b.path ? -1 : 1)),
    totalBytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
  }
  return parseMlcManifest(JSON.parse(canonicalJson(manifest)))
}
