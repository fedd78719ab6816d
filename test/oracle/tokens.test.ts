/**
 * Token ids against llama.cpp: on SmolLM2 a corpus of hard texts, and for each pre-tokenizer and SentencePiece 10,000
 * random strings on a vocabulary trained here, written as a GGUF file and read by llama.cpp. The seed is printed; set
 * `WEFT_FUZZ_SEED` to repeat a run.
 */
import { gguf } from '@huggingface/gguf'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeRaw, type TokenCodec } from '../../web/tokens/codec.ts'
import { createCodec } from '../../web/tokens/create-codec.ts'
import type { Directory } from '../../web/weights/directory.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import type { FixtureVocabulary } from '../fixtures/tiny-vocabulary.ts'
import { CORPUS_PIECES } from '../fixtures/vocabulary-corpus.ts'
import { plainMetadata } from '../fixtures/vocabulary-metadata.ts'
import {
  CLASS_PROBES,
  CONTROL_TOKEN,
  classVocabulary,
  trainByteLevelVocabulary,
  trainSentencePieceVocabulary,
} from '../fixtures/vocabulary-training.ts'
import { type Oracle, type OracleModel, openOracle } from '../support/oracle.ts'
import { smolLm2Path } from '../support/smollm2.ts'

const RUNS = 10_000
const seed = Number(process.env['WEFT_FUZZ_SEED'] ?? Date.now() % 2 ** 31)

const UNICODE = fc.string({ unit: 'binary', maxLength: 12 })
const PIECES = fc.array(
  fc.oneof({ arbitrary: fc.constantFrom(...CORPUS_PIECES), weight: 6 }, { arbitrary: UNICODE, weight: 1 }),
  {
    maxLength: 24,
  },
)
const TEXT = PIECES.map((pieces) => pieces.join(''))
const MARKED = fc
  .array(fc.oneof(fc.constantFrom(...CORPUS_PIECES), fc.constant(CONTROL_TOKEN)), { maxLength: 16 })
  .map((pieces) => pieces.join(''))

let oracle: Oracle

beforeAll(async () => {
  oracle = await openOracle()
})

afterAll(async () => {
  await oracle?.close()
})

function codecOf(metadata: Directory['metadata']): TokenCodec {
  const codec = createCodec(metadata)
  if (!codec.ok) throw new Error(`${codec.code}: ${codec.detail}`)
  return codec.value
}

/** Compares all and shows the shortest text that differs. */
async function expectSameIds(
  codec: TokenCodec,
  texts: readonly string[],
  special: boolean,
  note: string,
): Promise<number> {
  let ids = 0
  const wrong: { text: string; ours: readonly number[]; theirs: readonly number[] }[] = []
  for (let at = 0; at < texts.length; at += 1000) {
    const batch = texts.slice(at, at + 1000)
    const theirs = await oracle.tokenizeAll(batch, special)
    for (const [index, text] of batch.entries()) {
      const expected = theirs[index] ?? []
      const ours = codec.encode(text, { special })
      ids += expected.length
      if (ours.length !== expected.length || ours.some((id, i) => id !== expected[i]))
        wrong.push({ text, ours, theirs: expected })
    }
  }
  wrong.sort((a, b) => a.text.length - b.text.length)
  const [first] = wrong
  expect(first && { ...first, text: JSON.stringify(first.text), wrong: wrong.length, note }).toBeUndefined()
  return ids
}

/** A raw prompt is llama.cpp's own text with control tokens off, after the begin token where it adds one. */
async function expectSameRaw(codec: TokenCodec, texts: readonly string[], model: OracleModel, note: string) {
  const begin = model.addsBos ? [model.bosId] : []
  const asked = texts.filter((text) => text !== '')
  const theirs = (await oracle.tokenizeAll(asked, false)).map((ids) => [...begin, ...ids])
  for (const [index, content] of asked.entries()) {
    const ours = encodeRaw(codec, [{ role: 'user', content }], '')
    expect(ours, `${note}: ${JSON.stringify(content)}`).toEqual({ ok: true, value: theirs[index] })
  }
  return theirs.flat().length
}

const VOCABULARIES: readonly (readonly [name: string, train: () => FixtureVocabulary])[] = [
  ...['gpt-2', 'smollm', 'llama-bpe', 'qwen2', 'default'].map(
    (pre, index) => [pre, () => trainByteLevelVocabulary(pre, 11 + index)] as const,
  ),
  ['sentencepiece', () => trainSentencePieceVocabulary(21, true)],
  ['sentencepiece without a space before', () => trainSentencePieceVocabulary(22, false)],
]

