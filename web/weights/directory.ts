/**
 * The directory of a GGUF file: metadata and where each tensor lies. Types only; `gguf.ts` reads one from a `ByteSource`.
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import type { TensorEntry } from '../wire/model.ts'

export type MetadataValue = string | number | bigint | boolean | readonly MetadataValue[]

export interface Directory {
  /** Keys as in the file: `general.architecture`, `llama.block_count`, `tokenizer.ggml.tokens`, ... */
  readonly metadata: Readonly<Record<string, MetadataValue>>
  /** In file order; offsets from the start of the file, checked to lie inside it. */
  readonly tensors: readonly TensorEntry[]
  /** Where tensor data begins. */
  readonly dataOffset: number
}
