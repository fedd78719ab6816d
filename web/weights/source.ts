/**
 * `ByteSource`: where the bytes of one model file come from. Implementations: the mirror through the OPFS cache
 * (`cached-source.ts`), a file that a person opened (`blob-source.ts`), and plain memory or a Node file in tests and
 * benches. One suite in `test/contract/byte-source.suite.ts` runs on all.
 *
 * Contract: `read` returns exactly `length` bytes or a failure, never fewer; bytes are verified against the manifest
 * before they are returned where a manifest exists; reads may run concurrently and in any order; the caller owns the
 * returned array. A read that does not lie inside the file fails with `gguf-truncated`. A failed read may be retried.
 * `size` never changes.
 */
import type { Result } from '../wire/result.ts'

export interface ByteSource {
  readonly size: number
  read(offset: number, length: number, signal?: AbortSignal): Promise<Result<Uint8Array>>
}
