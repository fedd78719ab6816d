/**
 * Small whole GGUF files for tests of the mirror: right in every byte the mirror looks at, of any size, no model inside.
 */
import { f32, type GgufMetadata, type GgufTensor, text, u32, writeGguf } from '../fixtures/gguf-writer.ts'

export interface SmallGguf {
  readonly architecture?: string
  readonly name?: string
  readonly license?: string
  readonly layers?: number
  /** Rows of the embedding, 64 F32 values each: what makes the file large. */
  readonly rows?: number
  readonly seed?: number
}

function filled(bytes: number, seed: number): Uint8Array {
  const words = new Uint32Array(bytes / 4)
  let state = (seed * 2_654_435_761) >>> 0
  for (let index = 0; index < words.length; index++) {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9 + index) >>> 0
    words[index] = state
  }
  return new Uint8Array(words.buffer)
}

export function smallGguf(options: SmallGguf = {}): Uint8Array<ArrayBuffer> {
  const { architecture = 'llama', layers = 2, rows = 16, seed = 1 } = options
  const metadata: GgufMetadata = {
    'general.architecture': text(architecture),
    ...(options.name === undefined ? {} : { 'general.name': text(options.name) }),
    ...(options.license === undefined ? {} : { 'general.license': text(options.license) }),
    [`${architecture}.block_count`]: u32(layers),
    [`${architecture}.context_length`]: u32(512),
    [`${architecture}.rope.freq_base`]: f32(10_000),
  }
  const tensor = (name: string, shape: readonly number[], at: number): GgufTensor => {
    const elements = shape.reduce((product, size) => product * size, 1)
    return { name, type: 'F32', shape, data: filled(elements * 4, seed * 100 + at) }
  }
  const tensors = [tensor('token_embd.weight', [64, rows], 0), tensor('output_norm.weight', [64], 1)]
  for (let layer = 0; layer < layers; layer++) {
    tensors.push(tensor(`blk.${layer}.attn_q.weight`, [64, 64], layer * 2 + 2))
    tensors.push(tensor(`blk.${layer}.attn_norm.weight`, [64], layer * 2 + 3))
  }
  return writeGguf(metadata, tensors)
}
