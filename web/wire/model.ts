/**
 * What a model is: its manifest, its id and the mirror's list. A manifest names every byte of a model by hash, so that
 * chunks may come from anybody. `id` = SHA-256 of the canonical manifest; names are aliases. Hashing is passed in:
 * this file has no I/O. HTTP: `/models/index.json`, `/models/<id>/manifest.json`, `/models/<id>/model.gguf` (Range).
 */
import { CHUNK_BYTES, LAYERS_MAX, MODEL_BYTES_MAX, NAME_CHARACTERS_MAX, TENSORS_MAX } from './limits/models.ts'
import { fail, ok, type Result } from './result.ts'

export interface TensorEntry {
  readonly name: string
  /** GGML type name: `Q4_1`, `F32`, ... */
  readonly type: string
  /** GGML order: `shape[0]` is the contiguous (input) dimension. */
  readonly shape: readonly number[]
  /** From the start of the file. */
  readonly offset: number
  readonly bytes: number
}

export interface Manifest {
  readonly format: 'weft-model/1'
  readonly name: string
  /** SPDX id where known, else what the file says, else `unknown`. */
  readonly license: string
  readonly architecture: string
  readonly fileBytes: number
  readonly fileSha256: string
  readonly chunkBytes: number
  /** SHA-256 of each chunk, hex, in order. */
  readonly chunks: readonly string[]
  /** Where tensor data begins. */
  readonly dataOffset: number
  readonly layers: number
  readonly contextLength: number
  readonly parameters: number
  /** That one token runs through, where they are fewer: `active-parameters.ts`. */
  readonly activeParameters?: number
  readonly tensors: readonly TensorEntry[]
  /** File bytes of each layer's tensors, by layer. */
  readonly layerBytes: readonly number[]
  /** File bytes of everything outside the layers: embedding, norm, head. */
  readonly sharedBytes: number
}

/** `gguf`: the stage engine and the CPU engine. `mlc`: WebLLM. */
export type ModelFormat = 'gguf' | 'mlc'

export interface ModelSummary {
  readonly id: string
  readonly format: ModelFormat
  readonly name: string
  readonly license: string
  readonly architecture: string
  readonly fileBytes: number
  readonly parameters: number
  /** As in the manifest. */
  readonly activeParameters?: number
  readonly layers: number
  readonly contextLength: number
  /** Of a model that is one file. */
  readonly fileSha256?: string
}

/** A model that the mirror is fetching right now. */
export interface Adding {
  readonly name: string
  readonly source: string
  readonly doneBytes: number
  /** Null until the source has said it. */
  readonly totalBytes: number | null
  readonly bytesPerSecond: number
}

export interface MirrorIndex {
  readonly models: readonly ModelSummary[]
  readonly adding: readonly Adding[]
  /** Why the last background add ended without a model, one line per source tried. Empty when all is well. */
  readonly failed: readonly { readonly source: string; readonly code: string; readonly detail: string }[]
  /** Id of the model to offer first, null on an empty mirror. */
  readonly defaultId: string | null
}

const HEX_64 = /^[0-9a-f]{64}$/
const LAYER_TENSOR = /^blk\.(\d+)\./

/** Layer of a GGUF tensor name, null for tensors outside the layers. */
export function layerOf(tensorName: string): number | null {
  const match = LAYER_TENSOR.exec(tensorName)
  return match ? Number(match[1]) : null
}

export type ManifestFacts = Omit<Manifest, 'format' | 'chunkBytes' | 'layerBytes' | 'sharedBytes'>

/** Adds what follows from the facts, so that two hosts that saw the same file write the same manifest. */
export function buildManifest(facts: ManifestFacts): Manifest {
  const layerBytes = new Array<number>(facts.layers).fill(0)
  let sharedBytes = 0
  for (const tensor of facts.tensors) {
    const layer = layerOf(tensor.name)
    if (layer === null || layer >= facts.layers) sharedBytes += tensor.bytes
    else layerBytes[layer] = (layerBytes[layer] ?? 0) + tensor.bytes
  }
  return { format: 'weft-model/1', chunkBytes: CHUNK_BYTES, layerBytes, sharedBytes, ...facts }
}

