/**
 * A small MLC model for tests of the mirror: settings, a list of shards, a tokenizer and a library that are right in
 * every byte the mirror looks at. Its weights are noise, its library computes nothing: no engine answers with it.
 */
import { createHash } from 'node:crypto'

/** Path and content. */
export type MlcFolder = Map<string, Uint8Array<ArrayBuffer>>

export interface SmallMlc {
  readonly seed?: number
  /** Bytes of each shard. */
  readonly shards?: readonly number[]
  readonly quantization?: string
  /** Put into the settings over the defaults. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly library?: string | null
}

/** The shortest module there is: magic and version. */
export const EMPTY_WASM = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])

function noise(bytes: number, seed: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(bytes)
  let state = (seed * 2_654_435_761 + 1) >>> 0
  for (let at = 0; at < bytes; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    data[at] = state >>> 24
  }
  return data
}

const encoded = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)) as Uint8Array<ArrayBuffer>

export function smallMlc(options: SmallMlc = {}): MlcFolder {
  const { seed = 1, shards = [5_000_000, 3_000], quantization = 'q4f16_1', library = 'small-webgpu.wasm' } = options
  const folder: MlcFolder = new Map()
  const records = shards.map((bytes, index) => {
    const data = noise(bytes, seed + index)
    folder.set(`params_shard_${index}.bin`, data)
    const md5sum = createHash('md5').update(data).digest('hex')
    return { dataPath: `params_shard_${index}.bin`, format: 'raw-shard', nbytes: bytes, records: [], md5sum }
  })
  const ParamBytes = shards.reduce((sum, bytes) => sum + bytes, 0)
  const model = { hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2 }
  const config = {
    model_type: 'llama',
    quantization,
    model_config: model,
    context_window_size: 2048,
    tokenizer_files: ['tokenizer.json', 'tokenizer_config.json'],
    ...options.config,
  }
  folder.set('mlc-chat-config.json', encoded(config))
  folder.set('tensor-cache.json', encoded({ metadata: { ParamSize: 2, ParamBytes, BitsPerParam: 4 }, records }))
  folder.set('tokenizer.json', encoded({ version: '1.0', model: { type: 'BPE', vocab: {}, merges: [] } }))
  folder.set('tokenizer_config.json', encoded({ model_max_length: 2048 }))
  folder.set('README.md', new TextEncoder().encode('---\nlibrary_name: mlc-llm\nlicense: apache-2.0\n---\n\n# Small\n'))
  if (library !== null) folder.set(library, EMPTY_WASM)
  return folder
}
