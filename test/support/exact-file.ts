/**
 * A GGUF file with every matrix widened to F32: the same model to the bit, read by an engine that rounds activations
 * only where weights are quantized. The header keeps its length, since types and offsets have fixed sizes in it.
 */
import { dequantize } from '../../web/weights/dequantize.ts'
import { directoryOf } from './directory-of.ts'

const F32_ID = 0
const ALIGNMENT_BYTES = 32

/** Where the directory entry of a tensor holds its type; the offset follows. Entries are in file order. */
function typeAt(header: Buffer, name: string, dimensions: number, from: number): number {
  const text = Buffer.from(name)
  const entry = Buffer.alloc(8 + text.length + 4)
  entry.writeBigUInt64LE(BigInt(text.length))
  text.copy(entry, 8)
  entry.writeUInt32LE(dimensions, 8 + text.length)
  const at = header.indexOf(entry, from)
  if (at < 0) throw new Error(`${name} is not in the header`)
  return at + entry.length + 8 * dimensions
}

export async function exactFile(file: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const { tensors, dataOffset } = await directoryOf(file)
  const counts = tensors.map(({ shape }) => shape.reduce((product, size) => product * size, 1))
  const spans = counts.map((count) => Math.ceil((count * 4) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES)
  const out = new Uint8Array(dataOffset + spans.reduce((sum, span) => sum + span, 0))
  out.set(file.subarray(0, dataOffset))
  const header = Buffer.from(out.buffer, 0, dataOffset)
  let [start, from] = [0, 0]
  for (const [index, tensor] of tensors.entries()) {
    const at = typeAt(header, tensor.name, tensor.shape.length, from)
    header.writeUInt32LE(F32_ID, at)
    header.writeBigUInt64LE(BigInt(start), at + 4)
    const values = dequantize(
      tensor.type,
      file.subarray(tensor.offset, tensor.offset + tensor.bytes),
      counts[index] ?? 0,
    )
    out.set(new Uint8Array(values.buffer), dataOffset + start)
    start += spans[index] ?? 0
    from = at
  }
  return out
}
