/** Words of pairings as bytes: codes as people type them, addresses, and what is no word of a pairing. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NAME_CHARACTERS_MAX } from '../../../web/wire/limits/models.ts'
import { PAIR_CODE_CHARACTERS } from '../../../web/wire/limits/pairings.ts'
import {
  PAIR_LETTERS,
  pairAddress,
  parsePairOffer,
  parsePairTaken,
  parsePairWish,
  parsePairWord,
  readPairAddress,
  readPairCode,
  showPairCode,
} from '../../../web/wire/pairings.ts'
import { ok } from '../../../web/wire/result.ts'

const KEY = `wk_${'k'.repeat(22)}`
const codes = fc
  .array(fc.constantFrom(...PAIR_LETTERS), { minLength: PAIR_CODE_CHARACTERS, maxLength: PAIR_CODE_CHARACTERS })
  .map((letters) => letters.join(''))

describe('a code', () => {
  it('is read as it is shown, in small letters, and with letters that look like digits', () => {
    fc.assert(
      fc.property(codes, (code) => {
        for (const typed of [code, showPairCode(code), showPairCode(code).toLowerCase(), ` ${code} `])
          expect(readPairCode(typed)).toBe(code)
        expect(readPairCode(code.replaceAll('0', 'o').replaceAll('1', 'l'))).toBe(code)
      }),
    )
    expect(showPairCode('0123456789AB')).toBe('0123-4567-89AB')
  })

  it('of another length or with other letters is none', () => {
    for (const text of ['', '0123456789A', '0123456789ABC', '0123456789AU', '0123456789A"', '0'.repeat(1_000)])
      expect(readPairCode(text)).toBeNull()
  })
})

describe('an address', () => {
  it('brings its code and key, and nothing where it is anything else', () => {
    fc.assert(
      fc.property(codes, (code) => {
        expect(readPairAddress(pairAddress(code, KEY))).toEqual({ code, key: KEY })
        expect(readPairAddress(`https://weft.example/app/${pairAddress(code, KEY)}`)).toEqual({ code, key: KEY })
      }),
    )
    expect(readPairAddress('#/contribute/0123456789AB/<b>')).toEqual({ code: '0123456789AB', key: null })
    for (const hash of ['', '#/', '#/contribute', '#/contribute/x', '#/c/0123456789AB', '#/network/0123456789AB'])
      expect(readPairAddress(hash)).toBeNull()
  })
})

describe('a word', () => {
  const window = { giving: 'serving', model: 'Tiny', tokens: 7 }

  it('is read with what it says and nothing more', () => {
    expect(parsePairWish({ kind: 'say', window: { ...window, text: 'x' } })).toEqual(ok({ kind: 'say', window }))
    expect(parsePairWord({ kind: 'state', window, prompt: 'x' })).toEqual(ok({ kind: 'state', window }))
    expect(parsePairWish({ kind: 'take', code: '0123456789AB' })).toEqual(ok({ kind: 'take', code: '0123456789AB' }))
    expect(parsePairTaken({ site: 'Gar\u202eden' })).toEqual(ok({ site: 'Gar den' }))
  })

  it.each([
    ['no kind', {}],
    ['a kind of the other side', { kind: 'paired' }],
    ['a code as it is typed', { kind: 'take', code: '0123-4567-89AB' }],
    ['a long code', { kind: 'take', code: '0'.repeat(13) }],
    ['no window', { kind: 'say' }],
    ['a state that is none', { kind: 'say', window: { ...window, giving: 'stolen' } }],
    ['a long name', { kind: 'say', window: { ...window, model: 'x'.repeat(NAME_CHARACTERS_MAX + 1) } }],
    ['half a token', { kind: 'say', window: { ...window, tokens: 0.5 } }],
    ['fewer than no tokens', { kind: 'say', window: { ...window, tokens: -1 } }],
  ])('with %s is refused', (_what, value) => {
    expect(parsePairWish(value)).toMatchObject({ ok: false, code: 'event-invalid' })
  })

  it('of the server that is none is refused', () => {
    for (const value of [null, [], 'x', { kind: 'take' }, { kind: 'state' }])
      expect(parsePairWord(value)).toMatchObject({ ok: false, code: 'event-invalid' })
    expect(parsePairOffer({ code: '0', untilMs: 1 })).toMatchObject({ code: 'event-invalid' })
    expect(parsePairTaken({ site: '' })).toMatchObject({ code: 'event-invalid' })
  })
})
