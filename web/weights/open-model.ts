/**
 * One door to a model's bytes, for the mirror and for a file from disk: its manifest, its directory and a source whose
 * every byte is verified. What was opened once and fetched whole opens again without the network, by its id.
 */
import { canonicalJson, isModelId, type Manifest, type TensorEntry } from '../wire/model.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import { blobSource } from './blob-source.ts'
import { CachedSource, type FetchProgress } from './cached-source.ts'
import { fetchIndex } from './catalogue.ts'
import type { ChunkCache } from './chunk-cache.ts'
import { blobOrigin, type ChunkOrigin, mirrorOrigin } from './chunk-origin.ts'
import type { Directory } from './directory.ts'
import { readDirectory } from './gguf.ts'
import { fetchManifest, manifestId, manifestOfFile, mirrorUrl } from './manifest.ts'
import { knownByBytes } from './same-file.ts'
import { openShelf, type Shelf } from './shelf.ts'

export type ModelSpec =
  | { readonly kind: 'mirror'; readonly id: string; readonly baseUrl: string }
  | {
      readonly kind: 'file'
      readonly file: Blob
      /** Root of a mirror that may know these bytes by name. Without it only what is kept is asked. */
      readonly mirrorUrl?: string
    }

export interface OpenOptions {
  readonly signal?: AbortSignal
  /** Files only: how much of it is hashed. A model from the mirror opens at the cost of its header. */
  readonly onProgress?: (progress: FetchProgress) => void
}

export interface OpenedModel {
  readonly id: string
  readonly manifest: Manifest
  readonly directory: Directory
  readonly source: CachedSource
  /** Lets go of the storage. Reads after it are the caller's bug. */
  close(): void
}

interface Found {
  readonly id: string
  readonly manifest: Manifest
  readonly origin: ChunkOrigin
}

/** Kept ones come first: they are there without the network, and an id names one manifest for ever. */
export async function manifestFromMirror(
  { id, baseUrl }: Pick<ModelSpec & { kind: 'mirror' }, 'id' | 'baseUrl'>,
  shelf: Shelf | null,
  signal?: AbortSignal,
): Promise<Result<Manifest>> {
  if (!isModelId(id)) return fail('model-unknown', 'It is not an id.')
  const kept = await shelf?.manifest(id)
  if (kept) return ok(kept)
  return (await shelf?.isUnproved(id)) ? fail('model-incomplete', '') : fetchManifest(id, baseUrl, signal)
}

async function findInMirror(
  spec: ModelSpec & { kind: 'mirror' },
  shelf: Shelf | null,
  signal: AbortSignal | undefined,
): Promise<Result<Found>> {
  const { id, baseUrl } = spec
  const manifest = await manifestFromMirror(spec, shelf, signal)
  if (!manifest.ok) return manifest
  const home = await shelf?.home(id)
  const url = home?.url ?? mirrorUrl(baseUrl, `${id}/model.gguf`)
  return ok({ id, manifest: manifest.value, origin: mirrorOrigin(url) })
}

async function findInFile(
  { file, mirrorUrl: baseUrl }: ModelSpec & { kind: 'file' },
  shelf: Shelf | null,
  options: OpenOptions,
): Promise<Result<Found>> {
  const directory = await readDirectory(blobSource(file), options.signal)
  if (!directory.ok) return directory
  // Hashing takes seconds; a mirror that answers at all has answered by then.
  const asked = baseUrl === undefined ? null : fetchIndex(baseUrl, options.signal)
  const manifest = await manifestOfFile(file, directory.value, options.onProgress, options.signal)
  if (!manifest.ok) return manifest
  const mirror = asked && baseUrl !== undefined ? { baseUrl, index: await asked } : null
  const known = await knownByBytes(manifest.value, { shelf, mirror }, options.signal)
  const { id, manifest: found } = known ?? { id: await manifestId(manifest.value), manifest: manifest.value }
  return ok({ id, manifest: found, origin: blobOrigin(file) })
}

/** The directory in one text, whatever order it is written in. */
function placesOf(tensors: readonly TensorEntry[]): string {
  return canonicalJson([...tensors].sort((a, b) => a.offset - b.offset))
}

async function openFound(found: Found, shelf: Result<Shelf>, signal?: AbortSignal): Promise<Result<OpenedModel>> {
  const { id, manifest, origin } = found
  const cache: Result<ChunkCache> = shelf.ok ? await shelf.value.place(id, manifest) : shelf
  const source = new CachedSource(manifest, origin, cache)
  const directory = await readDirectory(source, signal)
  if (!directory.ok) return directory
  if (placesOf(directory.value.tensors) !== placesOf(manifest.tensors)) {
    return fail('manifest-invalid', 'It lists other tensors than the file.')
  }
  return ok({
    id,
    manifest,
    directory: directory.value,
    source,
    close: () => {
      if (shelf.ok) shelf.value.close()
    },
  })
}

/**
 * Refusals: `model-unknown`, `manifest-invalid`, those of `readDirectory` and those of the source. `source.notice` of
 * an opened model says why it is not kept, where it is not.
 */
export async function openModel(spec: ModelSpec, options: OpenOptions = {}): Promise<Result<OpenedModel>> {
  const shelf = await openShelf()
  const found =
    spec.kind === 'mirror'
      ? await findInMirror(spec, shelf.ok ? shelf.value : null, options.signal)
      : await findInFile(spec, shelf.ok ? shelf.value : null, options)
  const opened: Result<OpenedModel> | Failure = found.ok ? await openFound(found.value, shelf, options.signal) : found
  if (!opened.ok && shelf.ok) shelf.value.close()
  return opened
}
