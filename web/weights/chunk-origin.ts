/**
 * `ChunkOrigin`: where chunks come from that are not in the cache yet: the mirror by Range requests, or a file that a
 * person opened. `fetchVerified` is the only way a chunk enters: tried again where that can help, and checked by hash.
 *
 * Contract: `chunk` gives exactly the bytes of the range or a failure; only `source-unreachable` is worth a retry. Calls
 * may run concurrently. What comes out of `chunk` is not verified yet.
 */
import { CHUNK_DAMAGED_MAX, CHUNK_RETRY_MS, CHUNK_TRIES_MAX } from '../wire/limits/models.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import { type ByteRange, type ChunkFacts, rangeOfChunk, sha256Hex } from './chunks.ts'
import { getBytes } from './http.ts'
import { abortedFailure } from './lanes.ts'

export type OnBytes = (bytes: number) => void

export interface ChunkOrigin {
  /** `local`: the bytes stay at hand without a cache, so no room in the storage is no reason to refuse. */
  readonly kind: 'remote' | 'local'
  chunk(range: ByteRange, signal?: AbortSignal, onBytes?: OnBytes): Promise<Result<Uint8Array<ArrayBuffer>>>
}

export function mirrorOrigin(url: string): ChunkOrigin {
  return {
    kind: 'remote',
    // no-store: the chunk goes into our own cache; a second copy in the browser's would halve the room, and a damaged
    // one there would be served again.
    chunk: (range, signal, onBytes) =>
      getBytes({ url, range, bytesMax: range.length, signal, onBytes, cache: 'no-store' }),
  }
}

export function blobOrigin(blob: Blob): ChunkOrigin {
  return {
    kind: 'local',
    async chunk(range, signal, onBytes) {
      if (signal?.aborted) return abortedFailure()
      const bytes = await readBlob(blob, range)
      if (bytes.ok) onBytes?.(bytes.value.length)
      return bytes
    },
  }
}

/** `source-changed`: the file was moved, shortened or written to since it was opened. */
export async function readBlob(blob: Blob, range: ByteRange): Promise<Result<Uint8Array<ArrayBuffer>>> {
  try {
    const bytes = new Uint8Array(await blob.slice(range.offset, range.offset + range.length).arrayBuffer())
    if (bytes.length === range.length) return ok(bytes)
    return fail('source-changed', `The file ends before byte ${range.offset + range.length}.`)
  } catch (error) {
    if (error instanceof DOMException) return fail('source-changed', error.message)
    throw error
  }
}

/** Time and chance of a retry, given from outside so that tests need no wait. */
export interface RetryClock {
  wait(ms: number, signal?: AbortSignal): Promise<void>
  /** Uniform in [0, 1). */
  random(): number
}

export const realClock: RetryClock = {
  wait: (ms, signal) =>
    new Promise((resolve) => {
      const ended = new AbortController()
      const end = () => {
        ended.abort()
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(end, ms)
      signal?.addEventListener('abort', end, { signal: ended.signal })
    }),
  random: Math.random,
}

/** Half to the whole of a doubling wait, so that tabs cut at one moment do not come back at one moment. */
export function retryWaitMs(tries: number, random: number): number {
  return CHUNK_RETRY_MS * 2 ** (tries - 1) * (0.5 + random / 2)
}

export interface ChunkWatch {
  readonly signal: AbortSignal
  readonly clock: RetryClock
  readonly onBytes: OnBytes
  /** The bytes counted so far were for nothing. */
  readonly onRestart: () => void
}

/** Refusals: `chunk-hash-mismatch` after a second damaged arrival, else the origin's last one. */
export async function fetchVerified(
  origin: ChunkOrigin,
  facts: ChunkFacts,
  index: number,
  watch: ChunkWatch,
): Promise<Result<Uint8Array<ArrayBuffer>>> {
  const range = rangeOfChunk(index, facts.fileBytes)
  let damaged = 0
  for (let tries = 1; ; tries += 1) {
    const got = await origin.chunk(range, watch.signal, watch.onBytes)
    if (got.ok) {
      if ((await sha256Hex(got.value)) === facts.chunks[index]) return got
      damaged += 1
    } else if (got.code !== 'source-unreachable') return got
    if (watch.signal.aborted) return abortedFailure()
    if (damaged >= CHUNK_DAMAGED_MAX || tries >= CHUNK_TRIES_MAX) {
      return got.ok ? fail('chunk-hash-mismatch', `Part ${index + 1} of ${facts.chunks.length}.`) : got
    }
    watch.onRestart()
    await watch.clock.wait(retryWaitMs(tries, watch.clock.random()), watch.signal)
  }
}
