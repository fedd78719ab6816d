/** A `ByteSource` over bytes in memory. */

import type { ByteSource } from '../../web/weights/source.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'

export class MemorySource implements ByteSource {
  readonly size: number
  private readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.size = bytes.byteLength
  }

  async read(offset: number, length: number): Promise<Result<Uint8Array>> {
    if (offset < 0 || length < 0 || offset + length > this.size)
      return fail('gguf-truncated', `${offset}+${length} of ${this.size}`)
    return ok(this.bytes.slice(offset, offset + length))
  }
}
