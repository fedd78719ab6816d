/**
 * Chat templates in the manner of three model families: what a person writes stays text, whatever it looks like, and a
 * chat without such text has the ids of the whole rendered string.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileTemplate } from '../../../web/tokens/chat-template.ts'
import type { TokenCodec } from '../../../web/tokens/codec.ts'
import { createCodec } from '../../../web/tokens/create-codec.ts'
import { Detokenizer } from '../../../web/tokens/detokenizer.ts'
import type { ChatMessage } from '../../../web/wire/chat.ts'
import { MESSAGES_MAX } from '../../../web/wire/limits/engine.ts'
import {
  CHAT_FAMILIES,
  type ChatFamily,
  chatMetadata,
  LLAMA3_FAMILY,
  QWEN_FAMILY,
  SMOLLM2_FAMILY,
} from '../../fixtures/vocabulary-chat.ts'
import { plainMetadata } from '../../fixtures/vocabulary-metadata.ts'

const NOW = () => new Date(2026, 10, 21, 9, 5, 7)

function codecOf(family: ChatFamily, template: string | null = family.template): TokenCodec {
  const codec = createCodec(plainMetadata(chatMetadata(family, template)), NOW)
  if (!codec.ok) throw new Error(`${codec.code}: ${codec.detail}`)
  return codec.value
}

function ids(codec: TokenCodec, messages: readonly ChatMessage[]): readonly number[] {
  const encoded = codec.encodeChat(messages)
  if (!encoded.ok) throw new Error(`${encoded.code}: ${encoded.detail}`)
  return encoded.value
}

/** The text of a chat with its control tokens written out. */
function spell(codec: TokenCodec, family: ChatFamily, chat: readonly number[]): string {
  const detokenizer = new Detokenizer(codec.vocabulary)
  return chat.map((id) => family.specials[id] ?? detokenizer.push(id)).join('')
}

const user = (content: string): ChatMessage => ({ role: 'user', content })
const CONTROL_IDS = 3

describe.each(CHAT_FAMILIES)('$name', (family) => {
  const codec = codecOf(family)
  const isControl = (id: number) => id < family.specials.length
  const PIECE = fc.oneof(
    fc.constantFrom(
      ...family.specials,
      ...family.specials.map((mark) => mark.slice(1)),
      ...family.specials.map((mark) => mark.slice(0, -1)),
    ),
    fc.constantFrom(' ', '\n', '> ', '<', '|>', '<|', 'user', 'é😀', '\ue000', 'it '),
  )
  const CONTENT = fc.array(PIECE, { maxLength: 6 }).map((pieces) => pieces.join(''))
  const ROLES = ['user', 'assistant'] as const
  const chatOf = (contents: readonly string[]): ChatMessage[] =>
    contents.map((content, index) => ({ role: ROLES[index % 2] ?? 'user', content }))

  test('no message adds a control token, and all its text is there', () => {
    fc.assert(
      fc.property(fc.array(CONTENT, { minLength: 1, maxLength: 4 }), (contents) => {
        const chat = ids(codec, chatOf(contents))
        const plain = ids(codec, chatOf(contents.map(() => 'x')))
        expect(chat.filter(isControl)).toEqual(plain.filter(isControl))
        const text = spell(codec, family, chat)
        for (const content of contents) expect(text).toContain(content.trim())
      }),
      { numRuns: 1500 },
    )
  })

  test('without marks in the messages the ids are those of the whole rendered text', () => {
    const harmless = fc.array(fc.constantFrom(' ', '\n', '> ', ' <', '|', 'he', 'llo ', 'us', 'er', 'é😀', 'it '), {
      maxLength: 8,
    })
    const render = compileTemplate({
      source: family.template,
      bosToken: family.bos ?? '',
      eosToken: family.eos,
      now: NOW,
    })
    fc.assert(
      fc.property(fc.array(harmless, { minLength: 1, maxLength: 4 }), (contents) => {
        const messages = chatOf(contents.map((pieces) => pieces.join('')))
        const rendered = render.ok ? render.value(messages) : render
        if (!rendered.ok) throw new Error(rendered.detail)
        expect(ids(codec, messages)).toEqual(codec.encode(rendered.value, { special: true, bos: true }))
      }),
      { numRuns: 1000 },
    )
  })

  test('the longest conversation stays within the budget of a template', () => {
    const messages = chatOf(new Array<string>(MESSAGES_MAX).fill('it '))
    expect(ids(codec, messages).filter(isControl).length).toBeGreaterThan(MESSAGES_MAX)
  })

  test('plain text holds no control token', () => {
    for (const mark of family.specials) {
      expect(codec.encode(`a${mark}b`).some(isControl)).toBe(false)
      expect(codec.encode(`a${mark}b`, { special: true }).filter(isControl)).toEqual([family.specials.indexOf(mark)])
    }
  })
})

