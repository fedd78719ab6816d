/**
 * Byte-level BPE: turns the vocabulary of a GGUF file into the tokenizer.json form that `@huggingface/tokenizers` runs.
 * Special tokens stay out of it: `create-codec.ts` has cut them away, and none may come back through a merge.
 */
import { Tokenizer } from '@huggingface/tokenizers'
import { CONTROL, type TokenizerFacts, type TokenizerKind, UNKNOWN } from './tokenizer-facts.ts'

/** Encodes text without special tokens. `atStart`: nothing or a special token stands before it. */
export type EncodeText = (text: string, atStart: boolean) => readonly number[]

export function createByteLevelBpe(facts: TokenizerFacts, kind: Extract<TokenizerKind, { kind: 'bpe' }>): EncodeText {
  const vocab: Record<string, number> = Object.create(null)
  const control = new Set<string>()
  for (const [id, token] of facts.tokens.entries()) {
    if (facts.types[id] === CONTROL || facts.types[id] === UNKNOWN) control.add(token)
    else if (token !== '') vocab[token] = id
  }
  const split = (Regex: string) => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false })
  const tokenizer = new Tokenizer(
    {
      version: '1.0',
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          ...kind.pre.expressions.map(split),
          { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
        ],
      },
      post_processor: null,
      decoder: null,
      model: { type: 'BPE', vocab, merges: usableMerges(kind.merges, control), ignore_merges: kind.pre.ignoreMerges },
    },
    {},
  )
  return (text) => (text === '' ? [] : tokenizer.encode(text, { add_special_tokens: false }).ids)
}

/** The first of two equal merges counts; the library would take the last. A merge into a control token never happens. */
function usableMerges(
  merges: readonly (readonly [string, string])[],
  control: ReadonlySet<string>,
): (readonly [string, string])[] {
  const seen = new Set<string>()
  return merges.filter(([left, right]) => {
    const key = `${left} ${right}`
    if (seen.has(key) || control.has(left + right)) return false
    seen.add(key)
    return true
  })
}
