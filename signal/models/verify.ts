/**
 * Rehashes every file of stored models against their manifests and names every chunk that differs. It repairs nothing.
 */
import { readFile } from 'node:fs/promises'
import { CHUNK_BYTES } from '../../web/wire/limits/models.ts'
import { isModelId } from '../../web/wire/model.ts'
import { fileBytes } from './disk.ts'
import { hashFile } from './hashes.ts'
import { filesOf, type ModelFile, type ModelManifest, manifestId, parseModelManifest } from './manifest.ts'
import type { OnBytes } from './progress.ts'
import type { ModelStore } from './store.ts'

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
  const files = filesOf(manifest)
  const totalBytes = files.reduce((sum, { bytes }) => sum + bytes, 0)
  let before = 0
  for (const file of files) {
    const onFile = (doneBytes: number) => onBytes(Math.min(before + doneBytes, totalBytes), totalBytes)
    const found = await verifyFile(store.filePath(id, file.path), file, onFile, signal)
    if (!found) return null
    problems.push(...found)
    before += file.bytes
  }
  return { id, name: manifest.name, problems }
}

/** Null when `signal` ended it. */
async function verifyFile(
  place: string,
  { path, bytes, sha256, chunks }: ModelFile,
  onBytes: (doneBytes: number) => void,
  signal: AbortSignal,
): Promise<readonly string[] | null> {
  const there = await fileBytes(place)
  if (there === null) return [`${path} is missing.`]
  const problems = there === bytes ? [] : [`${path} has ${there} bytes instead of ${bytes}.`]
  const hashes = await hashFile(place, onBytes, signal)
  if (!hashes) return null
  for (const [index, expected] of chunks.entries()) {
    if (hashes.chunks[index] === expected) continue
    const first = index * CHUNK_BYTES
    problems.push(`${path}: chunk ${index} (bytes ${first}-${Math.min(first + CHUNK_BYTES, bytes) - 1}) is damaged.`)
  }
  if (problems.length === 0 && hashes.fileSha256 !== sha256) problems.push(`${path}: the file hash differs.`)
  return problems
}

async function readManifest(path: string): Promise<ModelManifest | null> {
  if ((await fileBytes(path)) === null) return null
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
  const manifest = parseModelManifest(value)
  return manifest.ok ? manifest.value : null
}
