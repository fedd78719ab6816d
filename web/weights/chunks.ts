/**
 * Arithmetic of chunks: which ones cover a range, how long each is, and their SHA-256. The one place that knows that the
 * last chunk of a file is shorter. Reads nothing.
 */
import { CHUNK_BYTES } from '../wire/limits/models.ts'
import { type Failure, fail } from '../wire/result.ts'

/** Bytes of a file from `offset` on. */
export interface ByteRange {
  readonly offset: number
  readonly length: number
}

/** What a manifest says of the bytes of its file. */
export interface ChunkFacts {
  readonly fileBytes: number
  /** SHA-256 of each chunk, hex, in order. */
  readonly chunks: readonly string[]
}

/** What a read answers that does not lie inside its file; null for one that does. */
export function outsideFailure(offset: number, length: number, fileBytes: number): Failure | null {
  if (offset >= 0 && length >= 0 && offset + length <= fileBytes) return null
  return fail('gguf-truncated', `Bytes ${offset} to ${offset + length} of ${fileBytes} were asked for.`)
}

export function rangeOfChunk(index: number, fileBytes: number): ByteRange {
  const offset = index * CHUNK_BYTES
  return { offset, length: Math.min(CHUNK_BYTES, fileBytes - offset) }
}

/** Indexes of the chunks that cover the ranges, ascending, each once. Empty ranges need none. */
export function chunksOf(ranges: readonly ByteRange[]): number[] {
  const indexes = new Set<number>()
  for (const { offset, length } of ranges) {
    const end = Math.ceil((offset + length) / CHUNK_BYTES)
    if (length > 0) for (let index = Math.floor(offset / CHUNK_BYTES); index < end; index += 1) indexes.add(index)
  }
  return [...indexes].sort((a, b) => a - b)
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))
}
