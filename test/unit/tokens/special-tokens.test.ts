/** The longest token wins wherever it stands; the quick search agrees with the slow one. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Span, SpecialTokens } from '../../../web/tokens/special-tokens.ts'

/** Each token in turn, longest first, over every text that is left. */
function reference(tokens: readonly string[], text: string): Span[] {
  const order = [...tokens.entries()]
    .filter(([, token]) => token !== '')
    .sort(([a, x], [b, y]) => y.length - x.length || a - b)
  let spans: Span[] = text === '' ? [] : [{ kind: 'text', text }]
  for (const [id, token] of order) {
    spans = spans.flatMap((span) => {
      if (span.kind === 'token') return [span]
      const out: Span[] = []
      let rest = span.text
      for (let at = rest.indexOf(token); at >= 0; at = rest.indexOf(token)) {
        if (at > 0) out.push({ kind: 'text', text: rest.slice(0, at) })
        out.push({ kind: 'token', id })
        rest = rest.slice(at + token.length)
      }
      return rest === '' ? out : [...out, { kind: 'text', text: rest } as const]
    })
  }
  return spans
}

const WORD = fc.string({ unit: fc.constantFrom('<', '|', '>', 'a', 'b'), maxLength: 5 })

describe('SpecialTokens', () => {
  test('cuts like the plain search', () => {
    let found = 0
    fc.assert(
      fc.property(fc.uniqueArray(WORD, { maxLength: 6 }), fc.array(WORD, { maxLength: 8 }), (tokens, pieces) => {
        const spans = new SpecialTokens(tokens.entries()).partition(pieces.join(''))
        expect(spans).toEqual(reference(tokens, pieces.join('')))
        if (spans.some(({ kind }) => kind === 'token')) found += 1
      }),
      { numRuns: 10_000 },
    )
    expect(found).toBeGreaterThan(3000)
  })

  test('prefers the longest to the leftmost', () => {
    const tokens = new SpecialTokens([
      [1, '<a>'],
      [2, 'a>>>'],
      [3, ''],
    ])
    expect(tokens.partition('x<a>>>y')).toEqual([
      { kind: 'text', text: 'x<' },
      { kind: 'token', id: 2 },
      { kind: 'text', text: 'y' },
    ])
  })

  test('sees every place where a token begins', () => {
    const tokens = new SpecialTokens([
      [1, 'aa'],
      [2, 'aaa'],
    ])
    expect([...tokens.occurrences('aaaa')]).toEqual([
      { at: 0, ids: [1, 2] },
      { at: 1, ids: [1, 2] },
      { at: 2, ids: [1] },
    ])
  })
})
