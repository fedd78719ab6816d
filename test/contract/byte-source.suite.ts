/** What every `ByteSource` promises, whatever is behind it. See the contract in `web/weights/source.ts`. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readDirectory } from '../../web/weights/gguf.ts'
import type { ByteSource } from '../../web/weights/source.ts'
import type { MirrorModel } from '../support/mirror-model.ts'

export function byteSourceSuite(name: string, model: () => MirrorModel, open: () => ByteSource): void {
  describe(`byte source: ${name}`, () => {
    it('gives exactly the bytes asked for, in any order and at once', async () => {
      const { file } = model()
      const source = open()
      expect(source.size).toBe(file.length)
      const range = fc.tuple(fc.nat(file.length), fc.nat(9_000_000)).map(([offset, length]) => ({
        offset,
        length: Math.min(length, file.length - offset),
      }))
      await fc.assert(
        fc.asyncProperty(fc.array(range, { minLength: 1, maxLength: 4 }), async (ranges) => {
          const answers = await Promise.all(ranges.map(({ offset, length }) => source.read(offset, length)))
          for (const [index, { offset, length }] of ranges.entries()) {
            const answer = answers[index]
            if (!answer?.ok) return false
            if (Buffer.compare(answer.value, file.subarray(offset, offset + length)) !== 0) return false
          }
          return true
        }),
        { numRuns: 20 },
      )
    })

    it('gives the array away', async () => {
      const source = open()
      const first = await source.read(0, 100)
      if (first.ok) first.value.fill(0)
      const second = await source.read(0, 100)
      expect(second.ok && second.value.slice(0, 4)).toEqual(new Uint8Array([0x47, 0x47, 0x55, 0x46]))
    })

    it.each([
      [-1, 2],
      [0, -1],
      ['end', 1],
      [0, 'past'],
    ] as const)('refuses a read from %s of %s bytes', async (from, bytes) => {
      const source = open()
      const offset = from === 'end' ? source.size : from
      const length = bytes === 'past' ? source.size + 1 : bytes
      expect(await source.read(offset, length)).toMatchObject({ ok: false, code: 'gguf-truncated' })
    })

    it('holds the directory of its file', async () => {
      const directory = await readDirectory(open())
      expect(directory).toEqual({ ok: true, value: model().directory })
    })
  })
}