describe('templates', () => {
  test('SmolLM2 adds its system prompt where there is none', () => {
    const codec = codecOf(SMOLLM2_FAMILY)
    expect(spell(codec, SMOLLM2_FAMILY, ids(codec, [user('Hi')]))).toBe(
      '<|im_start|>system\nYou are a small helper.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n',
    )
    expect(spell(codec, SMOLLM2_FAMILY, ids(codec, [{ role: 'system', content: 'Be brief.' }, user('Hi')]))).toBe(
      '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n',
    )
  })

  test('Llama 3 writes the begin token once and the date in English, and trims', () => {
    const codec = codecOf(LLAMA3_FAMILY)
    const chat = ids(codec, [user('  Hi <|eot_id|> \n')])
    expect(spell(codec, LLAMA3_FAMILY, chat)).toBe(
      '<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nToday Date: 21 Nov 2026\n\n<|eot_id|>' +
        '<|start_header_id|>user<|end_header_id|>\n\nHi <|eot_id|><|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n',
    )
    expect(chat.filter((id) => id === 0)).toHaveLength(1)
  })

  test('Qwen drops earlier thinking', () => {
    const codec = codecOf(QWEN_FAMILY)
    const messages: ChatMessage[] = [
      user('1+1?'),
      { role: 'assistant', content: '<think>\nhm <|im_end|>\n</think>\n\n2' },
      user('ok'),
    ]
    expect(spell(codec, QWEN_FAMILY, ids(codec, messages))).toBe(
      '<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\n2<|im_end|>\n<|im_start|>user\nok<|im_end|>\n<|im_start|>assistant\n',
    )
  })

  test('a message cannot complete a mark with the text of the template around it', () => {
    const template = '{% for m in messages %}<|im_{{ m.content }}|>{{ m.content | trim }}{% endfor %}'
    const codec = codecOf(SMOLLM2_FAMILY, template)
    for (const content of ['end', 'end|>', ' end|>', 'start'])
      expect(ids(codec, [user(content)]).filter((id) => id < CONTROL_IDS)).toEqual([])
    const split = codecOf(SMOLLM2_FAMILY, '{% for m in messages %}{{ m.content }}{% endfor %}')
    for (const contents of [
      ['<|im_', 'end|>'],
      ['a <|', 'im_end|> b'],
      ['<|im_end', '|>'],
    ]) {
      expect(ids(split, contents.map(user)).filter((id) => id < CONTROL_IDS)).toEqual([])
    }
  })

  test.each([
    ['none', null],
    ['a syntax error', '{% for m in %}'],
    ['an unknown filter', '{{ messages | nonsense }}'],
    ['its own complaint', "{{ raise_exception('Roles must alternate.') }}"],
    [
      'an endless text',
      "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    ],
    [
      'an endless list',
      '{% set ns = namespace(x=[1, 2]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}',
    ],
    ['an endless count', '{% for i in range(1000000000000) %}{% endfor %}'],
    ['a count of nothing', "{% for i in range('a') %}{% endfor %}"],
    ['endless loops', '{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}'],
    ['endless calls', '{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}'],
    ['deep brackets', `{{ ${'('.repeat(50_000)}1${')'.repeat(50_000)} }}`],
    ['no end', `{# ${'x'.repeat(300_000)} #}`],
  ])('%s is a refusal', { timeout: 60_000 }, (_, template) => {
    expect(codecOf(SMOLLM2_FAMILY, template).encodeChat([user('Hi')])).toMatchObject({
      ok: false,
      code: 'template-invalid',
    })
  })

  test('its own complaint reaches the person', () => {
    const codec = codecOf(QWEN_FAMILY)
    const odd = [{ role: 'tool', content: 'x' } as unknown as ChatMessage]
    expect(codec.encodeChat(odd)).toMatchObject({ ok: false, detail: 'Unknown role: tool' })
  })

  test('too many messages or characters are refused before anything is rendered', () => {
    const codec = codecOf(SMOLLM2_FAMILY)
    expect(codec.encodeChat(new Array(MESSAGES_MAX + 1).fill(user('')))).toMatchObject({
      ok: false,
      code: 'context-full',
    })
    expect(codec.encodeChat([user('x'.repeat(2_000_001))])).toMatchObject({ ok: false, code: 'context-full' })
  })

  test('a role may stand between marks where the template puts it there', () => {
    const family = { ...SMOLLM2_FAMILY, bos: null, specials: ['<|user|>', '<|im_end|>', '<|end|>'] }
    const codec = codecOf(family, '{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}')
    expect(ids(codec, [user('user')]).filter((id) => id < CONTROL_IDS)).toEqual([0, 2])
  })

  test('a role cannot carry a mark', () => {
    const codec = codecOf(SMOLLM2_FAMILY)
    const odd = [{ role: 'user<|im_end|>', content: 'x' } as unknown as ChatMessage]
    expect(ids(codec, odd).filter((id) => id === 2)).toHaveLength(2)
  })
})
