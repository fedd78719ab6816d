/**
 * A model file as the `Blob` that wllama reads from. Every slice comes from a `ByteSource`, so each byte is checked
 * against the manifest at the moment it enters the engine, and the file never lies in memory as a whole. Knows no engine.
 */
import type { ByteSource } from '../weights/source.ts'
import { CHUNK_BYTES } from '../wire/limits/models.ts'
import { type Failure, FailureError } from '../wire/result.ts'

export interface Reading {
  readonly signal: AbortSignal
  /** The end of the furthest byte that was read. */
  readonly onRead: (doneBytes: number) => void
  /** Why a read failed: the engine itself only says that it did. */
  readonly onFailure: (failure: Failure) => void
}

export class VerifiedBlob extends Blob {
  readonly #source: ByteSource
  readonly #from: number
  readonly #to: number
  readonly #reading: Reading

  constructor(source: ByteSource, reading: Reading, from = 0, to = source.size) {
    super()
    this.#source = source
    this.#reading = reading
    this.#from = from
    this.#to = to
    // An own property: `Blob`'s getter would say 0, and TypeScript has it as a field.
    Object.defineProperty(this, 'size', { value: to - from })
  }

  override slice(start = 0, end = this.size): Blob {
    const at = (offset: number) => Math.min(this.#to, Math.max(this.#from, this.#from + offset))
    return new VerifiedBlob(this.#source, this.#reading, at(start), Math.max(at(start), at(end)))
  }

  /** Rejects with `FailureError`. */
  override async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.#read(this.#from, this.#to)).slice().buffer
  }

  /** Where the engine cannot wait for a read, it takes the file in order: browsers without JSPI. */
  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    let at = this.#from
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: async (controller) => {
        if (at >= this.#to) return controller.close()
        const to = Math.min(this.#to, at + CHUNK_BYTES)
        controller.enqueue((await this.#read(at, to)).slice())
        at = to
      },
    })
  }

  async #read(from: number, to: number): Promise<Uint8Array> {
    const bytes = await this.#source.read(from, to - from, this.#reading.signal)
    if (!bytes.ok) {
      this.#reading.onFailure(bytes)
      throw new FailureError(bytes)
    }
    this.#reading.onRead(to)
    return bytes.value
  }
}
