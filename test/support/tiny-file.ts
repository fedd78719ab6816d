/** A tiny model with some of its metadata or tensors changed, for tests of what is refused. */
import {
  GGML_TYPES,
  type GgmlTypeName,
  type GgufMetadata,
  type GgufTensor,
  tensorBytes,
  writeGguf,
} from '../fixtures/gguf-writer.ts'
import { type TinyModelSpec, tinyModelParts } from '../fixtures/tiny-model.ts'

export interface Change {
  readonly metadata?: GgufMetadata
  /** Keys to leave out. */
  readonly without?: readonly string[]
  /** Tensor to change; null leaves it out. */
  readonly tensors?: Readonly<
    Record<string, { readonly type?: GgmlTypeName; readonly shape?: readonly number[] } | null>
  >
}

export function changedFile(spec: TinyModelSpec, change: Change): Uint8Array<ArrayBuffer> {
  const { metadata, tensors } = tinyModelParts(spec)
  const kept = Object.entries({ ...metadata, ...change.metadata }).filter(([key]) => !change.without?.includes(key))
  const changed = tensors.flatMap((tensor): GgufTensor[] => {
    const wish = change.tensors?.[tensor.name]
    if (wish === undefined) return [tensor]
    if (wish === null) return []
    const shaped = { name: tensor.name, type: wish.type ?? tensor.type, shape: wish.shape ?? tensor.shape }
    return [{ ...shaped, data: new Uint8Array(tensorBytes(shaped)) }]
  })
  return writeGguf(Object.fromEntries(kept), changed)
}

export const GGML_TYPE_NAMES = Object.keys(GGML_TYPES) as GgmlTypeName[]
