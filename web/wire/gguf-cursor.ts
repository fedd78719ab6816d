/**
 * A bounded reader over the first bytes of a GGUF file: numbers, texts and metadata values. It knows three ends: of the
 * bytes at hand (`wantsMore`), of the file (truncated) and of what a header may be (invalid). All three leave through
 * one exception that `gguf-header.ts` catches; no other one can happen.
 */
import { GGUF_HEADER_BYTES_MAX, METADATA_DEPTH_MAX, METADATA_ITEMS_MAX } from './limits/models.ts'
import { assert, FailureError, fail } from './result.ts'

export type MetadataValue = string | number | bigint | boolean | readonly MetadataValue[]

const STRING = 8
const ARRAY = 9
/** Bytes of a value by its type number; for texts and arrays the fewest. */
const VALUE_BYTES_MIN = [1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8]
/** Texts up to this length are built without the decoder where they are ASCII: most of a vocabulary. */
const SHORT_TEXT_BYTES = 24

function invalid(detail: string): never {
  throw new FailureError(fail('gguf-invalid', detail))
}

export class GgufCursor {
  #position = 0
  #wantsMore = false
  #items = 0
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #fileBytes: number
  readonly #decodeUtf8: (bytes: Uint8Array) => string

  constructor(bytes: Uint8Array, fileBytes: number, decodeUtf8: (bytes: Uint8Array) => string) {
    assert(bytes.length <= fileBytes, 'a prefix is not longer than its file')
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#fileBytes = fileBytes
    this.#decodeUtf8 = decodeUtf8
  }

  get position(): number {
    return this.#position
  }

  /** True once a read went past the bytes at hand but not past the file. */
  get wantsMore(): boolean {
    return this.#wantsMore
  }

  /** Makes sure of `length` bytes from here on, before anything is allocated for them. */
  #need(length: number): void {
    const end = this.#position + length
    if (end <= this.#bytes.length) return
    if (end > GGUF_HEADER_BYTES_MAX) invalid(`Its header claims more than ${GGUF_HEADER_BYTES_MAX} bytes.`)
    const cut = fail('gguf-truncated', `Its header goes on to byte ${end}, the file ends at ${this.#fileBytes}.`)
    this.#wantsMore = end <= this.#fileBytes
    throw new FailureError(cut)
  }

  /** Steps over `length` bytes and says where they begin. */
  skip(length: number): number {
    this.#need(length)
    const at = this.#position
    this.#position = at + length
    return at
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), true)
  }

  /** A 64-bit size that JavaScript can count to. */
  size(what: string): number {
    const at = this.skip(8)
    const size = this.#view.getUint32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true)
    if (!Number.isSafeInteger(size)) invalid(`A number is out of range: ${what}.`)
    return size
  }

  /** A count of things that take at least `bytesMin` each: checked against the cap and against the bytes left. */
  count(what: string, max: number, bytesMin: number): number {
    const count = this.size(`the number of ${what}`)
    if (count > max) invalid(`It claims ${count} ${what}; at most ${max} are read.`)
    this.#need(count * bytesMin)
    return count
  }

  text(): string {
    const length = this.size('the length of a text')
    const at = this.skip(length)
    if (length > SHORT_TEXT_BYTES) return this.#decodeUtf8(this.#bytes.subarray(at, at + length))
    let short = ''
    for (let index = at; index < at + length; index += 1) {
      const byte = this.#view.getUint8(index)
      if (byte >= 0x80) return this.#decodeUtf8(this.#bytes.subarray(at, at + length))
      short += String.fromCharCode(byte)
    }
    return short
  }

  #number(type: number): number | bigint | boolean {
    const at = this.skip(VALUE_BYTES_MIN[type] ?? 0)
    const view = this.#view
    if (type === 0) return view.getUint8(at)
    if (type === 1) return view.getInt8(at)
    if (type === 2) return view.getUint16(at, true)
    if (type === 3) return view.getInt16(at, true)
    if (type === 4) return view.getUint32(at, true)
    if (type === 5) return view.getInt32(at, true)
    if (type === 6) return view.getFloat32(at, true)
    if (type === 7) return view.getUint8(at) !== 0
    if (type === 10) return view.getBigUint64(at, true)
    if (type === 11) return view.getBigInt64(at, true)
    return view.getFloat64(at, true)
  }

  /** One metadata value of the given type number. `key` is for messages. */
  value(type: number, key: string, depth = 0): MetadataValue {
    if (type >= VALUE_BYTES_MIN.length)
      invalid(`The key ${JSON.stringify(key.slice(0, 80))} has the unknown type ${type}.`)
    if (type === STRING) return this.text()
    if (type !== ARRAY) return this.#number(type)
    if (depth >= METADATA_DEPTH_MAX) invalid(`The key ${JSON.stringify(key.slice(0, 80))} is nested too deep.`)
    const itemType = this.u32()
    const left = METADATA_ITEMS_MAX - this.#items
    const count = this.count('metadata items', left, VALUE_BYTES_MIN[itemType] ?? 1)
    this.#items += count
    const items: MetadataValue[] = []
    for (let index = 0; index < count; index += 1) items.push(this.value(itemType, key, depth + 1))
    return items
  }
}
