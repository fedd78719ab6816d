/**
 * Reads what a GGUF file says about itself and checks that it can be true: every tensor lies inside the file, none
 * overlaps another, every count is within the limits. The file is hostile until then. It reads no tensor data.
 */
import { open } from 'node:fs/promises'
import { type GGUFParseOutput, gguf } from '@huggingface/gguf'
import { ggmlTypeById, tensorFileBytes } from '../../web/wire/ggml-types.ts'
import {
  GGUF_HEADER_BYTES_MAX,
  LAYERS_MAX,
  MODEL_BYTES_MAX,
  NAME_CHARACTERS_MAX,
  TENSORS_MAX,
} from '../../web/wire/limits.ts'
import { layerOf, type TensorEntry } from '../../web/wire/model.ts'
import { type Failure, fail, ok, type Result } from '../../web/wire/result.ts'
import { errorWords } from './disk.ts'

export interface GgufFacts {
  readonly fileBytes: number
  readonly name: string | null
  readonly license: string | null
  readonly architecture: string
  readonly layers: number
  readonly contextLength: number
  readonly parameters: number
  readonly dataOffset: number
  /** In file order. */
  readonly tensors: readonly TensorEntry[]
}

type Parsed = GGUFParseOutput<{ strict: false }>

/** Magic, version, two counts. */
const START_BYTES = 24
const DIMENSIONS_MAX = 4

export async function inspectGguf(path: string): Promise<Result<GgufFacts>> {
  const start = await readStart(path)
  if (!start.ok) return start
  const { fileBytes } = start.value
  let parsed: Parsed
  try {
    parsed = (await gguf(path, { allowLocalFile: true })) as Parsed
  } catch (error) {
    // The reader fills what lies behind the end of a file with zeros, so a short file shows up as any of its errors.
    const short = fileBytes < GGUF_HEADER_BYTES_MAX && error instanceof RangeError
    return fail(short ? 'gguf-truncated' : 'gguf-invalid', `${errorWords(error)}.`)
  }
  const headerEnd = parsed.tensorInfoByteRange[1]
  if (headerEnd > fileBytes) return fail('gguf-truncated', 'It ends within its own directory.')
  const dataOffset = Number(parsed.tensorDataOffset)
  const alignment = Number(own(parsed.metadata, 'general.alignment') ?? 32)
  if (!isPowerOfTwo(alignment) || dataOffset < headerEnd)
    return fail('gguf-invalid', 'Its alignment is no power of two.')
  const tensors = readTensors(parsed, dataOffset, alignment, fileBytes)
  return tensors.ok ? readFacts(parsed, tensors.value, dataOffset, fileBytes) : tensors
}

/** Judges the first bytes alone, so that the parser never sees counts that it could drown in. */
async function readStart(path: string): Promise<Result<{ fileBytes: number }>> {
  const file = await open(path, 'r')
  try {
    const fileBytes = (await file.stat()).size
    const bytes = Buffer.alloc(START_BYTES)
    const { bytesRead } = await file.read(bytes, 0, START_BYTES, 0)
    const magic = bytes.toString('latin1', 0, Math.min(4, bytesRead))
    if (bytesRead === 0) return fail('gguf-truncated', 'It is empty.')
    if (!'GGUF'.startsWith(magic)) return fail('gguf-not-gguf', 'Its first bytes are not "GGUF".')
    if (bytesRead < START_BYTES) return fail('gguf-truncated', `It has only ${fileBytes} bytes.`)
    if (fileBytes > MODEL_BYTES_MAX) return fail('gguf-invalid', `${fileBytes} bytes are more than the mirror takes.`)
    const version = bytes.readUInt32LE(4)
    if (version !== 2 && version !== 3) return fail('gguf-invalid', `GGUF version ${version}; 2 and 3 are read.`)
    const tensors = bytes.readBigUInt64LE(8)
    if (tensors === 0n || tensors > BigInt(TENSORS_MAX)) return fail('gguf-invalid', `It claims ${tensors} tensors.`)
    if (bytes.readBigUInt64LE(16) > BigInt(TENSORS_MAX)) return fail('gguf-invalid', 'It claims too many entries.')
    return ok({ fileBytes })
  } finally {
    await file.close()
  }
}

