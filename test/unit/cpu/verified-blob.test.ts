/** The blob that the CPU engine reads a model from: any slice of it is the file's, and a failed read says why. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VerifiedBlob } from '../../../web/cpu/verified-blob.ts'
import type { ByteSource } from '../../../web/weights/source.ts'
import { CHUNK_BYTES } from '../../../web/wire/limits/models.ts'
import { type Failure, fail } from '../../../web/wire/result.ts'
import { MemorySource } from '../../support/memory-source.ts'

const bytes = Uint8Array.from({ length: 1_000 }, (_, at) => (at * 7) & 0xff)

function blobOf(source: ByteSource) {
  const failures: Failure[] = []
  const reads: number[] = []
  const signal = new AbortController().signal
  const reading = {
    signal,
    onRead: (end: number) => reads.push(end),
    onFailure: (failure: Failure) => failures.push(failure),
  }
  return { blob: new VerifiedBlob(source, reading), failures, reads }
}

describe('a verified blob', () => {
  it('has the slices of a plain one, also of a slice', async () => {
    const { blob } = blobOf(new MemorySource(bytes))
    const plain = new Blob([bytes])
    expect(blob.size).toBe(plain.size)
    const offset = fc.integer({ min: 0, max: 1_200 })
    await fc.assert(
      fc.asyncProperty(offset, offset, offset, async (start, end, inner) => {
        const ours = blob.slice(start, end).slice(inner)
        const theirs = plain.slice(start, end).slice(inner)
        expect(ours.size).toBe(theirs.size)
        expect(new Uint8Array(await ours.arrayBuffer())).toEqual(new Uint8Array(await theirs.arrayBuffer()))
      }),
    )
  })

  it('streams the file in order, in pieces of a chunk, and says how far it is', async () => {
    const large = new Uint8Array(CHUNK_BYTES * 2 + 5).fill(3)
    const { blob, reads } = blobOf(new MemorySource(large))
    const sizes: number[] = []
    for await (const piece of blob.stream()) sizes.push(piece.length)
    expect(sizes).toEqual([CHUNK_BYTES, CHUNK_BYTES, 5])
    expect(reads).toEqual([CHUNK_BYTES, CHUNK_BYTES * 2, CHUNK_BYTES * 2 + 5])
  })

  it('tells why a read failed', async () => {
    const broken: ByteSource = { size: 10, read: async () => fail('chunk-hash-mismatch', 'Part 1 of 1.') }
    const { blob, failures } = blobOf(broken)
    await expect(blob.slice(0, 4).arrayBuffer()).rejects.toThrow('chunk-hash-mismatch')
    expect(failures).toMatchObject([{ code: 'chunk-hash-mismatch' }])
  })
})
