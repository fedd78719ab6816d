/** Half a character is never shown, and how bytes fall into tokens makes no difference to the text. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { VocabularyBytes } from '../../../web/tokens/codec.ts'
import { Detokenizer } from '../../../web/tokens/detokenizer.ts'

/** A vocabulary whose token i is `parts[i]`, so that ids 0, 1, 2, ... spell the parts in order. */
function vocabularyOf(parts: readonly Uint8Array[], stripLeadingSpace = false): VocabularyBytes {
  const offsets = new Uint32Array(parts.length + 1)
  for (const [id, part] of parts.entries()) offsets[id + 1] = (offsets[id] ?? 0) + part.length
  const bytes = new Uint8Array(offsets.at(-1) ?? 0)
  for (const [id, part] of parts.entries()) bytes.set(part, offsets[id])
  return { bytes, offsets, endTokens: [], stripLeadingSpace }
}

function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [0, ...cuts.map((share) => Math.floor(share * (bytes.length + 1))).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end))
}

function spell(parts: readonly Uint8Array[], strip = false): string[] {
  const detokenizer = new Detokenizer(vocabularyOf(parts, strip))
  return [...parts.map((_, id) => detokenizer.push(id)), detokenizer.flush()]
}

const CUTS = fc.array(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), { maxLength: 20 })

describe('Detokenizer', () => {
  test('gives the text back whole characters at a time, however its bytes are cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), CUTS, (text, cuts) => {
        const shown = spell(cut(new TextEncoder().encode(text), cuts))
        expect(shown.join('')).toBe(text)
        for (const piece of shown) expect(piece).not.toMatch(/\p{Surrogate}/u)
        if (!text.includes('\ufffd')) expect(shown.join('')).not.toContain('\ufffd')
      }),
      { numRuns: 3000 },
    )
  })

  test('decodes any bytes as a browser decodes them at once', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), CUTS, (bytes, cuts) => {
        expect(spell(cut(bytes, cuts)).join('')).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
      }),
      { numRuns: 3000 },
    )
  })

  test('holds half a character back and replaces it only at the end', () => {
    const [first, second] = cut(new TextEncoder().encode('é'), [0.4])
    expect(spell([first ?? Uint8Array.of(), second ?? Uint8Array.of()])).toEqual(['', 'é', ''])
    expect(spell([first ?? Uint8Array.of()])).toEqual(['', '\ufffd'])
  })

  test('keeps a byte order mark', () => {
    expect(spell([Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)]).join('')).toBe('\ufeffa')
  })

  test('drops the first space of an answer only where the vocabulary put it there', () => {
    const parts = [Uint8Array.of(), Uint8Array.of(32, 32, 65), Uint8Array.of(32, 66)]
    expect(spell(parts, true).join('')).toBe(' A B')
    expect(spell(parts, false).join('')).toBe('  A B')
    const middle = new Detokenizer(vocabularyOf(parts, true), false)
    expect(middle.push(1)).toBe('  A')
  })

  test('shows nothing for ids that the vocabulary does not have', () => {
    const detokenizer = new Detokenizer(vocabularyOf([Uint8Array.of(65)]))
    expect([detokenizer.push(1), detokenizer.push(-1), detokenizer.push(2 ** 31), detokenizer.push(0)]).toEqual([
      '',
      '',
      '',
      'A',
    ])
  })
})