/** JSON with keys sorted at every depth and no spaces: the bytes that the id is the SHA-256 of. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`
  }
  return JSON.stringify(value)
}

export function summarise(id: string, manifest: Manifest): ModelSummary {
  const { name, license, architecture, fileBytes, fileSha256, parameters, layers, contextLength } = manifest
  const { activeParameters } = manifest
  const active = activeParameters === undefined ? {} : { activeParameters }
  const counts = { fileBytes, parameters, ...active, layers, contextLength }
  return { id, format: 'gguf', name, license, architecture, ...counts, fileSha256 }
}

export function isModelId(value: unknown): value is string {
  return typeof value === 'string' && HEX_64.test(value)
}

function record(value: unknown): Record<string, unknown> | null {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null
}

function text(value: unknown): value is string {
  return typeof value === 'string' && value.length <= NAME_CHARACTERS_MAX
}

function count(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max
}

function parseTensor(value: unknown, fileBytes: number): TensorEntry | null {
  const item = record(value)
  if (!item || !text(item['name']) || !text(item['type'])) return null
  const { name, type, shape, offset, bytes } = item
  if (!count(offset, fileBytes) || !count(bytes, fileBytes) || offset + bytes > fileBytes) return null
  if (!Array.isArray(shape) || shape.length > 4 || !shape.every((size) => count(size, MODEL_BYTES_MAX))) return null
  return { name, type, shape: shape as number[], offset, bytes }
}

/** The only way a manifest enters: checks every field, so that nothing after it has to. */
export function parseManifest(value: unknown): Result<Manifest> {
  const bad = (what: string) => fail('manifest-invalid', what)
  const item = record(value)
  if (item?.['format'] !== 'weft-model/1') return bad('It is not a weft-model/1 manifest.')
  const { name, license, architecture, fileBytes, fileSha256, chunks, dataOffset, layers, contextLength, parameters } =
    item
  if (!text(name) || !text(license) || !text(architecture)) return bad('A name is missing.')
  if (!count(fileBytes, MODEL_BYTES_MAX) || !count(dataOffset, fileBytes)) return bad('A size is out of range.')
  if (!count(layers, LAYERS_MAX) || !count(contextLength, 2 ** 31) || !count(parameters, 2 ** 50))
    return bad('A count is out of range.')
  const { activeParameters } = item
  if (activeParameters !== undefined && !count(activeParameters, parameters)) return bad('A count is out of range.')
  if (typeof fileSha256 !== 'string' || !HEX_64.test(fileSha256)) return bad('The file hash is not SHA-256.')
  if (item['chunkBytes'] !== CHUNK_BYTES) return bad(`Chunks are not ${CHUNK_BYTES} bytes.`)
  if (!Array.isArray(chunks) || chunks.length !== Math.ceil(fileBytes / CHUNK_BYTES))
    return bad('Chunk hashes are missing.')
  if (!chunks.every((hash) => typeof hash === 'string' && HEX_64.test(hash))) return bad('A chunk hash is not SHA-256.')
  const list = item['tensors']
  if (!Array.isArray(list) || list.length === 0 || list.length > TENSORS_MAX)
    return bad('The tensor directory is missing.')
  const tensors: TensorEntry[] = []
  for (const entry of list) {
    const tensor = parseTensor(entry, fileBytes)
    if (!tensor) return bad('A tensor does not lie inside the file.')
    tensors.push(tensor)
  }
  const facts = {
    name,
    license,
    architecture,
    fileBytes,
    fileSha256,
    chunks: chunks as string[],
    dataOffset,
    layers,
    contextLength,
    parameters,
    ...(activeParameters === undefined ? {} : { activeParameters }),
    tensors,
  }
  return ok(buildManifest(facts))
}
