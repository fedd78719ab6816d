/**
 * Where manifests come from: the mirror, or the bytes of a file that a person opened. Both are checked against their id,
 * which is the SHA-256 of the canonical manifest. Keeps nothing.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { CHUNK_BYTES, MANIFEST_BYTES_MAX, MODEL_BYTES_MAX } from '../wire/limits/models.ts'
import { type MlcManifest, parseMlcManifest } from '../wire/mlc-model.ts'
import { buildManifest, canonicalJson, isModelId, type Manifest, parseManifest } from '../wire/model.ts'
import { factsFromDirectory } from '../wire/model-facts.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { FetchProgress } from './cached-source.ts'
import { readBlob } from './chunk-origin.ts'
import { hex, rangeOfChunk, sha256Hex } from './chunks.ts'
import type { Directory } from './directory.ts'
import { getBytes } from './http.ts'
import { type HubGguf, parseHubGguf } from './hub-gguf.ts'
import { type HubManifest, parseHubManifest } from './hub-manifest.ts'
import { abortedFailure } from './lanes.ts'

/** Whatever this browser may keep a model by. */
export type AnyManifest = Manifest | MlcManifest | HubManifest | HubGguf

export function manifestId(manifest: AnyManifest): Promise<string> {
  return sha256Hex(new TextEncoder().encode(canonicalJson(manifest)))
}

function formatOf(value: unknown): unknown {
  return value !== null && typeof value === 'object' && 'format' in value ? value.format : null
}

async function checkId<T extends AnyManifest>(id: string, manifest: Result<T>): Promise<Result<T>> {
  if (!manifest.ok) return manifest
  const found = await manifestId(manifest.value)
  return found === id ? manifest : fail('manifest-invalid', `It is the manifest of ${found.slice(0, 12)}.`)
}

/** A manifest from outside becomes one we trust: well-formed, and the one that the id names. */
async function checkManifest(id: string, value: unknown): Promise<Result<Manifest>> {
  if (formatOf(value) === 'weft-mlc/1') return fail('engine-mismatch', 'It is an MLC model, which only WebLLM runs.')
  return checkId(id, parseManifest(value))
}

async function checkMlcManifest(id: string, value: unknown): Promise<Result<MlcManifest>> {
  if (formatOf(value) === 'weft-model/1')
    return fail('engine-mismatch', 'It is a GGUF model, which WebLLM does not run.')
  return checkId(id, parseMlcManifest(value))
}

/** For what this browser keeps, which may be of any kind. */
export async function checkKept(id: string, value: unknown): Promise<Result<AnyManifest>> {
  const format = formatOf(value)
  if (format === 'weft-mlc/1') return checkMlcManifest(id, value)
  if (format === 'weft-hub/1') return checkId(id, parseHubManifest(value))
  if (format === 'weft-hub-gguf/1') return checkId(id, parseHubGguf(value))
  return checkManifest(id, value)
}

export function parseJson(bytes: Uint8Array): Result<unknown> {
  try {
    return ok(JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    return fail('manifest-invalid', 'It is not JSON.')
  }
}

/** Address of a file of the mirror. `baseUrl` is the mirror's root, with or without a slash at the end. */
export function mirrorUrl(baseUrl: string, path: string): string {
  return `${baseUrl.replace(/\/$/, '')}/models/${path}`
}

async function fetchAny(id: string, baseUrl: string, signal: AbortSignal | undefined): Promise<Result<unknown>> {
  if (!isModelId(id)) return fail('model-unknown', 'It is not an id.')
  const url = mirrorUrl(baseUrl, `${id}/manifest.json`)
  const body = await getBytes({ url, bytesMax: MANIFEST_BYTES_MAX, signal })
  return body.ok ? parseJson(body.value) : body
}

/**
 * Refusals: `model-unknown`, `manifest-invalid`, `source-unreachable`, `source-error-page`, `aborted`, and
 * `engine-mismatch` for a model of the other format.
 */
export async function fetchManifest(id: string, baseUrl: string, signal?: AbortSignal): Promise<Result<Manifest>> {
  const value = await fetchAny(id, baseUrl, signal)
  return value.ok ? checkManifest(id, value.value) : value
}

/** As `fetchManifest`. */
export async function fetchMlcManifest(
  id: string,
  baseUrl: string,
  signal?: AbortSignal,
): Promise<Result<MlcManifest>> {
  const value = await fetchAny(id, baseUrl, signal)
  return value.ok ? checkMlcManifest(id, value.value) : value
}

/**
 * Hashes a whole file, once. WebCrypto has no running digest, so the hash of the file is computed in JavaScript beside
 * the native ones of its chunks: about 140 MB/s on one core.
 */
export async function manifestOfFile(
  blob: Blob,
  directory: Directory,
  onProgress?: (progress: FetchProgress) => void,
  signal?: AbortSignal,
): Promise<Result<Manifest>> {
  const facts = factsFromDirectory(directory)
  if (!facts.ok) return facts
  const fileBytes = blob.size
  if (fileBytes > MODEL_BYTES_MAX)
    return fail('gguf-invalid', `It has ${fileBytes} bytes; at most ${MODEL_BYTES_MAX} are read.`)
  const whole = sha256.create()
  const chunks: string[] = []
  for (let index = 0; index * CHUNK_BYTES < fileBytes; index += 1) {
    if (signal?.aborted) return abortedFailure()
    const range = rangeOfChunk(index, fileBytes)
    const chunk = await readBlob(blob, range)
    if (!chunk.ok) return chunk
    whole.update(chunk.value)
    chunks.push(await sha256Hex(chunk.value))
    onProgress?.({ doneBytes: range.offset + range.length, totalBytes: fileBytes })
  }
  return ok(buildManifest({ ...facts.value, fileBytes, fileSha256: hex(whole.digest()), chunks }))
}
