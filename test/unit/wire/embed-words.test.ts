/** The words between a partner's page and the frame: what is read, what is refused, and that nothing else gets through. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isEmbedWord, parseFrameWord, parseHostWord, writeEmbedWord } from '../../../web/wire/embed-words.ts'
import {
  EMBED_CONTEXT_CHARACTERS_MAX,
  EMBED_QUESTION_CHARACTERS_MAX,
  EMBED_SUGGESTIONS_MAX,
} from '../../../web/wire/limits/partners.ts'

const SETTINGS = { theme: { 'accent': '#0a7', 'font': 'Georgia, serif' }, look: 'dark', language: 'de-AT' } as const
const HOST = [
  { kind: 'hello', version: 1, ...SETTINGS },
  { kind: 'settings', ...SETTINGS },
  { kind: 'shown', shown: true },
  { kind: 'ask', text: 'What is weft?' },
  { kind: 'context', text: '' },
  { kind: 'suggest', questions: ['One?', 'Two?'] },
] as const
const FRAME = [
  { kind: 'here', version: 1 },
  { kind: 'state', consent: 'give', work: 'answering', refused: null },
  { kind: 'state', consent: 'none', work: 'idle', refused: 'partner-unknown' },
  { kind: 'answered', reason: 'stop' },
  { kind: 'close' },
] as const

describe('words', () => {
  it.each(HOST)('of a page are read as they were written: $kind', (word) => {
    expect(parseHostWord(structuredClone(writeEmbedWord(word)))).toEqual({ ok: true, value: word })
  })

  it.each(FRAME)('of the frame are read as they were written: $kind', (word) => {
    expect(parseFrameWord(structuredClone(writeEmbedWord(word)))).toEqual({ ok: true, value: word })
  })

  it('of one side are none of the other', () => {
    for (const word of HOST) expect(parseFrameWord(writeEmbedWord(word))).toMatchObject({ code: 'embed-word' })
    for (const word of FRAME) expect(parseHostWord(writeEmbedWord(word))).toMatchObject({ code: 'embed-word' })
  })

  it('carry nothing that was not asked for', () => {
    const read = parseFrameWord({ weft: 1, kind: 'close', text: 'what the visitor said' })
    expect(read).toEqual({ ok: true, value: { kind: 'close' } })
  })
})

describe('refused', () => {
  const settings = (theme: object, more: object = {}) => ({ weft: 1, kind: 'settings', ...SETTINGS, theme, ...more })

  it.each([
    ['what is no word of ours', { kind: 'close' }],
    ['another kind', { weft: 1, kind: 'eval' }],
    ['a question that is too long', { weft: 1, kind: 'ask', text: 'x'.repeat(EMBED_QUESTION_CHARACTERS_MAX + 1) }],
    ['context that is too long', { weft: 1, kind: 'context', text: 'x'.repeat(EMBED_CONTEXT_CHARACTERS_MAX + 1) }],
    ['too many suggestions', { weft: 1, kind: 'suggest', questions: Array(EMBED_SUGGESTIONS_MAX + 1).fill('?') }],
    ['a suggestion that is no text', { weft: 1, kind: 'suggest', questions: [1] }],
    ['an address as a colour', settings({ accent: 'url(https://elsewhere.example/a)' })],
    ['a value that ends its declaration', settings({ surface: 'red; position: fixed' })],
    ['a variable', settings({ ink: 'var(--accent)' })],
    ['a font with more than names', settings({ font: 'a} body{display:none' })],
    ['a radius that covers the page', settings({ radius: '100vmax' })],
    ['a language that is none', settings({}, { language: '"><script>' })],
  ])('%s', (_what, word) => {
    expect(parseHostWord(word)).toMatchObject({ ok: false, code: 'embed-word' })
  })

  it('anything else, without a throw', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (value, kind) => {
        for (const said of [value, { weft: 1, kind }, { weft: 1, kind, theme: value, text: value, questions: value }])
          for (const parse of [parseHostWord, parseFrameWord]) {
            const read = parse(said)
            if (!isEmbedWord(said)) expect(read).toMatchObject({ code: 'embed-word' })
          }
      }),
      { numRuns: 500 },
    )
  })
})