function readTensors(
  parsed: Parsed,
  dataOffset: number,
  alignment: number,
  fileBytes: number,
): Result<readonly TensorEntry[]> {
  const names = new Set<string>()
  const tensors: TensorEntry[] = []
  let problem: Failure | null = null
  const invalid = (what: string) => {
    problem ??= fail('gguf-invalid', what)
  }
  for (const info of parsed.tensorInfos) {
    const name = info.name
    const shape = info.shape.map(Number)
    const label = `Tensor "${name.slice(0, 80)}"`
    if (name === '' || name.length > NAME_CHARACTERS_MAX || names.has(name)) invalid(`${label} has no name of its own.`)
    names.add(name)
    if (shape.length === 0 || shape.length > DIMENSIONS_MAX || shape.some((size) => size < 1)) {
      invalid(`${label} has the shape [${shape}].`)
    }
    const type = ggmlTypeById(info.dtype)
    if (!type) return fail('tensor-type-unsupported', `${label} has type number ${info.dtype}.`)
    const bytes = tensorFileBytes(type, shape)
    if (bytes === null)
      return fail('gguf-invalid', `${label} of shape [${shape}] is no whole number of ${type.name} blocks.`)
    const relative = Number(info.offset)
    if (!Number.isSafeInteger(relative) || relative % alignment !== 0) invalid(`${label} starts between two places.`)
    tensors.push({ name, type: type.name, shape, offset: dataOffset + relative, bytes })
  }
  if (problem) return problem
  return checkPlaces(
    tensors.sort((a, b) => a.offset - b.offset),
    fileBytes,
  )
}

function checkPlaces(tensors: readonly TensorEntry[], fileBytes: number): Result<readonly TensorEntry[]> {
  let end = 0
  for (const tensor of tensors) {
    if (tensor.offset < end) return fail('gguf-invalid', `Tensor "${tensor.name}" overlaps the one before it.`)
    end = tensor.offset + tensor.bytes
    if (!Number.isSafeInteger(end)) return fail('gguf-invalid', `Tensor "${tensor.name}" lies nowhere.`)
  }
  if (end <= fileBytes) return ok(tensors)
  return fail('gguf-truncated', `Its tensors end at byte ${end}, the file at ${fileBytes}.`)
}

function readFacts(
  parsed: Parsed,
  tensors: readonly TensorEntry[],
  dataOffset: number,
  fileBytes: number,
): Result<GgufFacts> {
  const text = (key: string): string | null => {
    const value = own(parsed.metadata, key)
    return typeof value === 'string' && value.trim() !== '' ? value.trim().slice(0, NAME_CHARACTERS_MAX) : null
  }
  const count = (key: string): number | null => {
    const value = Number(own(parsed.metadata, key) ?? Number.NaN)
    return Number.isSafeInteger(value) && value >= 0 ? value : null
  }
  const architecture = text('general.architecture')
  if (!architecture) return fail('gguf-invalid', 'It names no architecture.')
  const counted = tensors.reduce((most, { name }) => Math.max(most, (layerOf(name) ?? -1) + 1), 0)
  const layers = count(`${architecture}.block_count`) ?? counted
  if (layers > LAYERS_MAX || counted > layers) {
    return fail('gguf-invalid', `It claims ${layers} layers and holds tensors of ${counted}.`)
  }
  return ok({
    fileBytes,
    name: text('general.name'),
    license: text('general.license'),
    architecture,
    layers,
    contextLength: Math.min(count(`${architecture}.context_length`) ?? 0, 2 ** 31),
    parameters: tensors.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0),
    dataOffset,
    tensors,
  })
}

/** Keys are the file's: only what it set itself counts, never what an object inherits. */
function own(metadata: object, key: string): unknown {
  return Object.hasOwn(metadata, key) ? Reflect.get(metadata, key) : undefined
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value <= 2 ** 20 && (value & (value - 1)) === 0
}
