/**
 * The files of an MLC model from a hub: pinned to one revision and verified against the digests that the hub announces
 * for it, whole file by whole file, then kept as `shelf.ts` keeps everything. The compiled library comes from another
 * host that announces nothing: its digest is pinned by its first fetch. `MlcFiles` by another way than the mirror's.
 */
import { CHUNK_TRIES_MAX, LIBRARY_BYTES_MAX } from '../wire/limits/models.ts'
import { isMlcPath, MLC_CONFIG } from '../wire/mlc-model.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import { PREBUILT, type PrebuiltModel } from '../wire/webllm-prebuilt.ts'
import type { FetchProgress } from './cached-source.ts'
import type { ChunkCache } from './chunk-cache.ts'
import { realClock, retryWaitMs } from './chunk-origin.ts'
import { hex, sha256Hex } from './chunks.ts'
import { getBytes } from './http.ts'
import type { HubFile, HubManifest } from './hub-manifest.ts'
import { readRepository } from './hub-repository.ts'
import { abortedFailure } from './lanes.ts'
import { manifestId } from './manifest.ts'
import type { MlcFiles } from './mlc-files.ts'
import { fullFailure } from './room.ts'
import { openShelf } from './shelf.ts'

export interface HubAddresses {
  /** Where the repositories are; the hub of WebLLM's list unless given. */
  readonly hubUrl?: string
  /** Where the libraries are, by their file name; the host of WebLLM's list unless given. */
  readonly libraryUrl?: string
}

/** What is of no use to WebLLM: READMEs, logs, pictures. */
const WANTED =
  /^(mlc-chat-config\.json|mlc-model-manifest\.json|tokenizer[\w.]*|vocab\.json|merges\.txt|added_tokens\.json|(tensor|ndarray)-cache\.json|.*\.bin)$/

/** True where the bytes are those that the digest names. */
async function isDigestOf(digest: string, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
  if (digest.startsWith('sha256:')) return digest === `sha256:${await sha256Hex(bytes)}`
  // A git blob is hashed with its kind and size before it.
  const head = new TextEncoder().encode(`blob ${bytes.length}\0`)
  const blob = new Uint8Array(head.length + bytes.length)
  blob.set(head)
  blob.set(bytes, head.length)
  return digest === `git:${hex(new Uint8Array(await crypto.subtle.digest('SHA-1', blob)))}`
}

/** Tries again where that can help, and never gives bytes that nobody announced. */
async function fetchFile(
  file: HubFile,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<Result<Uint8Array<ArrayBuffer>>> {
  for (let tries = 1; ; tries += 1) {
    let receivedBytes = 0
    const got = await getBytes({
      url: file.url,
      bytesMax: file.bytes,
      signal,
      cache: 'no-store',
      onBytes: (bytes) => {
        receivedBytes += bytes
        onBytes(bytes)
      },
    })
    if (got.ok && got.value.length === file.bytes && (await isDigestOf(file.digest, got.value))) return got
    onBytes(-receivedBytes)
    if (got.ok) return fail('source-changed', `${file.path} is not what the hub announced.`)
    if (got.code === 'model-unknown') return fail('source-missing', got.detail)
    if (got.code !== 'source-unreachable' || tries >= CHUNK_TRIES_MAX) return got
    await realClock.wait(retryWaitMs(tries, realClock.random()), signal)
    if (signal?.aborted) return abortedFailure()
  }
}

class HubFiles implements MlcFiles {
  readonly id: string
  readonly facts: HubManifest
  readonly close: () => void
  readonly #cache: Result<ChunkCache>
  #notice: Failure | null

  constructor(id: string, manifest: HubManifest, cache: Result<ChunkCache>, close: () => void) {
    this.id = id
    this.facts = manifest
    this.close = close
    this.#cache = cache
    this.#notice = cache.ok ? null : cache
  }

  get files(): readonly HubFile[] {
    return this.facts.files
  }

  get notice(): Failure | null {
    return this.#notice
  }

  async read(path: string, signal?: AbortSignal): Promise<Result<Uint8Array<ArrayBuffer>>> {
    const index = this.files.findIndex((file) => file.path === path)
    return index < 0 ? fail('source-missing', `The model has no ${path}.`) : this.#take(index, signal, () => {})
  }

  async prefetch(onProgress: (progress: FetchProgress) => void, signal?: AbortSignal): Promise<Result<null>> {
    const cache = this.#cache
    if (!cache.ok) return ok(null)
    const { totalBytes } = this.facts
    const missing = this.files.filter((_, index) => !cache.value.has(index))
    const missingBytes = missing.reduce((sum, { bytes }) => sum + bytes, 0)
    const freeBytes = missingBytes === 0 ? 0 : await cache.value.freeBytes()
    if (missingBytes > freeBytes) return fullFailure(missingBytes, freeBytes)
    let doneBytes = totalBytes - missingBytes
    onProgress({ doneBytes, totalBytes })
    for (const file of missing) {
      const before = doneBytes
      const got = await this.#take(this.files.indexOf(file), signal, (bytes) => {
        // A cut takes back what it had brought: the next try counts from there, and progress waits for it.
        doneBytes += bytes
        if (bytes > 0) onProgress({ doneBytes: Math.min(doneBytes, before + file.bytes), totalBytes })
      })
      if (!got.ok) return got
      if (this.#notice?.code === 'storage-full') return this.#notice
      doneBytes = before + file.bytes
    }
    return ok(null)
  }

  async #take(
    index: number,
    signal: AbortSignal | undefined,
    onBytes: (bytes: number) => void,
  ): Promise<Result<Uint8Array<ArrayBuffer>>> {
    const file = this.files[index]
    if (!file) return fail('source-missing', '')
    if (signal?.aborted) return abortedFailure()
    const cache = this.#cache.ok ? this.#cache.value : null
    const kept = cache?.has(index) ? await cache.read(index) : null
    if (kept && (await isDigestOf(file.digest, kept))) return ok(kept)
    if (kept) await cache?.drop(index)
    const got = await fetchFile(file, signal, onBytes)
    if (!got.ok || !cache || this.#notice) return got
    const written = await cache.write(index, got.value)
    if (!written.ok) this.#notice = written
    return got
  }
}

