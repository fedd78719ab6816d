/** Frames between peers: what goes in comes out, what is not a frame is refused, and the vectors hold for every version. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HIDDEN_WIDTH_MAX, POSITION_MAX } from '../../../web/wire/limits/links.ts'
import {
  decodePeerFrame,
  encodePeerFrame,
  PEER_FRAME_HEADER_BYTES,
  type PeerFrame,
} from '../../../web/wire/peer-frame.ts'
import vectors from '../../../web/wire/peer-frame.vectors.json' with { type: 'json' }

const word = fc.integer({ min: 0, max: 0xffff_ffff })
const at = {
  request: fc.stringMatching(/^[0-9a-f]{32}$/),
  epoch: word,
  position: fc.integer({ min: 0, max: POSITION_MAX - 256 }),
}
const rows = {
  ...at,
  mode: fc.constantFrom('prefill' as const, 'decode' as const),
  sample: fc.boolean(),
  rebuild: fc.boolean(),
}
const ids = fc.array(word, { minLength: 1, maxLength: 64 }).map((list) => Uint32Array.from(list))
const finite = fc.float({ noNaN: true, noDefaultInfinity: true })

const frames: fc.Arbitrary<PeerFrame> = fc.oneof(
  fc.record({ ...rows, ids }).map((frame) => ({ ...frame, type: 'tokens' as const, count: frame.ids.length })),
  fc.record(rows).map((frame) => ({ ...frame, type: 'chained' as const, count: 1 })),
  fc.record({ ...rows, count: fc.integer({ min: 1, max: 8 }), width: fc.integer({ min: 1, max: 16 }) }).chain((frame) =>
    fc.array(finite, { minLength: frame.count * frame.width, maxLength: frame.count * frame.width }).map((values) => ({
      ...frame,
      type: 'hidden' as const,
      rows: Float32Array.from(values),
    })),
  ),
  fc.record({ ...at, ids }).map((frame) => ({ ...frame, type: 'ids' as const })),
  fc.record({ ...at, id: word }).map((frame) => ({ ...frame, type: 'token' as const })),
  fc
    .record({ ...at, bytes: fc.uint8Array({ minLength: 1, maxLength: 64 }) })
    .map((frame) => ({ ...frame, type: 'part' as const })),
)

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))

describe('a frame', () => {
  it('comes out as it went in, wherever its bytes lie', () => {
    fc.assert(
      fc.property(frames, fc.integer({ min: 0, max: 3 }), (frame, shift) => {
        const encoded = encodePeerFrame(frame)
        const moved = new Uint8Array(encoded.length + shift)
        moved.set(encoded, shift)
        expect(decodePeerFrame(moved.subarray(shift))).toEqual({ ok: true, value: frame })
      }),
    )
  })

  it('that was changed is another frame or refused, and never throws', () => {
    fc.assert(
      fc.property(frames, fc.nat(), fc.integer({ min: 1, max: 255 }), (frame, place, change) => {
        const bytes = encodePeerFrame(frame)
        const index = place % bytes.length
        bytes[index] = (bytes[index] ?? 0) ^ change
        const decoded = decodePeerFrame(bytes)
        if (decoded.ok) expect(hex(encodePeerFrame(decoded.value))).toBe(hex(bytes))
        else expect(decoded.code).toBe('frame-invalid')
      }),
    )
  })

  it('of any bytes is refused or means exactly these bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 96 }), (bytes) => {
        const decoded = decodePeerFrame(bytes)
        if (decoded.ok) expect(hex(encodePeerFrame(decoded.value))).toBe(hex(bytes))
      }),
      { numRuns: 2_000 },
    )
  })

  it('with values that are no numbers is refused', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const frame = {
        type: 'hidden',
        request: '0'.repeat(32),
        epoch: 0,
        position: 0,
        count: 1,
        mode: 'decode',
      } as const
      const bytes = encodePeerFrame({
        ...frame,
        sample: false,
        rebuild: false,
        width: 2,
        rows: Float32Array.of(1, value),
      })
      expect(decodePeerFrame(bytes)).toMatchObject({ ok: false, code: 'frame-invalid' })
    }
  })

  it('that claims more than it brings costs no memory', () => {
    const bytes = encodePeerFrame({
      type: 'ids',
      request: 'f'.repeat(32),
      epoch: 1,
      position: 0,
      ids: Uint32Array.of(1),
    })
    const view = new DataView(bytes.buffer)
    for (const [offset, value] of [
      [28, 0],
      [28, 257],
      [28, 0xffff_ffff],
      [32, HIDDEN_WIDTH_MAX],
      [36, 0xffff_fffc],
      [24, 0xffff_ffff],
    ] as const) {
      const before = view.getUint32(offset, true)
      view.setUint32(offset, value, true)
      expect(decodePeerFrame(bytes)).toMatchObject({ ok: false, code: 'frame-invalid' })
      view.setUint32(offset, before, true)
    }
    expect(decodePeerFrame(bytes.subarray(0, PEER_FRAME_HEADER_BYTES)).ok).toBe(false)
    expect(decodePeerFrame(bytes).ok).toBe(true)
  })
})

describe('the vectors', () => {
  it.each(vectors.good)('$what', ({ frame, bytes }) => {
    const decoded = decodePeerFrame(bytesOf(bytes))
    expect(decoded.ok && hex(encodePeerFrame(decoded.value))).toBe(bytes)
    const plain = JSON.parse(
      JSON.stringify(decoded.ok && decoded.value, (_, value: unknown) =>
        value instanceof Uint32Array || value instanceof Float32Array || value instanceof Uint8Array
          ? [...value]
          : value,
      ),
    )
    expect(plain).toEqual(frame)
  })

  it.each(vectors.bad)('refuse $what', ({ bytes }) => {
    expect(decodePeerFrame(bytesOf(bytes))).toMatchObject({ ok: false, code: 'frame-invalid' })
  })
})
