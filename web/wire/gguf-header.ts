/**
 * The header of a GGUF file (version 2 and 3, little-endian): metadata and where each tensor lies. Bytes come from
 * strangers, so every count is checked against a cap and against what the file can hold before anything is allocated,
 * and nothing here throws on bad input. Pure: reading and UTF-8 decoding are passed in, so that the page and the mirror
 * share it. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 * Why not the library: docs/decisions/0006-gguf-reader.md.
 */

import { ggmlTypeById, tensorFileBytes } from './ggml-types.ts'
import { GgufCursor, type MetadataValue } from './gguf-cursor.ts'
import {
  ALIGNMENT_BYTES_MAX,
  CHUNK_BYTES,
  GGUF_HEADER_BYTES_MAX,
  METADATA_ITEMS_MAX,
  NAME_CHARACTERS_MAX,
  TENSORS_MAX,
} from './limits/models.ts'
import type { TensorEntry } from './model.ts'
import { FailureError, fail, ok, type Result } from './result.ts'

export interface Directory {
  /** Keys as in the file: `general.architecture`, `llama.block_count`, `tokenizer.ggml.tokens`, ... */
  readonly metadata: Readonly<Record<string, MetadataValue>>
  /** In file order; offsets from the start of the file, checked to lie inside it and not to overlap. */
  readonly tensors: readonly TensorEntry[]
  /** Where tensor data begins. */
  readonly dataOffset: number
}

const MAGIC = [0x47, 0x47, 0x55, 0x46]
const ALIGNMENT_BYTES_DEFAULT = 32
/** No entry is shorter: an empty key with a byte; an empty name, refused later, with one dimension. */
const PAIR_BYTES_MIN = 13
const TENSOR_BYTES_MIN = 32

function invalid(detail: string): never {
  throw new FailureError(fail('gguf-invalid', detail))
}

function readMetadata(cursor: GgufCursor, pairs: number): Map<string, MetadataValue> {
  const metadata = new Map<string, MetadataValue>()
  for (let index = 0; index < pairs; index += 1) {
    const key = cursor.text()
    if (metadata.has(key)) invalid(`The key ${JSON.stringify(key.slice(0, NAME_CHARACTERS_MAX))} stands there twice.`)
    metadata.set(key, cursor.value(cursor.u32(), key))
  }
  return metadata
}

function alignmentOf(metadata: ReadonlyMap<string, MetadataValue>): number {
  const value = metadata.get('general.alignment') ?? ALIGNMENT_BYTES_DEFAULT
  const powerOfTwo = typeof value === 'number' && Number.isSafeInteger(Math.log2(value))
  if (!powerOfTwo || value < 1 || value > ALIGNMENT_BYTES_MAX) invalid('general.alignment is not a power of two.')
  return value
}

/** One line of the directory; its offset still counts from the start of the tensor data. */
function readTensor(cursor: GgufCursor, alignment: number): TensorEntry {
  const name = cursor.text()
  if (name === '') invalid('A tensor has no name.')
  if (name.length > NAME_CHARACTERS_MAX) invalid('A tensor name is too long.')
  const dimensions = cursor.u32()
  if (dimensions < 1 || dimensions > 4) invalid(`Tensor ${name} has ${dimensions} dimensions.`)
  const shape = Array.from({ length: dimensions }, () => cursor.size(`a dimension of ${name}`))
  if (shape.includes(0)) invalid(`Tensor ${name} is empty.`)
  const number = cursor.u32()
  const offset = cursor.size(`the offset of ${name}`)
  const type = ggmlTypeById(number)
  if (!type) throw new FailureError(fail('tensor-type-unsupported', `Tensor ${name} has the unknown type ${number}.`))
  const bytes = tensorFileBytes(type, shape)
  if (bytes === null) invalid(`Tensor ${name} cannot be ${type.name} of shape ${shape.join(' x ')}.`)
  if (offset % alignment !== 0) invalid(`Tensor ${name} is not aligned to ${alignment} bytes.`)
  return { name, type: type.name, shape, offset, bytes }
}

