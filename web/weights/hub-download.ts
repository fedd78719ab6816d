/**
 * Brings one GGUF file of a hub into this browser. Nobody announced its chunks, so they are hashed as they come and
 * kept aside; only when the digest of the whole file is the announced one does it become a model with a manifest, which
 * engines may read. A wrong digest throws all of it away.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { CHUNK_FETCHES_MAX, CHUNK_TRIES_MAX } from '../wire/limits/models.ts'
import { buildManifest, type Manifest } from '../wire/model.ts'
import { factsFromDirectory } from '../wire/model-facts.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import { realClock, retryWaitMs } from './chunk-origin.ts'
import { hex, outsideFailure, rangeOfChunk, sha256Hex } from './chunks.ts'
import type { Directory } from './directory.ts'
import { readDirectory } from './gguf.ts'
import { getBytes } from './http.ts'
import type { HubGguf } from './hub-gguf.ts'
import { abortedFailure, inLanes } from './lanes.ts'
import { manifestId } from './manifest.ts'
import { fullFailure } from './room.ts'
import { type KnownPlaces, knownByBytes } from './same-file.ts'
import type { Shelf, UnprovedPlace } from './shelf.ts'
import type { ByteSource } from './source.ts'

export interface HubDownloadWatch {
  readonly onFetch: (doneBytes: number) => void
  /** The whole file is here and is read once more for its digest. */
  readonly onCheck: (doneBytes: number) => void
  readonly signal: AbortSignal
}

const CHUNK_REFUSALS = { 401: 'source-gated', 403: 'source-gated', 404: 'source-missing' } as const

class HubDownload {
  readonly #file: HubGguf
  readonly #place: UnprovedPlace
  readonly #watch: HubDownloadWatch
  /** SHA-256 of each chunk as it came. */
  readonly #hashes: Map<number, string>
  /** Bytes of the chunks under way. */
  readonly #received = new Map<number, number>()
  #keptBytes = 0

  constructor(file: HubGguf, place: UnprovedPlace, watch: HubDownloadWatch) {
    this.#file = file
    this.#place = place
    this.#watch = watch
    this.#hashes = new Map(place.hashes)
  }

  get #chunks(): readonly number[] {
    const count = Math.ceil(this.#file.fileBytes / rangeOfChunk(0, Number.POSITIVE_INFINITY).length)
    return Array.from({ length: count }, (_, index) => index)
  }

