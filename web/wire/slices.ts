/**
 * Messages of a link cut into slices and joined again. A data channel gives a large message to the wire in one piece and
 * waits a round trip more for it than for the same bytes in small messages; and a short message must not wait behind a
 * long one. So messages are numbered, and their slices may be interleaved.
 *
 *     0  u32  number of the message, counted by its sender
 *     4  u32  bit 31: the last slice; bits 0 to 30: which slice it is, from 0
 *     8  the bytes
 */
import { JOINING_BYTES_FACTOR, MESSAGES_JOINING_MAX, PEER_FRAME_BYTES_MAX, URGENT_SLICE_BYTES } from './limits/links.ts'
import { type Failure, fail, ok, type Result } from './result.ts'

export const SLICE_HEADER_BYTES = 8
const LAST = 0x8000_0000

/** At least one slice, in order, none with more than `sliceBytes` in all. */
export function* cutIntoSlices(number: number, message: Uint8Array, sliceBytes: number): Generator<Uint8Array> {
  const room = sliceBytes - SLICE_HEADER_BYTES
  const count = Math.max(1, Math.ceil(message.length / room))
  for (let index = 0; index < count; index += 1) {
    const piece = message.subarray(index * room, (index + 1) * room)
    const slice = new Uint8Array(SLICE_HEADER_BYTES + piece.length)
    const view = new DataView(slice.buffer)
    view.setUint32(0, number, true)
    view.setUint32(4, index | (index === count - 1 ? LAST : 0), true)
    slice.set(piece, SLICE_HEADER_BYTES)
    yield slice
  }
}

interface Joining {
  readonly pieces: Uint8Array[]
  bytes: number
}

/** Joins what one sender cut. After a refusal the link is of no more use. */
export class SliceJoiner {
  readonly #joining = new Map<number, Joining>()
  readonly #messageBytesMax: number
  readonly #pieceBytesMin: number
  #bytes = 0

  /** `sliceBytesMin`: of all slices but the last of a message; crumbs would cost far more memory than they have bytes. */
  constructor(messageBytesMax = PEER_FRAME_BYTES_MAX, sliceBytesMin = URGENT_SLICE_BYTES) {
    this.#messageBytesMax = messageBytesMax
    this.#pieceBytesMin = sliceBytesMin - SLICE_HEADER_BYTES
  }

  /** The message that this slice ends; null while one is not whole. Refusals: `frame-invalid`. */
  take(slice: Uint8Array): Result<Uint8Array | null> {
    if (slice.length < SLICE_HEADER_BYTES) return invalid(`a slice of ${slice.length} bytes`)
    const view = new DataView(slice.buffer, slice.byteOffset, slice.byteLength)
    const number = view.getUint32(0, true)
    const word = view.getUint32(4, true)
    const index = word & ~LAST
    const last = word >>> 31 === 1
    const piece = slice.subarray(SLICE_HEADER_BYTES)
    const joining = this.#joining.get(number) ?? { pieces: [], bytes: 0 }
    if (index !== joining.pieces.length) return invalid(`slice ${index} where ${joining.pieces.length} was due`)
    if (joining.bytes + piece.length > this.#messageBytesMax) return invalid('a message that never ends')
    if (piece.length < (last ? Math.min(index, 1) : this.#pieceBytesMin))
      return invalid(`a slice of ${slice.length} bytes`)
    if (last && index === 0) return ok(piece)
    joining.pieces.push(piece)
    joining.bytes += piece.length
    this.#bytes += piece.length
    if (this.#bytes > JOINING_BYTES_FACTOR * this.#messageBytesMax) return invalid('too much that never ends')
    if (!last) {
      this.#joining.set(number, joining)
      if (this.#joining.size > MESSAGES_JOINING_MAX) return invalid(`${this.#joining.size} messages at once`)
      return ok(null)
    }
    this.#joining.delete(number)
    this.#bytes -= joining.bytes
    return ok(joined(joining))
  }
}

function joined({ pieces, bytes }: Joining): Uint8Array {
  const message = new Uint8Array(bytes)
  let at = 0
  for (const piece of pieces) {
    message.set(piece, at)
    at += piece.length
  }
  return message
}

function invalid(what: string): Failure {
  return fail('frame-invalid', `A peer sent ${what}.`)
}
