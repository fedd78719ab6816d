/**
 * The bytes of one model file by its manifest: from memory, else from the cache, else from the origin; every chunk is
 * checked by SHA-256 on its way in, whichever way it comes. Chunks that the cache has lost or damaged are fetched again.
 * Owns no storage and no connection: both are passed in.
 */
import { CHUNK_BYTES, CHUNK_FETCHES_MAX, CHUNKS_IN_MEMORY_MAX } from '../wire/limits/models.ts'
import { type Failure, ok, type Result } from '../wire/result.ts'
import type { ChunkCache } from './chunk-cache.ts'
import { type ChunkOrigin, fetchVerified, type RetryClock, realClock } from './chunk-origin.ts'
import { type ByteRange, type ChunkFacts, chunksOf, outsideFailure, rangeOfChunk, sha256Hex } from './chunks.ts'
import { abortedFailure, inLanes, Turns, untilAborted } from './lanes.ts'
import { fullFailure } from './room.ts'
import type { ByteSource } from './source.ts'

export interface FetchProgress {
  readonly doneBytes: number
  readonly totalBytes: number
}

/** A chunk under way. The last caller to leave takes the fetch with it. */
interface Flight {
  readonly done: Promise<Result<Uint8Array<ArrayBuffer>>>
  readonly cut: AbortController
  callers: number
  receivedBytes: number
}

export class CachedSource implements ByteSource {
  readonly size: number
  readonly #facts: ChunkFacts
  readonly #origin: ChunkOrigin
  readonly #cache: ChunkCache | null
  #notice: Failure | null
  readonly #clock: RetryClock
  /** Verified chunks, least recently used first. */
  readonly #recent = new Map<number, Uint8Array<ArrayBuffer>>()
  readonly #flights = new Map<number, Flight>()
  readonly #turns = new Turns(CHUNK_FETCHES_MAX)
  readonly #watchers = new Set<() => void>()

  /** `cache` as a failure: why there is none. The source works without one; what it reads is not kept. */
  constructor(facts: ChunkFacts, origin: ChunkOrigin, cache: Result<ChunkCache>, clock: RetryClock = realClock) {
    this.size = facts.fileBytes
    this.#facts = facts
    this.#origin = origin
    this.#cache = cache.ok ? cache.value : null
    this.#notice = cache.ok ? null : cache
    this.#clock = clock
  }

  /** Why bytes are no longer kept: `storage-denied` or `storage-full`. Null while all is well. */
  get notice(): Failure | null {
    return this.#notice
  }

  async read(offset: number, length: number, signal?: AbortSignal): Promise<Result<Uint8Array>> {
    const outside = outsideFailure(offset, length, this.size)
    if (outside) return outside
    const out = new Uint8Array(length)
    const failure = await inLanes(chunksOf([{ offset, length }]), CHUNK_FETCHES_MAX, async (index) => {
      const chunk = await this.#chunk(index, signal)
      if (!chunk.ok) return chunk
      const from = index * CHUNK_BYTES
      const part = chunk.value.subarray(
        Math.max(0, offset - from),
        Math.min(chunk.value.length, offset + length - from),
      )
      out.set(part, Math.max(0, from - offset))
      return null
    })
    return failure ?? ok(out)
  }

