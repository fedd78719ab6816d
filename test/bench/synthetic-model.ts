/**
 * A model of a real one's shape with weights made on the spot: every read is answered from a small repeated pattern, so
 * that a gigabyte costs no disk and no memory. Speed is that of the real model; text is noise. Q4_0 throughout.
 */
import type { ByteSource } from '../../web/weights/source.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { f32, type GgufTensorShape, layoutGguf, tensorBytes, text, u32 } from '../fixtures/gguf-writer.ts'
import { tinyVocabulary } from '../fixtures/tiny-vocabulary.ts'

export interface SyntheticShape {
  readonly name: string
  readonly layers: number
  readonly width: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly ffn: number
  readonly vocabulary: number
}

/** Llama-3.2-1B. */
export const LLAMA_1B: SyntheticShape = {
  name: 'llama1b-shape',
  layers: 16,
  width: 2_048,
  heads: 32,
  kvHeads: 8,
  headDim: 64,
  ffn: 8_192,
  vocabulary: 128_256,
}

/** A prime count, so that rows of a matrix begin at different places of the pattern. */
const PATTERN_BLOCKS = 65_537
const BLOCK_BYTES = 18
/** 0.0048 as f16: with random nibbles, weights of about 1 / sqrt(width). */
const SCALE_BITS = 0x1cea

function pattern(): Uint8Array {
  const bytes = new Uint8Array(PATTERN_BLOCKS * BLOCK_BYTES)
  let state = 0x9e3779b9
  for (let at = 0; at < bytes.length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[at] = state >>> 24
  }
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    bytes[at] = SCALE_BITS & 255
    bytes[at + 1] = SCALE_BITS >> 8
  }
  return bytes
}

/** 1.0 as f32, repeated. */
const ONES = new Uint8Array(new Float32Array(1_024).fill(1).buffer)

function tensorsOf(shape: SyntheticShape): GgufTensorShape[] {
  const { width, heads, kvHeads, headDim, ffn, vocabulary, layers } = shape
  const matrix = (name: string, inputs: number, outputs: number): GgufTensorShape => {
    return { name, type: 'Q4_0', shape: [inputs, outputs] }
  }
  const norm = (name: string): GgufTensorShape => ({ name, type: 'F32', shape: [width] })
  const block = (layer: number) => [
    norm(`blk.${layer}.attn_norm.weight`),
    matrix(`blk.${layer}.attn_q.weight`, width, heads * headDim),
    matrix(`blk.${layer}.attn_k.weight`, width, kvHeads * headDim),
    matrix(`blk.${layer}.attn_v.weight`, width, kvHeads * headDim),
    matrix(`blk.${layer}.attn_output.weight`, heads * headDim, width),
    norm(`blk.${layer}.ffn_norm.weight`),
    matrix(`blk.${layer}.ffn_gate.weight`, width, ffn),
    matrix(`blk.${layer}.ffn_up.weight`, width, ffn),
    matrix(`blk.${layer}.ffn_down.weight`, ffn, width),
  ]
  const blocks = Array.from({ length: layers }, (_, layer) => block(layer)).flat()
  return [matrix('token_embd.weight', width, vocabulary), ...blocks, norm('output_norm.weight')]
}

export class SyntheticSource implements ByteSource {
  readonly size: number
  private readonly header: Uint8Array
  private readonly spans: readonly { readonly from: number; readonly to: number; readonly bytes: Uint8Array }[]

  constructor(shape: SyntheticShape) {
    const tensors = tensorsOf(shape)
    const blocks = pattern()
    const layout = layoutGguf(
      {
        'general.architecture': text('llama'),
        'general.name': text(shape.name),
        'general.license': text('none'),
        'llama.block_count': u32(shape.layers),
        'llama.context_length': u32(8_192),
        'llama.embedding_length': u32(shape.width),
        'llama.feed_forward_length': u32(shape.ffn),
        'llama.attention.head_count': u32(shape.heads),
        'llama.attention.head_count_kv': u32(shape.kvHeads),
        'llama.attention.key_length': u32(shape.headDim),
        'llama.attention.value_length': u32(shape.headDim),
        'llama.attention.layer_norm_rms_epsilon': f32(1e-5),
        'llama.rope.dimension_count': u32(shape.headDim),
        'llama.rope.freq_base': f32(500_000),
        ...tinyVocabulary(shape.vocabulary).metadata,
      },
      tensors,
    )
    this.size = layout.fileBytes
    this.header = layout.header
    this.spans = tensors.map((tensor, index) => {
      const from = layout.offsets[index] ?? 0
      return { from, to: from + tensorBytes(tensor), bytes: tensor.type === 'F32' ? ONES : blocks }
    })
  }

  async read(offset: number, length: number): Promise<Result<Uint8Array>> {
    if (offset < 0 || length < 0 || offset + length > this.size)
      return fail('gguf-truncated', `${offset}+${length} of ${this.size}`)
    const out = new Uint8Array(length)
    if (offset < this.header.length) out.set(this.header.subarray(offset, offset + length))
    for (const { from, to, bytes } of this.spans) {
      const end = Math.min(to, offset + length)
      for (let at = Math.max(from, offset); at < end; ) {
        const phase = (at - from) % bytes.length
        const count = Math.min(bytes.length - phase, end - at)
        out.set(bytes.subarray(phase, phase + count), at - offset)
        at += count
      }
    }
    return ok(out)
  }
}