/** Its bytes are not kept here: they come again with all the others, now by the digest that this pins. */
async function pinLibrary(
  entry: PrebuiltModel,
  base: string | undefined,
  signal?: AbortSignal,
): Promise<Result<HubFile>> {
  const path = entry.library.slice(entry.library.lastIndexOf('/') + 1)
  const url = base === undefined ? entry.library : `${base.replace(/\/$/, '')}/${path}`
  const got = await getBytes({ url, bytesMax: LIBRARY_BYTES_MAX, signal, cache: 'no-store' })
  if (!got.ok) return got.code === 'model-unknown' ? fail('library-missing', got.detail) : got
  return ok({ path, url, bytes: got.value.length, digest: `sha256:${await sha256Hex(got.value)}` })
}

async function announce(
  entry: PrebuiltModel,
  addresses: HubAddresses,
  signal?: AbortSignal,
): Promise<Result<HubManifest>> {
  const repository = await readRepository({ repo: entry.repo, revision: 'main' }, addresses.hubUrl, signal)
  if (!repository.ok) return repository
  const found = repository.value.files.filter(({ path }) => isMlcPath(path) && WANTED.test(path))
  if (!found.some(({ path }) => path === MLC_CONFIG)) return fail('source-missing', `It has no ${MLC_CONFIG}.`)
  const library = await pinLibrary(entry, addresses.libraryUrl, signal)
  if (!library.ok) return library
  const files = [...found, library.value]
  return ok({
    format: 'weft-hub/1',
    name: entry.id,
    license: repository.value.license,
    architecture: 'unknown',
    quantization: /q\d\w*/.exec(entry.id)?.[0] ?? 'unknown',
    ...(entry.kind === 'chat' ? {} : { kind: entry.kind }),
    contextLength: entry.contextLength ?? 0,
    vramBytes: entry.vramBytes,
    requiredFeatures: entry.requiredFeatures,
    library: library.value.path,
    files,
    totalBytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
  })
}

/**
 * A model of WebLLM's list. Refusals: `model-unknown`, `library-missing`, and those of `readRepository`. What was fetched whole opens again without the network, at the revision that it was fetched at.
 */
export async function openHubMlc(
  name: string,
  addresses: HubAddresses = {},
  signal?: AbortSignal,
): Promise<Result<MlcFiles>> {
  const entry = PREBUILT.models.find(({ id }) => id === name)
  if (!entry) return fail('model-unknown', `WebLLM's list has no ${name}.`)
  const shelf = await openShelf()
  const close = () => {
    if (shelf.ok) shelf.value.close()
  }
  const kept = shelf.ok ? await shelf.value.hubManifest(name) : null
  const manifest = kept ? ok(kept) : await announce(entry, addresses, signal)
  if (!manifest.ok) {
    close()
    return manifest
  }
  const id = await manifestId(manifest.value)
  const cache: Result<ChunkCache> = shelf.ok ? await shelf.value.place(id, manifest.value) : shelf
  return ok(new HubFiles(id, manifest.value, cache, close))
}
