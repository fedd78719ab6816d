/**
 * What a model needs in the memory of a page, from its tensor directory alone: before a byte of weights is fetched, and
 * for any architecture, since llama.cpp runs more of them than we know. Pure.
 */
import { CPU_BATCH_TOKENS, WASM_BYTES_MAX } from '../wire/limits/engine.ts'
import { GIB, MIB } from '../wire/limits/units.ts'
import { layerOf, type TensorEntry } from '../wire/model.ts'

const F16_BYTES = 2
const F32_BYTES = 4
/** llama.cpp's own code, stacks and tables: what its WASM reserves before it has read a model. */
const RUNTIME_BYTES = 128 * MIB

/** Rows of the last dimension: what a matrix makes of one position. */
const outputs = (tensor: TensorEntry) => tensor.shape[1] ?? tensor.shape[0] ?? 0

/**
 * Elements of K and V that one position keeps. A layer with its own K and V matrices says it; one that computes them
 * together is taken for one without grouped heads, which is the most it can be.
 */
function kvElements(tensors: readonly TensorEntry[], layers: number, width: number): number {
  const known = new Map<number, number>()
  for (const tensor of tensors) {
    const layer = layerOf(tensor.name)
    if (layer === null || !/\.attn_[kv]\.weight$/.test(tensor.name)) continue
    known.set(layer, (known.get(layer) ?? 0) + outputs(tensor))
  }
  let sum = 0
  for (let layer = 0; layer < layers; layer += 1) sum += known.get(layer) ?? 2 * width
  return sum
}

/** Weights, KV in f16, logits of a position, and the widest activations of a batch a few times over. */
export function memoryBytes(tensors: readonly TensorEntry[], layers: number, positions: number): number {
  const embedding = tensors.find(({ name }) => name === 'token_embd.weight')
  const width = embedding?.shape[0] ?? 0
  const weights = tensors.reduce((sum, { bytes }) => sum + bytes, 0)
  const kv = kvElements(tensors, layers, width) * positions * F16_BYTES
  const widest = tensors.reduce(
    (most, tensor) => (layerOf(tensor.name) === null ? most : Math.max(most, outputs(tensor))),
    width,
  )
  const logits = (embedding?.shape[1] ?? 0) * F32_BYTES
  const work = 4 * CPU_BATCH_TOKENS * widest * F32_BYTES + 2 * logits
  return weights + kv + work + RUNTIME_BYTES
}

/** `deviceGib`: `navigator.deviceMemory`, where the browser says it. */
export function memoryBytesMax(deviceGib: number | undefined): number {
  return deviceGib === undefined ? WASM_BYTES_MAX : Math.min(WASM_BYTES_MAX, deviceGib * GIB)
}
