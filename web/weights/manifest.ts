/**
 * Where manifests come from: the mirror, or the bytes of a file that a person opened. Both are checked against their id,
 * which is the SHA-256 of the canonical manifest. Keeps nothing.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { CHUNK_BYTES, MANIFEST_BYTES_MAX, MODEL_BYTES_MAX } from '../wire/limits.ts'
import { buildManifest, canonicalJson, type Manifest, parseManifest } from '../wire/model.ts'
import { factsFromDirectory } from '../wire/model-facts.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { FetchProgress } from './cached-source.ts'
import { readBlob } from './chunk-origin.ts'
import { hex, rangeOfChunk, sha256Hex } from './chunks.ts'
import type { Directory } from './directory.ts'
import { getBytes } from './http.ts'
import { abortedFailure } from './lanes.ts'

export function manifestId(manifest: Manifest): Promise<string> {
  return sha256Hex(new TextEncoder().encode(canonicalJson(manifest)))
}

/** A manifest from outside becomes one we trust: well-formed, and the one that the id names. */
export async function checkManifest(id: string, value: unknown): Promise<Result<Manifest>> {
  const manifest = parseManifest(value)
  if (!manifest.ok) return manifest
  const found = await manifestId(manifest.value)
  return found === id ? manifest : fail('manifest-invalid', `It is the manifest of ${found.slice(0, 12)}.`)
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

/** Refusals: `model-unknown`, `manifest-invalid`, `source-unreachable`, `source-error-page`, `aborted`. */
export async function fetchManifest(id: string, baseUrl: string, signal?: AbortSignal): Promise<Result<Manifest>> {
  const url = mirrorUrl(baseUrl, `${id}/manifest.json`)
  const body = await getBytes({ url, bytesMax: MANIFEST_BYTES_MAX, signal })
  if (!body.ok) return body
  const value = parseJson(body.value)
  return value.ok ? checkManifest(id, value.value) : value
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
