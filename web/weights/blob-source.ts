/**
 * A file that a person opened or dropped, read by slices straight from the disk. There is no manifest yet, so nothing is
 * verified: for the header of a file before it is taken in, and where the caller wants no copy.
 */
import { readBlob } from './chunk-origin.ts'
import { outsideFailure } from './chunks.ts'
import { abortedFailure } from './lanes.ts'
import type { ByteSource } from './source.ts'

export function blobSource(blob: Blob): ByteSource {
  return {
    size: blob.size,
    async read(offset, length, signal) {
      const outside = outsideFailure(offset, length, blob.size)
      if (outside) return outside
      if (signal?.aborted) return abortedFailure()
      return readBlob(blob, { offset, length })
    },
  }
}
