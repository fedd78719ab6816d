/**
 * How GGML packs numbers: for each tensor type its number in a file, how many elements make a block and how many bytes a
 * block takes. Also what the stage engine runs of them. A pure table; it decodes nothing.
 * Source of the numbers: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md and ggml's block structs.
 */

export interface GgmlType {
  readonly name: string
  /** Its number in a GGUF file. */
  readonly id: number
  readonly blockElements: number
  readonly blockBytes: number
}

const ROWS: readonly (readonly [name: string, id: number, blockElements: number, blockBytes: number])[] = [
  ['F32', 0, 1, 4],
  ['F16', 1, 1, 2],
  ['Q4_0', 2, 32, 18],
  ['Q4_1', 3, 32, 20],
  ['Q5_0', 6, 32, 22],
  ['Q5_1', 7, 32, 24],
  ['Q8_0', 8, 32, 34],
  ['Q8_1', 9, 32, 36],
  ['Q2_K', 10, 256, 84],
  ['Q3_K', 11, 256, 110],
  ['Q4_K', 12, 256, 144],
  ['Q5_K', 13, 256, 176],
  ['Q6_K', 14, 256, 210],
  ['Q8_K', 15, 256, 292],
  ['IQ2_XXS', 16, 256, 66],
  ['IQ2_XS', 17, 256, 74],
  ['IQ3_XXS', 18, 256, 98],
  ['IQ1_S', 19, 256, 50],
  ['IQ4_NL', 20, 32, 18],
  ['IQ3_S', 21, 256, 110],
  ['IQ2_S', 22, 256, 82],
  ['IQ4_XS', 23, 256, 136],
  ['I8', 24, 1, 1],
  ['I16', 25, 1, 2],
  ['I32', 26, 1, 4],
  ['I64', 27, 1, 8],
  ['F64', 28, 1, 8],
  ['IQ1_M', 29, 256, 56],
  ['BF16', 30, 1, 2],
  ['TQ1_0', 34, 256, 54],
  ['TQ2_0', 35, 256, 66],
  ['MXFP4', 39, 32, 17],
]

const GGML_TYPES: readonly GgmlType[] = ROWS.map(([name, id, blockElements, blockBytes]) => ({
  name,
  id,
  blockElements,
  blockBytes,
}))

const BY_ID = new Map(GGML_TYPES.map((type) => [type.id, type]))
const BY_NAME = new Map(GGML_TYPES.map((type) => [type.name, type]))

export function ggmlTypeById(id: number): GgmlType | null {
  return BY_ID.get(id) ?? null
}

export function ggmlTypeByName(name: string): GgmlType | null {
  return BY_NAME.get(name) ?? null
}

/**
 * Bytes of a tensor in a file, null where its rows are no whole number of blocks or the size is no exact number.
 * `shape[0]` is the contiguous dimension.
 */
export function tensorFileBytes(type: GgmlType, shape: readonly number[]): number | null {
  const row = shape[0] ?? 1
  if (row % type.blockElements !== 0) return null
  const elements = shape.reduce((product, size) => product * size, 1)
  const bytes = (elements / type.blockElements) * type.blockBytes
  return Number.isSafeInteger(elements) && Number.isSafeInteger(bytes) ? bytes : null
}

/** Tensor types that the stage engine runs; a mirror warns about the others. */
export const ENGINE_TENSOR_TYPES: readonly string[] = [
  'F32',
  'F16',
  'BF16',
  'Q4_0',
  'Q4_1',
  'Q5_0',
  'Q5_1',
  'Q8_0',
  'Q4_K',
  'Q5_K',
  'Q6_K',
]

/** Values of `general.architecture` that the stage engine runs. */
export const ENGINE_ARCHITECTURES: readonly string[] = ['llama', 'qwen2', 'qwen3']