function checkPlaces(tensors: readonly TensorEntry[], fileBytes: number): void {
  const names = new Set<string>()
  const sorted = [...tensors].sort((a, b) => a.offset - b.offset)
  let end = 0
  // Lies first: no cut makes tensors overlap, and fetching such a file again would not help.
  for (const { name, offset, bytes } of sorted) {
    if (names.has(name)) invalid(`Tensor ${name} stands there twice.`)
    names.add(name)
    if (offset < end) invalid(`Tensor ${name} overlaps another one.`)
    end = offset + bytes
  }
  const cut = tensors.find(({ offset, bytes }) => offset + bytes > fileBytes)
  if (!cut) return
  const detail = `Tensor ${cut.name} ends at byte ${cut.offset + cut.bytes}, the file at ${fileBytes}.`
  throw new FailureError(fail('gguf-truncated', detail))
}

function parse(cursor: GgufCursor, fileBytes: number): Directory {
  const version = cursor.u32()
  if (version >= 0x10000) invalid('It is written for big-endian machines.')
  if (version !== 2 && version !== 3) invalid(`Version ${version} of the format is not known.`)
  const tensorCount = cursor.count('tensors', TENSORS_MAX, TENSOR_BYTES_MIN)
  const pairs = cursor.count('metadata keys', METADATA_ITEMS_MAX, PAIR_BYTES_MIN)
  if (tensorCount === 0) invalid('It holds no tensors.')
  const metadata = readMetadata(cursor, pairs)
  const alignment = alignmentOf(metadata)
  const relative: TensorEntry[] = []
  for (let index = 0; index < tensorCount; index += 1) relative.push(readTensor(cursor, alignment))
  const dataOffset = Math.ceil(cursor.position / alignment) * alignment
  const tensors = relative.map((tensor) => ({ ...tensor, offset: dataOffset + tensor.offset }))
  checkPlaces(tensors, fileBytes)
  // fromEntries defines plain properties: a key named __proto__ stays a key.
  return { metadata: Object.fromEntries(metadata), tensors, dataOffset }
}

/** Null: the header goes on after `prefix`, ask again with more of the file. */
function parseGgufHeader(
  prefix: Uint8Array,
  fileBytes: number,
  decodeUtf8: (bytes: Uint8Array) => string,
): Result<Directory> | null {
  // A file that ends within its magic, an empty one too, is cut short: the cursor says so.
  if (MAGIC.some((byte, index) => index < prefix.length && prefix[index] !== byte)) {
    return fail('gguf-not-gguf', 'It does not begin with GGUF.')
  }
  const cursor = new GgufCursor(prefix, fileBytes, decodeUtf8)
  try {
    cursor.skip(MAGIC.length)
    return ok(parse(cursor, fileBytes))
  } catch (error) {
    if (cursor.wantsMore) return null
    if (error instanceof FailureError) return error.failure
    throw error
  }
}

/**
 * Reads as much of a file as its header needs. The prefix doubles each time and is parsed anew: at most twice the work
 * of one pass, and no parser state that outlives a wait.
 */
export async function readGgufHeader(
  fileBytes: number,
  read: (offset: number, length: number) => Promise<Result<Uint8Array>>,
  decodeUtf8: (bytes: Uint8Array) => string,
): Promise<Result<Directory>> {
  let prefix: Uint8Array = new Uint8Array(0)
  for (let wanted = CHUNK_BYTES; ; wanted *= 2) {
    const end = Math.min(wanted, fileBytes, GGUF_HEADER_BYTES_MAX)
    const part = await read(prefix.length, end - prefix.length)
    if (!part.ok) return part
    const longer = new Uint8Array(end)
    longer.set(prefix)
    longer.set(part.value, prefix.length)
    prefix = longer
    const parsed = parseGgufHeader(prefix, fileBytes, decodeUtf8)
    if (parsed) return parsed
  }
}
