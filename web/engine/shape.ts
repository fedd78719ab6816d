/**
 * What a model's metadata says about its transformer: sizes, norms, rotary embedding. A new architecture of the llama
 * family is a new row in `ARCHITECTURES`, not a branch in a kernel. Metadata keys: the GGUF specification,
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */

import type { Directory, MetadataValue } from '../weights/directory.ts'
import { LAYERS_MAX, VOCABULARY_MAX } from '../wire/limits/models.ts'
import { fail, ok, type Result } from '../wire/result.ts'

/** How a file pairs the dimensions that are rotated together: (2i, 2i+1) or (i, i + half). */
export type RopePairing = 'interleaved' | 'halves'

interface Architecture {
  readonly pairing: RopePairing
  /** Biases on q, k and v. */
  readonly bias: boolean
  /** RMS norm over each head of q and k before rotation. */
  readonly headNorm: boolean
}

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  llama: { pairing: 'interleaved', bias: false, headNorm: false },
  qwen2: { pairing: 'halves', bias: true, headNorm: false },
  qwen3: { pairing: 'halves', bias: false, headNorm: true },
}

export interface ModelShape extends Architecture {
  readonly architecture: string
  readonly layers: number
  readonly width: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly ffn: number
  readonly vocabulary: number
  readonly contextLength: number
  readonly normEpsilon: number
  readonly ropeBase: number
  /** Positions are divided by this (linear scaling); 1 is none. */
  readonly ropeScale: number
  /** Head and embedding are one tensor. */
  readonly tied: boolean
}

function positive(value: MetadataValue | undefined, max: number): number | null {
  const number = typeof value === 'bigint' ? Number(value) : value
  return typeof number === 'number' && Number.isInteger(number) && number > 0 && number <= max ? number : null
}

function real(value: MetadataValue | undefined): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : null
}

const DIMENSION_MAX = 1 << 20

/** Refusals: `architecture-unsupported` (named), `gguf-invalid` (the key that is missing or out of range). */
export function readShape(directory: Directory): Result<ModelShape> {
  const { metadata, tensors } = directory
  const name = metadata['general.architecture']
  if (typeof name !== 'string') return fail('gguf-invalid', 'general.architecture is missing.')
  const architecture = Object.hasOwn(ARCHITECTURES, name) ? ARCHITECTURES[name] : undefined
  if (!architecture) return fail('architecture-unsupported', `The file says "${name.slice(0, 40)}".`)
  const get = (key: string) => metadata[`${name}.${key}`]
  const missing = (key: string) => fail('gguf-invalid', `${name}.${key} is missing or out of range.`)

  const layers = positive(get('block_count'), LAYERS_MAX)
  if (layers === null) return missing('block_count')
  const width = positive(get('embedding_length'), DIMENSION_MAX)
  if (width === null) return missing('embedding_length')
  const heads = positive(get('attention.head_count'), 4096)
  if (heads === null) return missing('attention.head_count')
  const kvHeads = get('attention.head_count_kv') === undefined ? heads : positive(get('attention.head_count_kv'), heads)
  if (kvHeads === null || heads % kvHeads !== 0) return missing('attention.head_count_kv')
  const headDim =
    get('attention.key_length') === undefined ? width / heads : positive(get('attention.key_length'), 1024)
  if (headDim === null || !Number.isInteger(headDim) || headDim % 8 !== 0) return missing('attention.key_length')
  const rotated = get('rope.dimension_count')
  if (rotated !== undefined && positive(rotated, 1024) !== headDim) return missing('rope.dimension_count')
  const ffn = positive(get('feed_forward_length'), DIMENSION_MAX)
  if (ffn === null) return missing('feed_forward_length')
  const contextLength = positive(get('context_length'), 2 ** 31)
  if (contextLength === null) return missing('context_length')
  const normEpsilon = real(get('attention.layer_norm_rms_epsilon'))
  if (normEpsilon === null) return missing('attention.layer_norm_rms_epsilon')
  const ropeBase = get('rope.freq_base') === undefined ? 10_000 : real(get('rope.freq_base'))
  if (ropeBase === null) return missing('rope.freq_base')
  const scaling = get('rope.scaling.type')
  if (scaling !== undefined && scaling !== 'none' && scaling !== 'linear') {
    return fail('architecture-unsupported', `RoPE scaling "${String(scaling).slice(0, 40)}" is not supported.`)
  }
  const ropeScale = scaling === 'linear' ? real(get('rope.scaling.factor')) : 1
  if (ropeScale === null) return missing('rope.scaling.factor')

  const embedding = tensors.find((tensor) => tensor.name === 'token_embd.weight')
  const vocabulary = embedding?.shape[1]
  if (
    !embedding ||
    vocabulary === undefined ||
    vocabulary < 1 ||
    vocabulary > VOCABULARY_MAX ||
    embedding.shape[0] !== width
  ) {
    return fail('gguf-invalid', 'token_embd.weight is missing or has the wrong shape.')
  }
  const tied = !tensors.some((tensor) => tensor.name === 'output.weight')
  return ok({
    architecture: name,
    ...architecture,
    layers,
    width,
    heads,
    kvHeads,
    headDim,
    ffn,
    vocabulary,
    contextLength,
    normEpsilon,
    ropeBase,
    ropeScale,
    tied,
  })
}
