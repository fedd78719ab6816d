/** A `ChunkCache` in memory, whose bytes a test can damage and whose room it can limit, or that falls silent. */
import type { ChunkCache } from '../../web/weights/chunk-cache.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'

const NEVER = new Promise<never>(() => {})

export class MemoryChunkCache implements ChunkCache {
  readonly kept = new Map<number, Uint8Array<ArrayBuffer>>()
  free = Number.POSITIVE_INFINITY
  /** Writes fail with it, whatever `freeBytes` said before. */
  refusal: Result<null> = ok(null)
  reads = 0
  /** It answers nothing any more. */
  silent = false

  has(index: number): boolean {
    return this.kept.has(index)
  }

  async read(index: number): Promise<Uint8Array<ArrayBuffer> | null> {
    this.reads += 1
    if (this.silent) return NEVER
    return this.kept.get(index)?.slice() ?? null
  }

  async write(index: number, bytes: Uint8Array<ArrayBuffer>): Promise<Result<null>> {
    if (this.silent) return NEVER
    if (!this.refusal.ok) return this.refusal
    if (bytes.length > this.free) return fail('storage-full', '')
    this.kept.set(index, bytes.slice())
    return ok(null)
  }

  async drop(index: number): Promise<void> {
    if (this.silent) return NEVER
    this.kept.delete(index)
  }

  async freeBytes(): Promise<number> {
    return this.silent ? NEVER : this.free
  }
}
