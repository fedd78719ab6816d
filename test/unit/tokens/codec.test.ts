/** What a codec promises without a model: text back from its ids, end tokens, and a refusal for each contradiction in a file. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeRaw, type TokenCodec } from '../../../web/tokens/codec.ts'
import { createCodec } from '../../../web/tokens/create-codec.ts'
import { Detokenizer } from '../../../web/tokens/detokenizer.ts'
import { PRE_TOKENIZERS } from '../../../web/tokens/pre-tokenizers.ts'
import type { Directory, MetadataValue } from '../../../web/weights/directory.ts'
import { SPECIAL_TOKENS_MAX } from '../../../web/wire/limits/models.ts'
import { CORPUS_PIECES } from '../../fixtures/vocabulary-corpus.ts'
import { plainMetadata } from '../../fixtures/vocabulary-metadata.ts'
import { trainByteLevelVocabulary, trainSentencePieceVocabulary } from '../../fixtures/vocabulary-training.ts'

function codecOf(metadata: Directory['metadata']): TokenCodec {
  const codec = createCodec(metadata)
  if (!codec.ok) throw new Error(`${codec.code}: ${codec.detail}`)
  return codec.value
}

function decode(codec: TokenCodec, ids: readonly number[]): string {
  const detokenizer = new Detokenizer(codec.vocabulary)
  return ids.map((id) => detokenizer.push(id)).join('') + detokenizer.flush()
}

const BYTE_LEVEL = plainMetadata(trainByteLevelVocabulary('smollm', 3, 120).metadata)
const SENTENCE_PIECE = plainMetadata(trainSentencePieceVocabulary(4, true, 120).metadata)
const TEXT = fc
  .array(fc.oneof(fc.constantFrom(...CORPUS_PIECES), fc.string({ unit: 'binary', maxLength: 8 })), { maxLength: 16 })
  .map((pieces) => pieces.join(''))

describe('createCodec', () => {
  test.each([
    ...[...PRE_TOKENIZERS.keys()].map((pre) => [pre, { ...BYTE_LEVEL, 'tokenizer.ggml.pre': pre }] as const),
    ['sentencepiece', SENTENCE_PIECE] as const,
  ])('%s gives every text back', (_, metadata) => {
    const codec = codecOf(metadata)
    fc.assert(
      // SentencePiece writes a space before a text and after a token of its own, and takes its mark for a space.
      fc.property(TEXT, (text) => {
        const plain =
          metadata === SENTENCE_PIECE ? text.replaceAll('▁', '').replaceAll(/<tool>|<sep>|tool>>| {3}<tool/g, '') : text
        expect(decode(codec, codec.encode(plain))).toBe(plain)
      }),
      { numRuns: 400 },
    )
  })

  test('a lone surrogate counts as the replacement character', () => {
    const codec = codecOf(BYTE_LEVEL)
    expect(codec.encode('a\ud800b')).toEqual(codec.encode('a\ufffdb'))
  })

  test.each([
    ['letters', 'a'.repeat(200_000)],
    ['spaces before a word', `${' '.repeat(200_000)}x`],
    ['line ends', '\n'.repeat(200_000)],
    ['digits', '7'.repeat(200_000)],
    ['pictures', '😀'.repeat(100_000)],
  ])('200,000 characters of %s go through both algorithms', { timeout: 60_000 }, (_, text) => {
    for (const metadata of [{ ...BYTE_LEVEL, 'tokenizer.ggml.pre': 'llama-bpe' }, SENTENCE_PIECE]) {
      const codec = codecOf(metadata)
      expect(decode(codec, codec.encode(text)) === text).toBe(true)
    }
  })

  test('the begin token comes once, and only where the file asks for it', () => {
    const asks = codecOf({ ...BYTE_LEVEL, 'tokenizer.ggml.add_bos_token': true })
    expect(asks.encode('a', { bos: true })).toEqual([1, ...asks.encode('a')])
    expect(asks.encode('<|im_start|>a', { bos: true, special: true })).toEqual([1, ...asks.encode('a')])
    expect(codecOf(BYTE_LEVEL).encode('a', { bos: true })).toEqual(asks.encode('a'))
  })

  test('a raw prompt is the begin token, where the file asks for one, and text whatever it looks like', () => {
    for (const [metadata, begin] of [
      [{ ...BYTE_LEVEL, 'tokenizer.ggml.add_bos_token': true }, [1]],
      [{ ...BYTE_LEVEL, 'tokenizer.ggml.add_bos_token': false }, []],
    ] as const) {
      const codec = codecOf(metadata)
      for (const text of ['the sea', '<|im_start|>the<|im_end|>', ' \n', 'a\ud800b']) {
        const spans = codec.renderRaw(text)
        expect(codec.encodeSpans(spans)).toEqual([...begin, ...codec.encode(text)])
        expect(spans.filter(({ kind }) => kind === 'mark')).toHaveLength(begin.length)
      }
      const messages = [{ role: 'user' as const, content: 'the se' }]
      expect(encodeRaw(codec, messages, 'a')).toEqual({ ok: true, value: [...begin, ...codec.encode('the sea')] })
      expect(codec.encodeChat(messages)).toMatchObject({ ok: false, code: 'template-invalid' })
    }
  })

  test('names the tokens that end an answer, also where the file types one as text', () => {
    const types = BYTE_LEVEL['tokenizer.ggml.token_type'] as number[]
    const mistyped = { ...BYTE_LEVEL, 'tokenizer.ggml.token_type': types.with(2, 1), 'tokenizer.ggml.eos_token_id': 0 }
    const codec = codecOf({ ...mistyped, 'tokenizer.ggml.eot_token_id': 9 })
    expect(codec.vocabulary.endTokens).toEqual([0, 2, 9])
    expect(codec.encode('<|im_end|>')).not.toContain(2)
  })

  test('a merge never makes a control token, nor does a join of SentencePiece', () => {
    const merged = {
      'tokenizer.ggml.pre': 'gpt-2',
      'tokenizer.ggml.tokens': ['<', '>', '<>', '<|im_end|>'],
      'tokenizer.ggml.merges': ['< >'],
    }
    const bpe = { ...merged, 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.token_type': [1, 1, 3, 3] }
    expect(codecOf(bpe).encode('<>')).toEqual([0, 1])
    expect(codecOf({ ...bpe, 'tokenizer.ggml.pre': 'llama-bpe' }).encode('<>')).toEqual([0, 1])
    const spm = {
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.tokens': ['<unk>', '<s>', '</s>', '<', 's>'],
      'tokenizer.ggml.add_space_prefix': false,
    }
    expect(codecOf({ ...spm, 'tokenizer.ggml.token_type': [2, 3, 3, 1, 1] }).encode('<')).toEqual([3])
    expect(
      codecOf({
        ...spm,
        'tokenizer.ggml.tokens': ['<unk>', '<s>', '</s>', '<', 's>', 's', '>'],
        'tokenizer.ggml.token_type': [2, 3, 3, 1, 1, 1, 1],
      }).encode('<s>'),
    ).toEqual([3, 4])
  })

  test('tokens with the names of object properties are tokens', () => {
    const tokens = ['__proto__', 'constructor', 'a', 'toString']
    const odd = {
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.pre': 'llama-bpe',
      'tokenizer.ggml.tokens': tokens,
      'tokenizer.ggml.merges': ['a a'],
    }
    expect(codecOf(odd).encode('constructor')).toEqual([1])
    expect(codecOf(odd).encode('toString')).toEqual([3])
    expect(codecOf(odd).encode('valueOf')).toEqual([2])
  })

  const with_ = (key: string, value: MetadataValue) => ({ ...BYTE_LEVEL, [`tokenizer.ggml.${key}`]: value })
  const without = (key: string) =>
    Object.fromEntries(Object.entries(BYTE_LEVEL).filter(([name]) => name !== `tokenizer.ggml.${key}`))

  test.each<[what: string, metadata: Directory['metadata'], code: string]>([
    ['no tokenizer at all', {}, 'tokenizer-unsupported'],
    ['a foreign model', with_('model', 'bert'), 'tokenizer-unsupported'],
    ['a model that is no text', with_('model', 7), 'tokenizer-unsupported'],
    ['a foreign pre-tokenizer', with_('pre', 'tekken'), 'tokenizer-unsupported'],
    ['a pre-tokenizer that is no text', with_('pre', ['gpt-2']), 'tokenizer-unsupported'],
    ['no tokens', without('tokens'), 'gguf-invalid'],
    ['an empty list of tokens', with_('tokens', []), 'gguf-invalid'],
    ['tokens that are no list', with_('tokens', 'abc'), 'gguf-invalid'],
    ['tokens that are no text', with_('tokens', [1, 2]), 'gguf-invalid'],
    ['no merges', without('merges'), 'gguf-invalid'],
    ['a merge of one part', with_('merges', ['ab']), 'gguf-invalid'],
    ['a merge with an empty end', with_('merges', ['a ']), 'gguf-invalid'],
    ['types of another length', with_('token_type', [1, 2, 3]), 'gguf-invalid'],
    ['types that are no numbers', { ...SENTENCE_PIECE, 'tokenizer.ggml.token_type': ['1'] }, 'gguf-invalid'],
    ['scores of another length', { ...SENTENCE_PIECE, 'tokenizer.ggml.scores': [0] }, 'gguf-invalid'],
    [
      'a score that is no number',
      {
        ...SENTENCE_PIECE,
        'tokenizer.ggml.scores': (SENTENCE_PIECE['tokenizer.ggml.scores'] as number[]).with(5, Number.NaN),
      },
      'gguf-invalid',
    ],
    ['a begin token beyond the vocabulary', with_('bos_token_id', 1e6), 'gguf-invalid'],
    ['a negative end token', with_('eos_token_id', -1), 'gguf-invalid'],
    ['an end token that is a fraction', with_('eot_token_id', 1.5), 'gguf-invalid'],
    ['a flag that is no flag', with_('add_bos_token', 1), 'gguf-invalid'],
    ['a template that is no text', { ...BYTE_LEVEL, 'tokenizer.chat_template': 3 }, 'gguf-invalid'],
    ['a very long special token', { ...SENTENCE_PIECE, ...longSpecial() }, 'gguf-invalid'],
    ['too many special tokens', manySpecials(), 'gguf-invalid'],
  ])('%s is refused', (_, metadata, code) => {
    expect(createCodec(metadata)).toMatchObject({ ok: false, code })
  })
})

function longSpecial(): Directory['metadata'] {
  const tokens = SENTENCE_PIECE['tokenizer.ggml.tokens'] as string[]
  return { 'tokenizer.ggml.tokens': tokens.with(1, 'x'.repeat(300)) }
}

function manySpecials(): Directory['metadata'] {
  const tokens = Array.from({ length: SPECIAL_TOKENS_MAX + 1 }, (_, id) => `<${id}>`)
  return {
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': tokens.map(() => 3),
  }
}
