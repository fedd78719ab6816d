/**
 * SHA-256 of a file and of each of its chunks in one pass. The chunk list is what lets a page take a chunk from anybody.
 * It judges nothing: comparing is the caller's.
 */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { CHUNK_BYTES } from '../../web/wire/limits/models.ts'

export interface FileHashes {
  readonly bytes: number
  readonly fileSha256: string
  /** One per `CHUNK_BYTES`, the last one shorter. */
  readonly chunks: readonly string[]
}

/** A divisor of a chunk, so that no read ever crosses a chunk border. */
const READ_BYTES = CHUNK_BYTES / 4

/** Null when `signal` ended it. `also` are fed with every byte of the file, for digests of other kinds. */
export async function hashFile(
  path: string,
  onBytes: (doneBytes: number) => void,
  signal: AbortSignal,
  also: readonly Hash[] = [],
): Promise<FileHashes | null> {
  const whole = createHash('sha256')
  const chunks: string[] = []
  let chunk = createHash('sha256')
  let inChunk = 0
  let bytes = 0
  const end = () => {
    chunks.push(chunk.digest('hex'))
    chunk = createHash('sha256')
    inChunk = 0
  }
  for await (const block of createReadStream(path, { highWaterMark: READ_BYTES })) {
    if (signal.aborted) return null
    for (const hash of also) hash.update(block)
    let rest: Buffer = block
    while (rest.length > 0) {
      const piece = rest.subarray(0, CHUNK_BYTES - inChunk)
      whole.update(piece)
      chunk.update(piece)
      inChunk += piece.length
      bytes += piece.length
      rest = rest.subarray(piece.length)
      if (inChunk === CHUNK_BYTES) end()
    }
    onBytes(bytes)
  }
  if (inChunk > 0) end()
  return { bytes, fileSha256: whole.digest('hex'), chunks }
}