  #bytesOf(indexes: readonly number[]): number {
    return indexes.reduce((sum, index) => sum + rangeOfChunk(index, this.#file.fileBytes).length, 0)
  }

  /** Every chunk that is not here yet, the first one before all others: it says whether this is a model at all. */
  async fetch(): Promise<Failure | null> {
    const missing = this.#chunks.filter((index) => !this.#place.has(index) || !this.#hashes.has(index))
    const neededBytes = this.#bytesOf(missing)
    this.#keptBytes = this.#file.fileBytes - neededBytes
    const freeBytes = neededBytes === 0 ? 0 : await this.#place.freeBytes()
    if (neededBytes > freeBytes) return fullFailure(neededBytes, freeBytes)
    this.#report()
    const [first, ...rest] = missing
    const failure = first === 0 ? await this.#bring(0) : null
    if (failure) return failure
    return inLanes(first === 0 ? rest : missing, CHUNK_FETCHES_MAX, (index) => this.#bring(index))
  }

  /** Compares the digest of the whole. Chunks that the storage has lost or damaged since they came are fetched again. */
  async check(): Promise<Result<readonly string[]>> {
    const whole = sha256.create()
    const chunks: string[] = []
    let doneBytes = 0
    for (const index of this.#chunks) {
      if (this.#watch.signal.aborted) return abortedFailure()
      const bytes = await this.#read(index)
      if (!bytes.ok) return bytes
      whole.update(bytes.value)
      chunks.push(this.#hashes.get(index) ?? '')
      doneBytes += bytes.value.length
      this.#watch.onCheck(doneBytes)
    }
    if (hex(whole.digest()) === this.#file.fileSha256) return ok(chunks)
    return fail('source-changed', `${this.#file.path} is not what the hub announced.`)
  }

  async #read(index: number): Promise<Result<Uint8Array<ArrayBuffer>>> {
    for (let tries = 0; ; tries += 1) {
      const bytes = await this.#place.read(index)
      if (bytes && (await sha256Hex(bytes)) === this.#hashes.get(index)) return ok(bytes)
      if (tries > 0) return fail('storage-denied', `Part ${index + 1} does not stay as it was written.`)
      await this.#place.drop(index)
      const failure = await this.#bring(index)
      if (failure) return failure
    }
  }

  async #bring(index: number): Promise<Failure | null> {
    const got = await this.#fetchChunk(index)
    this.#received.delete(index)
    if (!got.ok) return got
    if (index === 0 && new TextDecoder().decode(got.value.subarray(0, 4)) !== 'GGUF')
      return fail('gguf-not-gguf', `${this.#file.path} does not begin as one.`)
    const sha = await sha256Hex(got.value)
    const written = await this.#place.write(index, got.value, sha)
    if (!written.ok) return written
    this.#hashes.set(index, sha)
    this.#keptBytes += got.value.length
    this.#report()
    return null
  }

  async #fetchChunk(index: number): Promise<Result<Uint8Array<ArrayBuffer>>> {
    const { signal } = this.#watch
    const range = rangeOfChunk(index, this.#file.fileBytes)
    const onBytes = (bytes: number) => {
      this.#received.set(index, (this.#received.get(index) ?? 0) + bytes)
      this.#report()
    }
    for (let tries = 1; ; tries += 1) {
      this.#received.delete(index)
      const ask = { url: this.#file.url, range, bytesMax: range.length, cache: 'no-store' } as const
      const got = await getBytes({ ...ask, signal, onBytes, refusals: CHUNK_REFUSALS })
      if (got.ok || got.code !== 'source-unreachable' || tries >= CHUNK_TRIES_MAX) return got
      await realClock.wait(retryWaitMs(tries, realClock.random()), signal)
      if (signal.aborted) return abortedFailure()
    }
  }

  #report(): void {
    let received = 0
    for (const bytes of this.#received.values()) received += bytes
    this.#watch.onFetch(Math.min(this.#file.fileBytes, this.#keptBytes + received))
  }
}

/** What is kept aside, as a file: only for its header, after its digest was right. */
function sourceOf(place: UnprovedPlace, size: number): ByteSource {
  return {
    size,
    async read(offset, length) {
      const outside = outsideFailure(offset, length, size)
      if (outside) return outside
      const out = new Uint8Array(length)
      for (let at = offset; at < offset + length; ) {
        const index = Math.floor(at / rangeOfChunk(0, Number.POSITIVE_INFINITY).length)
        const chunk = await place.read(index)
        if (!chunk) return fail('storage-denied', `Part ${index + 1} is gone.`)
        const from = at - rangeOfChunk(index, size).offset
        const part = chunk.subarray(from, Math.min(chunk.length, from + offset + length - at))
        out.set(part, at - offset)
        at += part.length
      }
      return ok(out)
    },
  }
}

function manifestOf(file: HubGguf, directory: Directory, chunks: readonly string[]): Result<Manifest> {
  const facts = factsFromDirectory(directory)
  if (!facts.ok) return facts
  const { fileBytes, fileSha256 } = file
  // The file's own word first, as for a file from disk: the same bytes are to have the same id.
  return ok(buildManifest({ ...facts.value, fileBytes, fileSha256, chunks }))
}

/**
 * The id of the model that the file has become. Refusals: `storage-denied`, `storage-full`, `source-changed` (nothing is
 * kept then), `gguf-not-gguf` and those of the header (nothing either), `source-missing`, `source-gated`,
 * `source-error-page`, `source-unreachable` (what came stays, and a later call goes on from there), `aborted` (as well).
 */
export async function downloadHubGguf(
  file: HubGguf,
  shelf: Shelf,
  mirror: KnownPlaces['mirror'],
  watch: HubDownloadWatch,
): Promise<Result<string>> {
  const from = await manifestId(file)
  const place = await shelf.placeUnproved(from, file)
  if (!place.ok) return place
  const download = new HubDownload(file, place.value, watch)
  const failure = await download.fetch()
  const chunks = failure ?? (await download.check())
  const proved = chunks.ok ? await prove(file, from, place.value, chunks.value, shelf, mirror) : chunks
  if (!proved.ok && THROWN_AWAY.includes(proved.code)) await shelf.delete(from)
  return proved
}

const THROWN_AWAY: readonly string[] = ['source-changed', 'gguf-not-gguf', 'gguf-invalid', 'gguf-truncated']

async function prove(
  file: HubGguf,
  from: string,
  place: UnprovedPlace,
  chunks: readonly string[],
  shelf: Shelf,
  mirror: KnownPlaces['mirror'],
): Promise<Result<string>> {
  const directory = await readDirectory(sourceOf(place, file.fileBytes))
  if (!directory.ok) return directory
  const own = manifestOf(file, directory.value, chunks)
  if (!own.ok) return own
  const known = await knownByBytes(own.value, { shelf, mirror })
  const { id, manifest } = known ?? { id: await manifestId(own.value), manifest: own.value }
  const proved = await shelf.prove(from, file, id, manifest)
  return proved.ok ? ok(id) : proved
}
