/**
 * Rehashes stored models against their manifests and names every chunk that differs. It repairs nothing.
 */

import { readFile } from 'node:fs/promises'
import { isModelId, type Manifest, parseManifest } from '../../web/wire/model.ts'
import { fileBytes } from './disk.ts'
import { hashFile } from './hashes.ts'
import type { OnBytes } from './progress.ts'
import { type ModelStore, manifestId } from './store.ts'

export interface Verdict {
  readonly id: string
  /** Null where the manifest cannot be read. */
  readonly name: string | null
  /** One line each; empty when all is well. */
  readonly problems: readonly string[]
}

/** Null when `signal` ended it. */
export async function verifyModel(
  store: ModelStore,
  id: string,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<Verdict | null> {
  const manifest = await readManifest(store.manifestPath(id))
  if (!manifest) return { id, name: null, problems: ['manifest.json is missing or damaged.'] }
  const problems: string[] = []
  if (!isModelId(id) || manifestId(manifest) !== id) problems.push('manifest.json does not hash to the id.')
  const path = store.modelPath(id)
  const bytes = await fileBytes(path)
  if (bytes === null) return { id, name: manifest.name, problems: [...problems, 'model.gguf is missing.'] }
  if (bytes !== manifest.fileBytes) problems.push(`model.gguf has ${bytes} bytes instead of ${manifest.fileBytes}.`)
  const hashes = await hashFile(path, (done) => onBytes(done, bytes), signal)
  if (!hashes) return null
  for (const [index, expected] of manifest.chunks.entries()) {
    if (hashes.chunks[index] === expected) continue
    const first = index * manifest.chunkBytes
    const last = Math.min(first + manifest.chunkBytes, manifest.fileBytes) - 1
    problems.push(`Chunk ${index} (bytes ${first}-${last}) is damaged.`)
  }
  if (problems.length === 0 && hashes.fileSha256 !== manifest.fileSha256) problems.push('The file hash differs.')
  return { id, name: manifest.name, problems }
}

async function readManifest(path: string): Promise<Manifest | null> {
  if ((await fileBytes(path)) === null) return null
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
  const manifest = parseManifest(value)
  return manifest.ok ? manifest.value : null
}
