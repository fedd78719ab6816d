/**
 * Where every GPU buffer is made: labelled, counted, freed together. Sizes are rounded up to four bytes. The usage
 * flags are written as numbers because `GPUBufferUsage` does not exist in plain Node.
 */

const MAP_READ = 0x1
const COPY_SRC = 0x4
const COPY_DST = 0x8
const UNIFORM = 0x40
const STORAGE = 0x80
/** `GPUMapMode.READ`. */
const MODE_READ = 1

export class Buffers {
  /** Bytes of all live buffers. */
  bytes = 0
  private readonly device: GPUDevice
  private readonly live = new Set<GPUBuffer>()
  private readonly readers = new Map<number, GPUBuffer[]>()

  constructor(device: GPUDevice) {
    this.device = device
  }

  private make(label: string, bytes: number, usage: number): GPUBuffer {
    const size = Math.max(16, Math.ceil(bytes / 4) * 4)
    const buffer = this.device.createBuffer({ label, size, usage })
    this.live.add(buffer)
    this.bytes += size
    return buffer
  }

  storage(label: string, bytes: number): GPUBuffer {
    return this.make(label, bytes, STORAGE | COPY_DST | COPY_SRC)
  }

  storageOf(label: string, data: ArrayBufferView<ArrayBuffer>): GPUBuffer {
    const buffer = this.storage(label, data.byteLength)
    this.device.queue.writeBuffer(buffer, 0, data.buffer, data.byteOffset, data.byteLength)
    return buffer
  }

  uniform(label: string, bytes: number): GPUBuffer {
    return this.make(label, bytes, UNIFORM | COPY_DST)
  }

  uniformOf(label: string, data: Uint8Array<ArrayBuffer>): GPUBuffer {
    const buffer = this.uniform(label, data.byteLength)
    this.device.queue.writeBuffer(buffer, 0, data)
    return buffer
  }

  /** A buffer to copy results into; goes back with `read`. Pooled by size, so that decoding allocates nothing. */
  reader(bytes: number): GPUBuffer {
    return this.readers.get(bytes)?.pop() ?? this.make('readback', bytes, MAP_READ | COPY_DST)
  }

  /** Waits for the GPU, copies the bytes out and gives the reader back. Rejects when the device is lost. */
  async read(reader: GPUBuffer, poolBytes: number, bytes: number): Promise<ArrayBuffer> {
    await reader.mapAsync(MODE_READ, 0, bytes)
    const copy = reader.getMappedRange(0, bytes).slice(0)
    reader.unmap()
    const pool = this.readers.get(poolBytes)
    if (pool) pool.push(reader)
    else this.readers.set(poolBytes, [reader])
    return copy
  }

  free(buffers: Iterable<GPUBuffer>): void {
    for (const buffer of buffers) {
      if (!this.live.delete(buffer)) continue
      this.bytes -= buffer.size
      buffer.destroy()
    }
  }

  freeAll(): void {
    this.free([...this.live])
    this.readers.clear()
  }
}
