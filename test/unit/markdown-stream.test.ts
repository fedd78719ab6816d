/** An answer while it grows: wherever it is cut, it ends as the whole text does; its last line is calm on the way. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BlockList, type DrawnBlock, readMarkdown, toPlainText } from '../../web/ui/markdown/block-list.ts'
import { mend } from '../../web/ui/markdown/mend.ts'
import { MARKDOWN_CHARACTERS_MAX } from '../../web/wire/limits/page.ts'

/** What blocks are made of, and what is nearly a block. */
const PIECES = [
  [
    '\n',
    '\n',
    '\n',
    '\n\n',
    ' ',
    '  ',
    '    ',
    '\t',
    '\r',
    '\r\n',
    'a',
    'b c',
    'word ',
    'é',
    '👍',
    '\u202e',
    '\0',
    '\\',
  ],
  [
    '# ',
    '#',
    '-',
    '- ',
    '* ',
    '+ ',
    '1. ',
    '2. ',
    '1) ',
    '1',
    '.',
    '> ',
    '>',
    '---',
    '===',
    '***',
    '- [ ] ',
    '    code\n',
  ],
  ['```', '```js\n', '~~~', '`', '``', '**', '*', '_', '__', '~~', '[', '](', ')', '[a]: ', '[a]', 'https://x.y', '"'],
  [
    '|',
    '| a | b |',
    '|---|---|',
    '| - |',
    '-|-',
    '<div>',
    '<!--',
    '-->',
    '<script>',
    '</script>',
    '<a href="',
    '&amp;',
  ],
  ['\n- ', '\n  ', '\n    ', '\n   - ', '\n> ', '\n1. ', '\n\n2. ', '\n| ', '\n```\n', '!['],
].flat()

const texts = fc.array(fc.constantFrom(...PIECES), { maxLength: 80, size: 'max' }).map((pieces) => pieces.join(''))
const steps = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 12 })

/** Grows `text` in steps and calls `look` with the blocks after each. */
function grow(
  text: string,
  sizes: readonly number[],
  look: (blocks: readonly DrawnBlock[]) => void = () => {},
): BlockList {
  const list = new BlockList()
  for (let at = 0, step = 0; at < text.length; step++) {
    at += sizes[step % sizes.length] ?? 1
    look(list.update(text.slice(0, at), true))
  }
  return list
}

const ANSWER = [
  '# Title\n\nSome **bold** words and a [link](https://x.org).\n\n',
  '1. one\n\n2. two\n   - inner\n\n```ts\nconst a = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quote\n\n',
].join('')

describe('a growing answer', () => {
  it('ends as its whole text, for any text in any steps', () => {
    let reused = 0
    fc.assert(
      fc.property(texts, steps, (text, sizes) => {
        let first: DrawnBlock | undefined
        const list = grow(text, sizes, (blocks) => {
          // What is read again is a new object: the same one was settled.
          if (first && first === blocks[0]) reused++
          first = blocks[0]
        })
        expect(list.update(text, false)).toEqual(readMarkdown(text))
      }),
      { numRuns: 4_000 },
    )
    expect(reused, 'texts had blocks to settle').toBeGreaterThan(1_000)
  })

  it('keeps the very objects of finished blocks', () => {
    const text = ANSWER.repeat(3)
    const seen = new Map<number, DrawnBlock>()
    let kept = 0
    grow(text, [3], (blocks) => {
      // The last two may still change: a border stands when two lines follow it.
      for (const drawn of blocks.slice(0, -3)) {
        const before = seen.get(drawn.key)
        if (before) {
          expect(drawn).toBe(before)
          kept++
        }
        seen.set(drawn.key, drawn)
      }
    })
    expect(kept, 'blocks were seen again').toBeGreaterThan(500)
  })

  it('says which block is not finished', () => {
    const list = new BlockList()
    expect(list.update('a\n\n```js\nb', true).map(({ finished }) => finished)).toEqual([true, false])
    expect(list.update('a\n\n```js\nb', false).map(({ finished }) => finished)).toEqual([true, true])
  })

  it('begins anew with another text, and goes on after its end', () => {
    const list = grow(ANSWER, [5])
    list.update(ANSWER, false)
    expect(list.update(`${ANSWER}more`, false)).toEqual(readMarkdown(`${ANSWER}more`))
    expect(list.update('other', false)).toEqual(readMarkdown('other'))
    expect(list.update('', false)).toEqual([])
  })

  it('goes on as plain text past what is read', () => {
    const text = `${ANSWER.repeat(Math.ceil(MARKDOWN_CHARACTERS_MAX / ANSWER.length))}**past**\n${'more '.repeat(4_000)}`
    const list = grow(text, [40_000])
    expect(list.update(text, false)).toEqual(readMarkdown(text))
    expect(toPlainText(text)).toContain('**past**')
  })

  it('never shows a table as anything else from its first bar on', () => {
    const table = '| Name | Count |\n|:-----|------:|\n| a | 1 |\n'
    const kinds = new Set<string>()
    grow(`Words.\n\n${table}`, [1], (blocks) => {
      for (const { block } of blocks.slice(1)) kinds.add(block.kind)
    })
    expect([...kinds]).toEqual(['table'])
  })

  it('never shows a paragraph as a heading, a rule or a list that it is not', () => {
    const kinds = new Set<string>()
    grow('Here it is:\n- one\n- two\n', [1], (blocks) => kinds.add(blocks[0]?.block.kind ?? 'none'))
    expect([...kinds]).toEqual(['paragraph'])
  })
})

describe('the last line', () => {
  const outside = { inCode: false, inTable: false }

  it.each([
    ['a **bo', 'a **bo**'],
    ['a **', 'a '],
    ['a **b*', 'a **b**'],
    ['a **b *c', 'a **b *c***'],
    ['a **b ', 'a **b** '],
    ['a `co', 'a `co`'],
    ['a `', 'a '],
    ['a ~~b', 'a ~~b~~'],
    ['snake_case', 'snake_case'],
    ['2 * 3', '2 * 3'],
    ['a [text](https://x.o', 'a text'],
    ['a ![alt](', 'a alt'],
    ['a \\', 'a '],
    ['a\n-', 'a\n'],
    ['a\n--', 'a\n'],
    ['a\n1.', 'a\n'],
    ['a\n- [', 'a\n'],
    ['a\n#', 'a\n'],
    ['a\n``', 'a\n'],
    ['| a', '| a\n|-|'],
    ['| a | b |', '| a | b |\n|-|-|'],
    ['| a | b |\n', '| a | b |\n|-|-|'],
    ['| a | b |\n|--', '| a | b |\n|-|-|'],
    ['a whole line\n', 'a whole line\n'],
    ['42', '42'],
  ])('%j is drawn as %j', (text, drawn) => {
    expect(mend(text, outside)).toBe(drawn)
  })

  it('of code is code, but for a fence that may be its end', () => {
    expect(mend('```\na **b', { inCode: true, inTable: false })).toBe('```\na **b')
    expect(mend('```\na\n``', { inCode: true, inTable: false })).toBe('```\na\n')
  })

  it('is all that changes, and nothing is said that was not written', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const mended = mend(text.replace(/\r/g, ''), outside)
        const kept = text.replace(/\r/g, '')
        const complete = kept.slice(0, kept.lastIndexOf('\n') + 1)
        expect(mended.startsWith(complete)).toBe(true)
        const letters = (of: string) => of.replace(/[^\p{L}\p{N}]/gu, '')
        expect(letters(kept).startsWith(letters(complete))).toBe(true)
        expect(letters(mended).length).toBeLessThanOrEqual(letters(kept).length)
      }),
    )
  })
})
