/**
 * The tokenizer part of a GGUF file, checked once: whatever leaves here has the right types, lengths and ranges. The
 * file comes from strangers, so a contradiction is `gguf-invalid` and an unknown kind is `tokenizer-unsupported`.
 * Keys: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. No text is encoded here.
 */
import type { MetadataValue } from '../wire/gguf-cursor.ts'
import type { Directory } from '../wire/gguf-header.ts'
import { SPECIAL_TOKEN_CHARACTERS_MAX, SPECIAL_TOKENS_MAX, VOCABULARY_MAX } from '../wire/limits/models.ts'
import { FailureError, fail, ok, type Result } from '../wire/result.ts'
import { PRE_TOKENIZERS, type PreTokenizer } from './pre-tokenizers.ts'

/** `tokenizer.ggml.token_type`. */
const NORMAL = 1
export const UNKNOWN = 2
export const CONTROL = 3
export const USER_DEFINED = 4
export const UNUSED = 5
export const BYTE = 6

export type TokenizerKind =
  | { readonly kind: 'bpe'; readonly pre: PreTokenizer; readonly merges: readonly (readonly [string, string])[] }
  | { readonly kind: 'spm'; readonly scores: readonly number[]; readonly addSpacePrefix: boolean }

export interface TokenizerFacts {
  readonly tokenizer: TokenizerKind
  readonly tokens: readonly string[]
  /** Type of each token; the well-known end tokens are `CONTROL` whatever the file says. */
  readonly types: readonly number[]
  readonly bos: number | null
  readonly eos: number | null
  readonly addBos: boolean
  readonly endTokens: readonly number[]
  readonly template: string | null
}

/**
 * End an answer in one family of models or another. A file that types one of them as ordinary text has a defect: as
 * llama.cpp does, it is taken for a control token, or a person could write it.
 */
export const END_NAMES: readonly string[] = [
  '<|im_end|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<|end_of_text|>',
  '<|endoftext|>',
  '<|end|>',
  '<end_of_turn>',
]
/** Too common as text to retype; counts where the file says control. */
const END_NAMES_IF_CONTROL = ['</s>']

type Metadata = Directory['metadata']

function invalid(what: string): never {
  throw new FailureError(fail('gguf-invalid', what))
}

function unsupported(what: string): never {
  throw new FailureError(fail('tokenizer-unsupported', what))
}

function list(metadata: Metadata, key: string): readonly MetadataValue[] | null {
  const value = metadata[key]
  if (value === undefined) return null
  if (!Array.isArray(value)) invalid(`${key} is not a list.`)
  if (value.length > VOCABULARY_MAX) invalid(`${key} has ${value.length} entries, more than ${VOCABULARY_MAX}.`)
  return value
}

function strings(metadata: Metadata, key: string): readonly string[] {
  const values = list(metadata, key)
  if (values === null || values.length === 0) return invalid(`${key} is missing.`)
  if (!values.every((value) => typeof value === 'string')) invalid(`${key} holds something that is not text.`)
  return values as readonly string[]
}

/** One finite number for each token, or the given one for all. */
function numbers(metadata: Metadata, key: string, length: number, absent: number): readonly number[] {
  const values = list(metadata, key)
  if (values === null) return new Array<number>(length).fill(absent)
  if (values.length !== length) invalid(`${key} has ${values.length} entries for ${length} tokens.`)
  return values.map((value) => {
    const number = typeof value === 'bigint' ? Number(value) : value
    return typeof number === 'number' && Number.isFinite(number)
      ? number
      : invalid(`${key} holds something that is not a number.`)
  })
}

function flag(metadata: Metadata, key: string, absent: boolean): boolean {
  const value = metadata[key] ?? absent
  return typeof value === 'boolean' ? value : invalid(`${key} is neither true nor false.`)
}

function tokenId(metadata: Metadata, key: string, length: number): number | null {
  const value = metadata[key]
  if (value === undefined) return null
  const id = typeof value === 'bigint' ? Number(value) : value
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= length)
    return invalid(`${key} names no token.`)
  return id
}

