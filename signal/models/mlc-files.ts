/**
 * Reads the two files by which an MLC model describes itself, and says which others belong to it. Both come from
 * strangers: every path and number is checked here. Pure.
 */
import { LAYERS_MAX, MLC_FILES_MAX, MODEL_BYTES_MAX, NAME_CHARACTERS_MAX } from '../../web/wire/limits/models.ts'
import { isMlcPath, MLC_CONFIG, mlcPathsCollide } from '../../web/wire/mlc-model.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'

export interface MlcConfig {
  readonly architecture: string
  readonly quantization: string
  /** Of the files it names, the one that WebLLM reads. */
  readonly tokenizer: string
  /** 0 where it says none. */
  readonly contextLength: number
  readonly layers: number
  /** Numbers of keys and of values that one position takes in one layer; 0 where they cannot be told. */
  readonly kvPerLayer: number
}

export interface Shard {
  readonly path: string
  readonly bytes: number
  /** Null in lists that have none. */
  readonly md5: string | null
}

export interface TensorList {
  readonly shards: readonly Shard[]
  readonly weightBytes: number
  /** 0 where it cannot be told. */
  readonly parameters: number
}

type Item = Readonly<Record<string, unknown>>

function record(value: unknown): Item | null {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Item) : null
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.trim().slice(0, NAME_CHARACTERS_MAX) : ''
}

/** A whole number between 1 and `max`, else 0. */
function countOf(value: unknown, max: number): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 && value <= max ? value : 0
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // No JSON is no object: the caller says so.
    return null
  }
}

/** WebLLM's own order: `tokenizer.json` where both are there. */
const TOKENIZERS = ['tokenizer.json', 'tokenizer.model'] as const

export function readMlcConfig(text: string): Result<MlcConfig> {
  const bad = (what: string) => fail('mlc-invalid', `${MLC_CONFIG} ${what}.`)
  const config = record(parseJson(text))
  if (!config) return bad('is no JSON object')
  const architecture = textOf(config['model_type'])
  if (architecture === '') return bad('names no model_type')
  const named: unknown = config['tokenizer_files']
  const tokenizer = TOKENIZERS.find((name) => Array.isArray(named) && named.includes(name))
  if (!tokenizer) return bad('names neither tokenizer.json nor tokenizer.model')
  const outer = record(config['model_config']) ?? {}
  // Models that also see keep the numbers of their language part one level deeper.
  const model = record(outer['text_config']) ?? outer
  const heads = countOf(model['num_attention_heads'], 2 ** 16)
  const keyHeads = countOf(model['num_key_value_heads'], 2 ** 16) || heads
  const width = countOf(model['head_dim'], 2 ** 16) || (heads ? countOf(model['hidden_size'], 2 ** 24) / heads : 0)
  return ok({
    architecture,
    quantization: textOf(config['quantization']) || 'unknown',
    tokenizer,
    contextLength: countOf(config['context_window_size'], 2 ** 31),
    layers: countOf(model['num_hidden_layers'] ?? model['n_layer'], LAYERS_MAX),
    kvPerLayer: Math.floor(2 * keyHeads * width),
  })
}

function readShard(value: unknown): Shard | null {
  const item = record(value)
  const path = item?.['dataPath']
  const bytes = countOf(item?.['nbytes'], MODEL_BYTES_MAX)
  const md5 = item?.['md5sum']
  if (!isMlcPath(path) || bytes === 0) return null
  return { path, bytes, md5: typeof md5 === 'string' && /^[0-9a-f]{32}$/.test(md5) ? md5 : null }
}

/** `name` is the file's, for messages. */
export function readTensorList(text: string, name: string): Result<TensorList> {
  const bad = (what: string) => fail('mlc-invalid', `${name} ${what}.`)
  const list = record(parseJson(text))
  const records = list?.['records']
  if (!Array.isArray(records) || records.length === 0) return bad('lists no shards')
  if (records.length > MLC_FILES_MAX) return bad(`lists ${records.length} shards; at most ${MLC_FILES_MAX} are taken`)
  const shards: Shard[] = []
  for (const entry of records) {
    const shard = readShard(entry)
    if (!shard) return bad('lists a shard without a safe path or a size')
    shards.push(shard)
  }
  if (mlcPathsCollide(shards.map(({ path }) => path))) return bad('lists a shard twice')
  const facts = record(list?.['metadata']) ?? {}
  const weightBytes = shards.reduce((sum, { bytes }) => sum + bytes, 0)
  const bits = facts['BitsPerParam']
  const bytes = countOf(facts['ParamBytes'], MODEL_BYTES_MAX) || weightBytes
  const parameters = typeof bits === 'number' && bits > 0.1 ? Math.round((bytes * 8) / bits) : 0
  return ok({ shards, weightBytes, parameters })
}
