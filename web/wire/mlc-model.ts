/**
 * What an MLC model is: the manifest that names every file of it by hash and by chunk, the compiled library included.
 * `id` = SHA-256 of its canonical JSON, as for GGUF. Pure. HTTP: `/models/<id>/manifest.json` and
 * `/models/<id>/files/<path>` (Range). It does not look inside the files.
 */
import {
  CHUNK_BYTES,
  LAYERS_MAX,
  MLC_FILES_MAX,
  MLC_PATH_CHARACTERS_MAX,
  MODEL_BYTES_MAX,
  NAME_CHARACTERS_MAX,
  REQUIRED_FEATURES_MAX,
} from './limits/models.ts'
import { isModelId, type ModelSummary } from './model.ts'
import { fail, ok, type Result } from './result.ts'

export interface MlcFile {
  /** Relative, with `/`; needs no escape in a URL and names nothing outside the model's folder. */
  readonly path: string
  readonly bytes: number
  readonly sha256: string
  /** SHA-256 of each 4 MiB chunk of this file, hex, in order; the last chunk is shorter. */
  readonly chunks: readonly string[]
}

export interface MlcManifest {
  readonly format: 'weft-mlc/1'
  readonly name: string
  /** SPDX id where known, else what the source says, else `unknown`. */
  readonly license: string
  /** MLC's `model_type`: `llama`, `qwen2`, ... */
  readonly architecture: string
  /** MLC's name of the scheme: `q4f16_1`, `q0f32`, ... */
  readonly quantization: string
  /** Absent for a chat model: what else it is for. */
  readonly kind?: MlcKind
  /** 0 where the model does not say it. */
  readonly parameters: number
  readonly layers: number
  /** Positions to run it with: what the list of its library says, else what the model was made for. 0 where unknown. */
  readonly contextLength: number
  /** Memory of the GPU with that context; null where nothing is known. */
  readonly vramBytes: number | null
  /** WebGPU features that the library cannot do without: `shader-f16`. */
  readonly requiredFeatures: readonly string[]
  /** Path of the compiled library (.wasm) among `files`. */
  readonly library: string
  readonly files: readonly MlcFile[]
  readonly totalBytes: number
}

export type MlcKind = 'embedding' | 'vision'

export const MLC_CONFIG = 'mlc-chat-config.json'
/** The list of weight shards; models compiled before 2025 call it by the second name. */
export const MLC_TENSOR_LISTS = ['tensor-cache.json', 'ndarray-cache.json'] as const

const HEX_64 = /^[0-9a-f]{64}$/
const PART = /^[A-Za-z0-9_][A-Za-z0-9._+-]*$/

/** No `..`, nothing absolute, no backslash, no hidden name, no character that a URL or a disk would read otherwise. */
export function isMlcPath(path: unknown): path is string {
  if (typeof path !== 'string' || path.length > MLC_PATH_CHARACTERS_MAX) return false
  return path.split('/').every((part) => PART.test(part) && !part.endsWith('.'))
}

export function summariseMlc(id: string, manifest: MlcManifest): ModelSummary {
  const { name, license, architecture, totalBytes, parameters, layers, contextLength } = manifest
  return { id, format: 'mlc', name, license, architecture, fileBytes: totalBytes, parameters, layers, contextLength }
}

type Item = Readonly<Record<string, unknown>>

function record(value: unknown): Item | null {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Item) : null
}

function text(value: unknown): value is string {
  return typeof value === 'string' && value.length <= NAME_CHARACTERS_MAX
}

function count(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max
}

function parseFile(value: unknown): MlcFile | null {
  const item = record(value)
  if (!item) return null
  const { path, bytes, sha256, chunks } = item
  // An empty file has no range to ask for, and none of a model's files is empty.
  if (!isMlcPath(path) || !count(bytes, MODEL_BYTES_MAX) || bytes === 0 || !isModelId(sha256)) return null
  if (!Array.isArray(chunks) || chunks.length !== Math.ceil(bytes / CHUNK_BYTES)) return null
  if (!chunks.every((hash) => typeof hash === 'string' && HEX_64.test(hash))) return null
  return { path, bytes, sha256, chunks: chunks as string[] }
}

/** True where two paths would be one on some disk: equal but for case, or one the folder of the other. */
export function mlcPathsCollide(list: readonly string[]): boolean {
  const paths = new Set(list.map((path) => path.toLowerCase()))
  if (paths.size !== list.length) return true
  return [...paths].some((path) => {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      if (paths.has(path.slice(0, at))) return true
    }
    return false
  })
}

function parseFiles(value: unknown): Result<readonly MlcFile[]> {
  if (!Array.isArray(value) || value.length === 0) return fail('manifest-invalid', 'It names no files.')
  if (value.length > MLC_FILES_MAX) return fail('manifest-invalid', `It names more than ${MLC_FILES_MAX} files.`)
  const files: MlcFile[] = []
  for (const entry of value) {
    const file = parseFile(entry)
    if (!file) return fail('manifest-invalid', 'A file has no safe path, no size or a hash too few.')
    files.push(file)
  }
  if (mlcPathsCollide(files.map(({ path }) => path))) return fail('manifest-invalid', 'Two files have one path.')
  return ok(files)
}

/** The only way an MLC manifest enters. Refusals: `manifest-invalid`, `library-missing`. */
export function parseMlcManifest(value: unknown): Result<MlcManifest> {
  const bad = (what: string) => fail('manifest-invalid', what)
  const item = record(value)
  if (item?.['format'] !== 'weft-mlc/1') return bad('It is not a weft-mlc/1 manifest.')
  const { name, license, architecture, quantization, kind, requiredFeatures, library } = item
  if (!text(name) || !text(license) || !text(architecture) || !text(quantization)) return bad('A name is missing.')
  if (kind !== undefined && kind !== 'embedding' && kind !== 'vision') return bad('Its kind is unknown.')
  const { parameters, layers, contextLength, vramBytes, totalBytes } = item
  if (!count(layers, LAYERS_MAX) || !count(contextLength, 2 ** 31) || !count(parameters, 2 ** 50))
    return bad('A count is out of range.')
  if (vramBytes !== null && !count(vramBytes, MODEL_BYTES_MAX)) return bad('Its memory is out of range.')
  if (!Array.isArray(requiredFeatures) || requiredFeatures.length > REQUIRED_FEATURES_MAX)
    return bad('The list of required features is missing.')
  if (!requiredFeatures.every(text)) return bad('A required feature is no text.')
  const files = parseFiles(item['files'])
  if (!files.ok) return files
  if (!count(totalBytes, MODEL_BYTES_MAX) || totalBytes !== files.value.reduce((sum, { bytes }) => sum + bytes, 0))
    return bad('The sizes of its files do not add up.')
  const has = (path: string) => files.value.some((file) => file.path === path)
  if (typeof library !== 'string' || !library.endsWith('.wasm') || !has(library))
    return fail('library-missing', 'It names no library among its files.')
  if (!has(MLC_CONFIG)) return bad(`It has no ${MLC_CONFIG}.`)
  if (!MLC_TENSOR_LISTS.some(has)) return bad(`It has no ${MLC_TENSOR_LISTS[0]}.`)
  return ok({
    format: 'weft-mlc/1',
    name,
    license,
    architecture,
    quantization,
    ...(kind === undefined ? {} : { kind }),
    parameters,
    layers,
    contextLength,
    vramBytes,
    requiredFeatures: requiredFeatures as string[],
    library,
    files: files.value,
    totalBytes,
  })
}