/** `left right`; the left part may itself be one space. */
function parseMerges(lines: readonly string[]): [string, string][] {
  return lines.map((line) => {
    const at = line.indexOf(' ', 1)
    if (at < 1 || at === line.length - 1) invalid('A merge does not have two parts.')
    return [line.slice(0, at), line.slice(at + 1)]
  })
}

function parseKind(metadata: Metadata, length: number): TokenizerKind {
  const model = metadata['tokenizer.ggml.model']
  if (model === 'llama') {
    const scores = numbers(metadata, 'tokenizer.ggml.scores', length, 0)
    return { kind: 'spm', scores, addSpacePrefix: flag(metadata, 'tokenizer.ggml.add_space_prefix', true) }
  }
  if (model !== 'gpt2') return unsupported(`tokenizer.ggml.model is ${JSON.stringify(model ?? null)?.slice(0, 80)}.`)
  const name = metadata['tokenizer.ggml.pre'] ?? 'default'
  const pre = typeof name === 'string' ? PRE_TOKENIZERS.get(name) : undefined
  if (!pre) return unsupported(`tokenizer.ggml.pre is ${String(name).slice(0, 80)}.`)
  return { kind: 'bpe', pre, merges: parseMerges(strings(metadata, 'tokenizer.ggml.merges')) }
}

function parseTypes(metadata: Metadata, tokens: readonly string[]): number[] {
  const types = [...numbers(metadata, 'tokenizer.ggml.token_type', tokens.length, NORMAL)]
  const ends = new Set(END_NAMES)
  let special = 0
  for (const [id, token] of tokens.entries()) {
    if (ends.has(token)) types[id] = CONTROL
    if (types[id] !== CONTROL && types[id] !== USER_DEFINED && types[id] !== UNKNOWN) continue
    special++
    if (token.length > SPECIAL_TOKEN_CHARACTERS_MAX) invalid(`Special token ${id} has ${token.length} characters.`)
  }
  if (special > SPECIAL_TOKENS_MAX) invalid(`${special} special tokens are more than ${SPECIAL_TOKENS_MAX}.`)
  return types
}

function parse(metadata: Metadata): TokenizerFacts {
  // The kind first: a file with a foreign tokenizer should hear that, not which of its keys is missing.
  const count = list(metadata, 'tokenizer.ggml.tokens')?.length ?? 0
  const tokenizer = parseKind(metadata, count)
  const tokens = strings(metadata, 'tokenizer.ggml.tokens')
  const types = parseTypes(metadata, tokens)
  const spm = tokenizer.kind === 'spm'
  const id = (name: string, absent: number) =>
    tokenId(metadata, `tokenizer.ggml.${name}_token_id`, count) ?? (spm && absent < count ? absent : null)
  const bos = id('bos', 1)
  const eos = id('eos', 2)
  const addBos = flag(
    metadata,
    'tokenizer.ggml.add_bos_token',
    spm || (tokenizer.kind === 'bpe' && tokenizer.pre.addBos),
  )
  const named = [
    eos,
    tokenId(metadata, 'tokenizer.ggml.eot_token_id', count),
    tokenId(metadata, 'tokenizer.ggml.eom_token_id', count),
  ]
  const ends = new Set(named.filter((end) => end !== null))
  const names = new Set([...END_NAMES, ...END_NAMES_IF_CONTROL])
  for (const [token, text] of tokens.entries()) if (names.has(text) && types[token] === CONTROL) ends.add(token)
  const template = metadata['tokenizer.chat_template']
  if (template !== undefined && typeof template !== 'string') invalid('tokenizer.chat_template is not text.')
  return {
    tokenizer,
    tokens,
    types,
    bos,
    eos,
    addBos: addBos && bos !== null,
    endTokens: [...ends].sort((a, b) => a - b),
    template: template ?? null,
  }
}

export function readTokenizerFacts(metadata: Metadata): Result<TokenizerFacts> {
  try {
    return ok(parse(metadata))
  } catch (error) {
    if (error instanceof FailureError) return error.failure
    throw error
  }
}
