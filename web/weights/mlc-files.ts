/**
 * The files of an MLC model from the mirror, every chunk verified on its way in, from the cache where this browser keeps
 * it. `MlcFiles` is also kept by `hub-files.ts`. Reads whole files, as WebLLM wants them; looks inside none.
 *
 * Contract of `MlcFiles`: `read` gives exactly the bytes that the manifest names or a failure; the caller owns them.
 * Reads may run concurrently, also with `prefetch`. A failed read may be retried. After `close` nothing may be called.
 */
import type { MlcFile, MlcManifest } from '../wire/mlc-model.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import { CachedSource, type FetchProgress } from './cached-source.ts'
import type { ChunkCache } from './chunk-cache.ts'
import { mirrorOrigin } from './chunk-origin.ts'
import type { MlcFacts } from './hub-manifest.ts'
import { fetchMlcManifest, mirrorUrl } from './manifest.ts'
import { fullFailure } from './room.ts'
import { openShelf } from './shelf.ts'

export interface MlcFiles {
  readonly id: string
  readonly facts: MlcFacts
  readonly files: readonly { readonly path: string; readonly bytes: number }[]
  /** Why what is read is not kept for the next visit; null where it is. */
  readonly notice: Failure | null
  /** Refusals: `source-missing` for a path that the model does not have, and those of the source. */
  read(
    path: string,
    signal?: AbortSignal,
    onProgress?: (progress: FetchProgress) => void,
  ): Promise<Result<Uint8Array<ArrayBuffer>>>
  /** Brings all that is missing into the cache; without a cache it says ok and `read` fetches. */
  prefetch(onProgress: (progress: FetchProgress) => void, signal?: AbortSignal): Promise<Result<null>>
  close(): void
}

/** The part of a model's cache that holds one file. */
function window(cache: ChunkCache, first: number): ChunkCache {
  return {
    has: (index) => cache.has(first + index),
    read: (index) => cache.read(first + index),
    write: (index, bytes) => cache.write(first + index, bytes),
    drop: (index) => cache.drop(first + index),
    freeBytes: () => cache.freeBytes(),
  }
}

class MirroredFiles implements MlcFiles {
  readonly id: string
  readonly facts: MlcManifest
  readonly close: () => void
  readonly #baseUrl: string
  readonly #cache: Result<ChunkCache>
  #notice: Failure | null

  constructor(id: string, manifest: MlcManifest, baseUrl: string, cache: Result<ChunkCache>, close: () => void) {
    this.id = id
    this.facts = manifest
    this.close = close
    this.#baseUrl = baseUrl
    this.#cache = cache
    this.#notice = cache.ok ? null : cache
  }

  get files(): readonly MlcFile[] {
    return this.facts.files
  }

  get notice(): Failure | null {
    return this.#notice
  }

  async read(path: string, signal?: AbortSignal): Promise<Result<Uint8Array<ArrayBuffer>>> {
    const file = this.files.find((candidate) => candidate.path === path)
    if (!file) return fail('source-missing', `The model has no ${path}.`)
    const source = this.#sourceOf(file)
    const bytes = await source.read(0, file.bytes, signal)
    this.#notice ??= source.notice
    return bytes.ok ? ok(bytes.value as Uint8Array<ArrayBuffer>) : this.#named(bytes, file)
  }

  async prefetch(onProgress: (progress: FetchProgress) => void, signal?: AbortSignal): Promise<Result<null>> {
    const cache = this.#cache
    if (!cache.ok) return ok(null)
    const { totalBytes } = this.facts
    const room = await this.#room(cache.value)
    if (!room.ok) return room
    let doneBytes = 0
    for (const file of this.files) {
      const source = this.#sourceOf(file)
      const range = { offset: 0, length: file.bytes }
      const report = (file: FetchProgress) => onProgress({ doneBytes: doneBytes + file.doneBytes, totalBytes })
      const got = await source.prefetch([range], report, signal)
      this.#notice ??= source.notice
      if (!got.ok) return this.#named(got, file)
      doneBytes += file.bytes
    }
    return ok(null)
  }

  /** Room for all of it, or none of it is fetched. */
  async #room(cache: ChunkCache): Promise<Result<null>> {
    let missingBytes = 0
    let first = 0
    for (const { bytes, chunks } of this.files) {
      const kept = chunks.filter((_, index) => cache.has(first + index)).length
      missingBytes += bytes * (1 - kept / chunks.length)
      first += chunks.length
    }
    if (missingBytes === 0) return ok(null)
    const freeBytes = await cache.freeBytes()
    if (missingBytes <= freeBytes) return ok(null)
    return fullFailure(missingBytes, freeBytes)
  }

  /** One for each use, because a source remembers chunks: those of a whole model would fill the memory. */
  #sourceOf(file: MlcFile): CachedSource {
    let first = 0
    for (const before of this.files.slice(0, this.files.indexOf(file))) first += before.chunks.length
    const cache: Result<ChunkCache> = this.#cache.ok ? ok(window(this.#cache.value, first)) : this.#cache
    const origin = mirrorOrigin(mirrorUrl(this.#baseUrl, `${this.id}/files/${file.path}`))
    return new CachedSource({ fileBytes: file.bytes, chunks: file.chunks }, origin, cache)
  }

  /** Which file it was; a mirror that lists a library and has none is missing it. */
  #named(failure: Failure, file: MlcFile): Failure {
    if (failure.code === 'aborted') return failure
    const gone = failure.code === 'model-unknown'
    const code = gone ? (file.path === this.facts.library ? 'library-missing' : 'source-missing') : failure.code
    return fail(code, `${file.path}: ${failure.detail}`)
  }
}

/** The manifest that this browser keeps, else the mirror's: what a model is, without its bytes. Refusals: as below. */
export async function findMlcManifest(id: string, baseUrl: string, signal?: AbortSignal): Promise<Result<MlcManifest>> {
  const shelf = await openShelf()
  const kept = shelf.ok ? await shelf.value.mlcManifest(id) : null
  if (shelf.ok) shelf.value.close()
  return kept ? ok(kept) : fetchMlcManifest(id, baseUrl, signal)
}

/**
 * Refusals: `model-unknown`, `manifest-invalid`, `engine-mismatch` (a GGUF model), `library-missing` and those of the
 * source. What was fetched whole opens again without the network.
 */
export async function openMirroredMlc(id: string, baseUrl: string, signal?: AbortSignal): Promise<Result<MlcFiles>> {
  const shelf = await openShelf()
  const close = () => {
    if (shelf.ok) shelf.value.close()
  }
  const kept = shelf.ok ? await shelf.value.mlcManifest(id) : null
  const manifest = kept ? ok(kept) : await fetchMlcManifest(id, baseUrl, signal)
  if (!manifest.ok) {
    close()
    return manifest
  }
  const cache: Result<ChunkCache> = shelf.ok ? await shelf.value.place(id, manifest.value) : shelf
  return ok(new MirroredFiles(id, manifest.value, baseUrl, cache, close))
}
