/**
 * What a hub announces of an MLC model: every file with its digest, at one revision, and the compiled library with the
 * digest that its first fetch pinned. Made by `hub-files.ts`, kept in this browser only; a mirror has `MlcManifest`.
 * Whole files are verified, because a hub knows no chunks. Pure.
 */
import { MLC_FILES_MAX, MODEL_BYTES_MAX, NAME_CHARACTERS_MAX } from '../wire/limits/models.ts'
import { isMlcPath, type MlcManifest } from '../wire/mlc-model.ts'
import type { ModelSummary } from '../wire/model.ts'
import { fail, ok, type Result } from '../wire/result.ts'

/** What an MLC model says of itself, whoever vouches for its files. */
export type MlcFacts = Pick<
  MlcManifest,
  | 'name'
  | 'license'
  | 'architecture'
  | 'quantization'
  | 'kind'
  | 'contextLength'
  | 'vramBytes'
  | 'requiredFeatures'
  | 'library'
  | 'totalBytes'
>

export interface HubFile {
  readonly path: string
  readonly url: string
  readonly bytes: number
  /** `sha256:<hex>` of the bytes, or `git:<hex>`: the id of the git blob. */
  readonly digest: string
}

export interface HubManifest extends MlcFacts {
  readonly format: 'weft-hub/1'
  readonly files: readonly HubFile[]
}

const DIGEST = /^(sha256:[0-9a-f]{64}|git:[0-9a-f]{40})$/
const URL_CHARACTERS_MAX = 2_000

type Item = Readonly<Record<string, unknown>>

function isRecord(value: unknown): value is Item {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= NAME_CHARACTERS_MAX
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= MODEL_BYTES_MAX
}

function isHubFile(value: unknown): value is HubFile {
  if (!isRecord(value)) return false
  const { path, url, bytes, digest } = value
  if (!isMlcPath(path) || !isCount(bytes)) return false
  if (typeof url !== 'string' || url.length > URL_CHARACTERS_MAX || !URL.canParse(url)) return false
  return typeof digest === 'string' && DIGEST.test(digest)
}

/** What IndexedDB gives back is checked like any other input. Refusal: `manifest-invalid`. */
export function parseHubManifest(value: unknown): Result<HubManifest> {
  const bad = fail('manifest-invalid', 'What was kept of the hub is damaged.')
  if (!isRecord(value) || value['format'] !== 'weft-hub/1') return bad
  const { name, license, architecture, quantization, kind, contextLength, vramBytes, requiredFeatures } = value
  if (!isText(name) || !isText(license) || !isText(architecture) || !isText(quantization)) return bad
  if (kind !== undefined && kind !== 'embedding' && kind !== 'vision') return bad
  if (!isCount(contextLength) || (vramBytes !== null && !isCount(vramBytes))) return bad
  if (!Array.isArray(requiredFeatures) || !requiredFeatures.every(isText)) return bad
  const { library, files, totalBytes } = value
  if (!Array.isArray(files) || files.length > MLC_FILES_MAX || !files.every(isHubFile)) return bad
  if (!files.some(({ path }) => path === library) || typeof library !== 'string' || !isCount(totalBytes)) return bad
  const more = { contextLength, vramBytes, requiredFeatures, library, files, totalBytes }
  return ok({
    format: 'weft-hub/1',
    name,
    license,
    architecture,
    quantization,
    ...(kind === undefined ? {} : { kind }),
    ...more,
  })
}

export function summariseHub(id: string, manifest: HubManifest): ModelSummary {
  const { name, license, architecture, totalBytes, contextLength } = manifest
  return {
    id,
    format: 'mlc',
    name,
    license,
    architecture,
    fileBytes: totalBytes,
    parameters: 0,
    layers: 0,
    contextLength,
  }
}