  /**
   * Brings the chunks that cover `ranges` into the cache: only those that are missing, and only if there is room for
   * all of them. Without a cache there is nowhere to bring them: it says ok, and `read` fetches. Refusals: `read`'s, and
   * `storage-full` with the numbers where the origin is remote; a local file is simply not kept then (`notice`).
   */
  async prefetch(
    ranges: readonly ByteRange[],
    onProgress?: (progress: FetchProgress) => void,
    signal?: AbortSignal,
  ): Promise<Result<null>> {
    if (this.#notice?.code === 'storage-full') this.#notice = null
    const cache = this.#cache
    if (!cache || this.#notice) return ok(null)
    const wanted = chunksOf(ranges)
    const missing = wanted.filter((index) => !cache.has(index))
    const totalBytes = this.#bytesOf(wanted)
    const neededBytes = this.#bytesOf(missing)
    const freeBytes = neededBytes === 0 ? 0 : await cache.freeBytes()
    if (neededBytes > freeBytes) return this.#unkept(fullFailure(neededBytes, freeBytes))
    const pending = new Set(missing)
    let keptBytes = 0
    const report = () => {
      let received = 0
      for (const [index, flight] of this.#flights) if (pending.has(index)) received += flight.receivedBytes
      onProgress?.({ doneBytes: totalBytes - neededBytes + keptBytes + received, totalBytes })
    }
    this.#watchers.add(report)
    report()
    const failure = await inLanes(missing, CHUNK_FETCHES_MAX, async (index) => {
      const chunk = await this.#chunk(index, signal)
      if (!chunk.ok) return chunk
      // It may have come from memory, or from a read while another tab was writing it.
      await this.#keep(index, chunk.value)
      if (this.#notice) return this.#notice
      pending.delete(index)
      keptBytes += chunk.value.length
      report()
      return null
    })
    this.#watchers.delete(report)
    if (!failure || failure !== this.notice) return failure ?? ok(null)
    return this.#unkept(failure.code === 'storage-full' ? fullFailure(neededBytes, keptBytes) : failure)
  }

  #bytesOf(indexes: readonly number[]): number {
    return indexes.reduce((sum, index) => sum + rangeOfChunk(index, this.size).length, 0)
  }

  /** No room for a remote model is a refusal: it would be fetched again at every load. All else works without a cache. */
  #unkept(why: Failure): Result<null> {
    this.#notice = why
    return this.#origin.kind === 'remote' && why.code === 'storage-full' ? why : ok(null)
  }

  async #chunk(index: number, signal?: AbortSignal): Promise<Result<Uint8Array<ArrayBuffer>>> {
    if (signal?.aborted) return abortedFailure()
    const recent = this.#recent.get(index)
    if (recent) {
      this.#remember(index, recent)
      return ok(recent)
    }
    const flight = this.#flights.get(index) ?? this.#takeOff(index)
    flight.callers += 1
    const result = await untilAborted(flight.done, signal)
    flight.callers -= 1
    if (flight.callers === 0 && signal?.aborted) {
      flight.cut.abort()
      // Nobody waits for it any more: a new caller must not join a flight that ends as `aborted`.
      if (this.#flights.get(index) === flight) this.#flights.delete(index)
    }
    return result
  }

  #takeOff(index: number): Flight {
    const cut = new AbortController()
    const flight: Flight = { cut, callers: 0, receivedBytes: 0, done: this.#fly(index, cut.signal, () => flight) }
    this.#flights.set(index, flight)
    return flight
  }

  async #fly(index: number, signal: AbortSignal, self: () => Flight): Promise<Result<Uint8Array<ArrayBuffer>>> {
    // Begins after `takeOff` has put the flight on the board.
    await null
    const kept = await this.#fromCache(index)
    const result = kept ? ok(kept) : await this.#fromOrigin(index, signal, self())
    if (result.ok) this.#remember(index, result.value)
    if (this.#flights.get(index) === self()) this.#flights.delete(index)
    return result
  }

  async #fromCache(index: number): Promise<Uint8Array<ArrayBuffer> | null> {
    if (!this.#cache?.has(index)) return null
    const bytes = await this.#cache.read(index)
    if (bytes && (await sha256Hex(bytes)) === this.#facts.chunks[index]) return bytes
    await this.#cache.drop(index)
    return null
  }

  async #fromOrigin(index: number, signal: AbortSignal, flight: Flight): Promise<Result<Uint8Array<ArrayBuffer>>> {
    const tell = (receivedBytes: number) => {
      flight.receivedBytes = receivedBytes
      for (const watcher of this.#watchers) watcher()
    }
    const watch = {
      signal,
      clock: this.#clock,
      onBytes: (bytes: number) => tell(flight.receivedBytes + bytes),
      onRestart: () => tell(0),
    }
    return this.#turns.take(async () => {
      if (signal.aborted) return abortedFailure()
      const got = await fetchVerified(this.#origin, this.#facts, index, watch)
      if (got.ok) await this.#keep(index, got.value)
      return got
    })
  }

  async #keep(index: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    if (!this.#cache || this.#notice || this.#cache.has(index)) return
    const written = await this.#cache.write(index, bytes)
    if (!written.ok) this.#notice = written
  }

  #remember(index: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.#recent.delete(index)
    this.#recent.set(index, bytes)
    const oldest = this.#recent.keys().next()
    if (this.#recent.size > CHUNKS_IN_MEMORY_MAX && !oldest.done) this.#recent.delete(oldest.value)
  }
}
