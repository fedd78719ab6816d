/**
 * Reads the directory of a GGUF file from any `ByteSource`: a file, the cache or the mirror alike, so that only verified
 * bytes are parsed where a manifest exists. The parsing itself is in `wire/gguf-header.ts`.
 */
import { readGgufHeader } from '../wire/gguf-header.ts'
import type { Result } from '../wire/result.ts'
import type { Directory } from './directory.ts'
import type { ByteSource } from './source.ts'

/**
 * Refusals: `gguf-not-gguf`, `gguf-truncated`, `gguf-invalid`, `tensor-type-unsupported` (a number that names no type),
 * and those of the source.
 */
export function readDirectory(source: ByteSource, signal?: AbortSignal): Promise<Result<Directory>> {
  // A vocabulary has tokens that begin with U+FEFF: they are text here, not a mark to drop.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return readGgufHeader(
    source.size,
    (offset, length) => source.read(offset, length, signal),
    (bytes) => decoder.decode(bytes),
  )
}
