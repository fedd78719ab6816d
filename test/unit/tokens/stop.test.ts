/** Stop strings are never shown, not even in part; text that only looks like one is. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { StopMatcher } from '../../../web/tokens/stop.ts'

/** What a reader with the whole text would do, character by character. */
function reference(text: string, stops: readonly string[]): { text: string; stopped: boolean } {
  for (let end = 1; end <= text.length; end += 1) {
    const done = stops
      .filter((stop) => stop !== '' && text.slice(0, end).endsWith(stop))
      .sort((a, b) => b.length - a.length)
    if (done[0] !== undefined) return { text: text.slice(0, end - done[0].length), stopped: true }
  }
  return { text, stopped: false }
}

const WORD = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '\n', '😀'), maxLength: 5 })

describe('StopMatcher', () => {
  test('shows what a reader of the whole text would, however it is cut', () => {
    let stopped = 0
    fc.assert(
      fc.property(fc.array(WORD, { maxLength: 12 }), fc.array(WORD, { maxLength: 4 }), (pieces, stops) => {
        const matcher = new StopMatcher(stops)
        const expected = reference(pieces.join(''), stops)
        let shown = ''
        let ended = false
        for (const piece of pieces) {
          const step = matcher.push(piece)
          shown += step.visible
          ended = step.stopped
          expect(expected.text.startsWith(shown)).toBe(true)
        }
        shown += matcher.flush()
        expect({ text: shown, stopped: ended }).toEqual(expected)
        if (ended) stopped += 1
      }),
      { numRuns: 20_000 },
    )
    expect(stopped).toBeGreaterThan(1000)
  })

  test('holds back no more than it must', () => {
    const matcher = new StopMatcher(['\n\nUser:'])
    expect(matcher.push('Hello\n')).toEqual({ visible: 'Hello', stopped: false })
    expect(matcher.push('world')).toEqual({ visible: '\nworld', stopped: false })
    expect(matcher.push('\n\nUse')).toEqual({ visible: '', stopped: false })
    expect(matcher.push('r: next')).toEqual({ visible: '', stopped: true })
    expect(matcher.push('more')).toEqual({ visible: '', stopped: true })
    expect(matcher.flush()).toBe('')
  })

  test('releases what was held at the end', () => {
    const matcher = new StopMatcher(['END'])
    expect(matcher.push('the EN').visible).toBe('the ')
    expect(matcher.flush()).toBe('EN')
  })

  test('ignores empty stop strings', () => {
    expect(new StopMatcher(['']).push('text')).toEqual({ visible: 'text', stopped: false })
  })
})
