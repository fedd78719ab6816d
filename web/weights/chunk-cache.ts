/**
 * `ChunkCache`: chunks of one model that outlive the page. Implementations: OPFS (`opfs-cache.ts`) and memory (tests).
 *
 * Contract: the cache promises nothing about its bytes: it may lose or damage any of them at any time (eviction, another
 * tab, a crash), so the caller verifies what it reads. `has` is what was true when the cache was opened, plus what this
 * page did since. A `write` that fails leaves nothing behind. Calls may run concurrently, also from several tabs; two
 * writers of one chunk write the same bytes.
 */
import type { Result } from '../wire/result.ts'

export interface ChunkCache {
  has(index: number): boolean
  /** Null: not there after all. */
  read(index: number): Promise<Uint8Array<ArrayBuffer> | null>
  /** Refusals: `storage-full`, `storage-denied`. */
  write(index: number, bytes: Uint8Array<ArrayBuffer>): Promise<Result<null>>
  drop(index: number): Promise<void>
  /** Bytes that may still be written; infinite where nobody says. */
  freeBytes(): Promise<number>
}