describe.each(VOCABULARIES)('%s', (name, train) => {
  test('10,000 random strings, and bytes back', async () => {
    const vocabulary = train()
    const model = tinyModel({ architecture: 'llama', types: 'F32', seed: 5, layers: 1, vocabulary })
    const facts = await oracle.load(model, { positions: 64 })
    const codec = codecOf(plainMetadata(vocabulary.metadata))
    const note = `seed ${seed}, ${name}`
    const plain = await expectSameIds(codec, fc.sample(TEXT, { seed, numRuns: RUNS }), false, note)
    const marked = await expectSameIds(codec, fc.sample(MARKED, { seed: seed + 1, numRuns: RUNS / 5 }), true, note)
    console.info(`${note}: ${plain} plain ids and ${marked} ids with special tokens equal`)
    const raw = await expectSameRaw(codec, fc.sample(MARKED, { seed: seed + 2, numRuns: RUNS / 5 }), facts, note)
    console.info(`${note}: ${raw} ids of raw prompts equal`)
    expect(plain).toBeGreaterThan(RUNS)
    expect(codec.encode('', { bos: true }).length === 1).toBe(facts.addsBos)

    // llama.cpp writes control tokens out here; ours are empty.
    const { bytes, offsets } = codec.vocabulary
    const bytesOf = (id: number) => bytes.slice(offsets[id], offsets[id + 1])
    const shown = Array.from({ length: facts.vocabulary }, (_, id) => id).filter((id) => bytesOf(id).length > 0)
    expect(shown.length).toBeGreaterThan(800)
    expect(await oracle.detokenize(shown)).toEqual(bytes)
    for (const id of fc.sample(fc.constantFrom(...shown), { seed, numRuns: 40 })) {
      expect(await oracle.detokenize([id]), `token ${id}, ${note}`).toEqual(bytesOf(id))
    }
  })
})

/** What Unicode 17 assigns and the gaps between; of the long uniform runs (Han, Hangul, private use) only the ends. */
// biome-ignore format: a table
const BLOCKS = [
  [0x80, 0x3410], [0x4db0, 0x4e10], [0x9ff0, 0xac10], [0xd790, 0xd800], [0xe000, 0xe010], [0xf8f0, 0x14700],
  [0x16000, 0x17010], [0x187f0, 0x18e00], [0x1aff0, 0x20010], [0x2a6d0, 0x2a710], [0x2b730, 0x2b750], [0x2b810, 0x2b830],
  [0x2ce90, 0x2ceb0], [0x2ebd0, 0x2ec00], [0x2ee50, 0x2ee70], [0x2f7f0, 0x30010], [0x31340, 0x31360], [0x323a0, 0x323c0],
  [0x33470, 0x33490], [0xe0000, 0xe0200], [0xffff0, 0x100010], [0x10fff0, 0x110000],
] as const
const CHARACTERS_PER_TEXT = 256

describe('characters', () => {
  test('every character is a letter, number, sign or space as llama.cpp has it', async () => {
    // The only expressions that ask for letters, numbers and punctuation; all others share these definitions.
    const vocabulary = classVocabulary('default')
    await oracle.load(tinyModel({ architecture: 'llama', types: 'F32', seed: 6, layers: 1, vocabulary }), {
      positions: 64,
    })
    const lines = BLOCKS.flatMap(([first, end]) =>
      Array.from({ length: end - first }, (_, i) =>
        [...CLASS_PROBES].map((probe) => `${probe}${String.fromCodePoint(first + i)}\n`).join(''),
      ),
    )
    const texts = Array.from({ length: Math.ceil(lines.length / CHARACTERS_PER_TEXT) }, (_, i) =>
      lines.slice(i * CHARACTERS_PER_TEXT, (i + 1) * CHARACTERS_PER_TEXT).join(''),
    )
    await expectSameIds(codecOf(plainMetadata(vocabulary.metadata)), texts, false, 'characters')
    console.info(`${lines.length} characters have the same class`)
  })
})

describe('SmolLM2', () => {
  test('a corpus of hard texts, and its chat template', async () => {
    const path = smolLm2Path()
    const { metadata } = await gguf(path, { allowLocalFile: true })
    const codec = codecOf(metadata as unknown as Directory['metadata'])
    const facts = await oracle.load(path, { positions: 64 })
    const pairs = CORPUS_PIECES.flatMap((left, index) => [
      left,
      left + (CORPUS_PIECES[(index * 7 + 3) % CORPUS_PIECES.length] ?? ''),
      ` ${left}x`,
      left.repeat(40),
    ])
    const random = fc.sample(TEXT, { seed, numRuns: 4000 })
    const lone = ['\ud800', 'a\udc00b', '\udbff\udbff']
    const note = `seed ${seed}, SmolLM2`
    const plain = await expectSameIds(codec, [...pairs, ...random, ...lone], false, note)
    const special = await expectSameIds(codec, random, true, note)
    const marked = [...random, ...['<|im_start|>user\nHi<|im_end|>', '<|endoftext|>', 'a<|im_end|>b']]
    const raw = await expectSameRaw(codec, marked, facts, note)
    console.info(`${note}: ${plain} plain ids, ${special} ids with special tokens and ${raw} of raw prompts equal`)

    // llama.cpp knows ChatML by its marks and does not run the template, so the default system prompt is written out.
    const messages = [
      { role: 'system', content: 'You are terse.' },
      { role: 'user', content: 'What is 12+34? 😀\n\n\tcode()' },
      { role: 'assistant', content: ' 46.' },
      { role: 'user', content: '> thanks <' },
    ] as const
    const rendered = await oracle.formatChat(messages)
    const chat = codec.encodeChat(messages)
    expect(chat.ok && chat.value).toEqual(await oracle.tokenize(rendered, true))
  })
})
