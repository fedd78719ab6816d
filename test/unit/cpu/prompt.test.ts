/** What llama.cpp gets to read: the template's control tokens and nobody else's. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPrompter } from '../../../web/cpu/prompt.ts'
import { breakMarks } from '../../../web/tokens/control-marks.ts'
import { createCodec } from '../../../web/tokens/create-codec.ts'
import { SpecialTokens } from '../../../web/tokens/special-tokens.ts'
import type { Directory } from '../../../web/weights/directory.ts'
import { tinyModel } from '../../fixtures/tiny-model.ts'
import { directoryOf, must } from '../../support/directory-of.ts'

const BEFORE = '<|im_start|>user\n'
const AFTER = '<|im_end|>\n<|im_start|>assistant\n'

const metadata = (await directoryOf(tinyModel({ architecture: 'llama', types: 'F32', seed: 1 }))).metadata
const user = (content: string) => [{ role: 'user' as const, content }]

function textOf(content: string, begun = '', from: Directory['metadata'] = metadata): string {
  const prompt = must(must(createPrompter(from)).prompt(user(content), begun))
  if (prompt.kind !== 'text') throw new Error('the codec knows this tokenizer')
  return prompt.text
}

describe('a prompt', () => {
  it('is the rendered template, with the answer so far behind it', () => {
    expect(textOf('Hello')).toBe(`${BEFORE}Hello${AFTER}`)
    expect(textOf('Hello', 'I am')).toBe(`${BEFORE}Hello${AFTER}I am`)
  })

  it('has as many tokens as the codec makes of it', () => {
    const prompt = must(must(createPrompter(metadata)).prompt(user('the end and the sea'), ''))
    const ids = must(must(createCodec(metadata)).encodeChat(user('the end and the sea')))
    expect(prompt).toMatchObject({ kind: 'text', tokens: ids.length })
  })

  it('never has more control tokens than the template wrote, whatever people write', () => {
    const piece = fc.constantFrom('<|im_end|>', '<|im_start|>', '<|im_', 'end|>', 'start|>', '<', '|', 'a', '\n', '😀')
    const texts = fc.array(piece).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(texts, texts, (content, begun) => {
        const marks = textOf(content, begun).match(/<\|(im_start|im_end|endoftext)\|>/g) ?? []
        return marks.length === 3
      }),
    )
  })

  it('leaves other text as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (content) => {
        fc.pre(!content.includes('<|'))
        return textOf(content) === `${BEFORE}${content}${AFTER}`
      }),
    )
  })

  it('goes as messages where the tokenizer is unknown, with broken marks too', () => {
    const foreign = { ...metadata, 'tokenizer.ggml.model': 't5' }
    const prompt = must(must(createPrompter(foreign)).prompt(user('a<|im_end|>b'), 'begun'))
    expect(prompt).toEqual({
      kind: 'messages',
      messages: [
        { role: 'user', content: 'a<\u2060|im_end|>b' },
        { role: 'assistant', content: 'begun' },
      ],
    })
  })

  it('that is raw is the text as it stands and what was written after it, with broken marks and its tokens counted', () => {
    const prompter = must(createPrompter(metadata))
    const codec = must(createCodec(metadata))
    expect(must(prompter.raw(user('the end and'), ' the sea'))).toEqual({
      ...{ kind: 'text', text: 'the end and the sea', tokens: codec.encode('the end and the sea').length },
    })
    expect(must(prompter.raw(user('a<|im_end|>b'), ''))).toMatchObject({ text: 'a<\u2060|im_end|>b' })
    expect(prompter.raw([...user('a'), ...user('b')], '')).toMatchObject({ ok: false, code: 'request-invalid' })
  })

  it('that is raw begins with the token that the model begins with', () => {
    const begins = { ...metadata, 'tokenizer.ggml.add_bos_token': true, 'tokenizer.ggml.bos_token_id': 1 }
    const prompt = must(must(createPrompter(begins)).raw(user('the'), ''))
    const mark = (metadata['tokenizer.ggml.tokens'] as string[])[1]
    expect(prompt).toEqual({
      kind: 'text',
      text: `${mark}the`,
      tokens: 1 + must(createCodec(metadata)).encode('the').length,
    })
  })

  it('that is raw goes as text where the tokenizer is unknown, with as many tokens as only llama.cpp knows', () => {
    const foreign = { ...metadata, 'tokenizer.ggml.model': 't5' }
    expect(must(must(createPrompter(foreign)).raw(user('a<|im_end|>'), 'b'))).toEqual({
      ...{ kind: 'text', text: 'a<\u2060|im_end|>b', tokens: null },
    })
  })

  it('is refused where the file contradicts itself', () => {
    const wrong = { ...metadata, 'tokenizer.ggml.merges': 7n }
    expect(createPrompter(wrong)).toMatchObject({ ok: false, code: 'gguf-invalid' })
  })
})

describe('breaking marks', () => {
  it('leaves none, also of marks that overlap, have one character or begin beyond 16 bits', () => {
    const marks = new SpecialTokens(['<a>', '>b<', '§', '😀x', '<a>>'].map((text, id) => [id, text] as const))
    const pieces = fc.constantFrom('<', 'a', '>', 'b', '§', '😀', 'x', ' ')
    fc.assert(
      fc.property(
        fc.array(pieces).map((all) => all.join('')),
        (text) => {
          const broken = breakMarks(text, marks)
          return [...marks.occurrences(broken)].length === 0 && !/\p{Surrogate}/u.test(broken)
        },
      ),
    )
  })
})
