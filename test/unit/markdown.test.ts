/** What an answer in Markdown is read as: its blocks and words, and what of it is never more than text. */
import { describe, expect, it } from 'vitest'
import { safeAddress } from '../../web/ui/markdown/address.ts'
import { readMarkdown, toPlainText } from '../../web/ui/markdown/block-list.ts'
import { readLanguage } from '../../web/ui/markdown/language-reader.ts'
import { flatten, tintCode } from '../../web/ui/markdown/tints.ts'
import type { Block, Inline } from '../../web/ui/markdown/tree.ts'
import {
  HIGHLIGHT_CHARACTERS_MAX,
  MARKDOWN_CHARACTERS_MAX,
  MARKDOWN_COLUMNS_MAX,
  MARKDOWN_DEPTH_MAX,
  MARKDOWN_INLINE_CHARACTERS_MAX,
} from '../../web/wire/limits/page.ts'

const read = (text: string): readonly Block[] => readMarkdown(text).map(({ block }) => block)
const word = (text: string): Inline => ({ kind: 'text', text })
const paragraph = (...children: Inline[]): Block => ({ kind: 'paragraph', children })
const link = (address: string, text: string): Inline => ({ kind: 'link', address, children: [word(text)] })

describe('blocks', () => {
  it('headings begin under the page’s own', () => {
    const levels = read('# a\n## b\n### c\n#### d\n##### e\n###### f').map((block) =>
      block.kind === 'heading' ? block.level : null,
    )
    expect(levels).toEqual([3, 4, 5, 6, 6, 6])
  })

  it('lists keep their numbers, their tasks and what lies in them', () => {
    const item = (done: boolean | null, ...blocks: Block[]) => ({ done, blocks })
    expect(read('3. a\n4. b\n   - [x] c\n   - [ ] d')).toEqual([
      {
        kind: 'list',
        ordered: true,
        start: 3,
        items: [
          item(null, paragraph(word('a'))),
          item(null, paragraph(word('b')), {
            kind: 'list',
            ordered: false,
            start: 1,
            items: [item(true, paragraph(word('c'))), item(false, paragraph(word('d')))],
          }),
        ],
      },
    ])
    expect(read('- a\n\n- b'), 'a loose list is a list like another').toEqual(read('- a\n- b'))
  })

  it('tables have columns', () => {
    expect(read('| a | b | c |\n|---|:-:|--:|\n| 1 | `2` | |')).toEqual([
      {
        kind: 'table',
        aligns: ['start', 'center', 'end'],
        header: [[word('a')], [word('b')], [word('c')]],
        rows: [[[word('1')], [{ kind: 'code', text: '2' }], []]],
      },
    ])
  })

  it('code is as it was written, also without an end', () => {
    expect(read('```ts title="x"\n  a < b\n\n```')).toEqual([{ kind: 'code', language: 'ts', text: '  a < b\n' }])
    expect(read('```\n**no**')).toEqual([{ kind: 'code', language: '', text: '**no**' }])
  })

  it('a line of dashes is a rule, also right under a paragraph', () => {
    expect(read('a\n---\nb')).toEqual([paragraph(word('a')), { kind: 'rule' }, paragraph(word('b'))])
    expect(read('> a')).toEqual([{ kind: 'quote', blocks: [paragraph(word('a'))] }])
  })
})

describe('words', () => {
  it('have their form, and line ends are line ends', () => {
    expect(read('**a** *b* ~~c~~ `d`\ne')).toEqual([
      paragraph(
        { kind: 'strong', children: [word('a')] },
        word(' '),
        { kind: 'emphasis', children: [word('b')] },
        word(' '),
        { kind: 'struck', children: [word('c')] },
        word(' '),
        { kind: 'code', text: 'd' },
        { kind: 'break' },
        word('e'),
      ),
    ])
  })

  it('links lead to the web and to mail, and everything else is its text', () => {
    expect(read('[a](https://x.org/1)')).toEqual([paragraph(link('https://x.org/1', 'a'))])
    expect(read('[a][1]\n\n[1]: http://x.org')).toEqual([paragraph(link('http://x.org/', 'a'))])
    expect(read('<me@x.org>')).toEqual([paragraph(link('mailto:me@x.org', 'me@x.org'))])
    for (const address of [
      'javascript:alert(1)',
      'data:text/html,x',
      'file:///etc/passwd',
      '/relative',
      'vbscript:x',
    ]) {
      expect(read(`[a](${address})`), address).toEqual([paragraph(word('a'))])
    }
    for (const odd of [
      'java\tscript:alert(1)',
      ' JaVaScRiPt:alert(1)',
      '\u0001javascript:x',
      'blob:https://x.org/1',
      '',
    ]) {
      expect(safeAddress(odd), JSON.stringify(odd)).toBeNull()
    }
  })

  it('pictures are links to them', () => {
    expect(read('![a cat](https://x.org/cat.png)')).toEqual([paragraph(link('https://x.org/cat.png', 'a cat'))])
    expect(read('![](https://x.org/cat.png)')).toEqual([paragraph(link('https://x.org/cat.png', 'Picture'))])
    expect(read('![a cat](data:image/png;base64,AA)')).toEqual([paragraph(word('a cat'))])
  })

  it('HTML is text, formulas are text', () => {
    const script = '<script>alert(1)</script>'
    expect(read(script)).toEqual([paragraph(word(script))])
    expect(toPlainText('a <img src=x onerror=alert(1)> b')).toBe('a <img src=x onerror=alert(1)> b')
    expect(toPlainText('<!-- never closed\n\n**b**')).toBe('<!-- never closed\nb')
    expect(toPlainText('\\(x^2\\) and \\[y\\] and $z$')).toBe('\\(x^2\\) and \\[y\\] and $z$')
    expect(toPlainText('&lt;b&gt; &amp; &#65; &unknown;')).toBe('<b> & A &unknown;')
  })

  it('characters that act are drawn as a mark of their place', () => {
    expect(toPlainText('a\0b\u001bc\u202ed')).toBe('a\ufffdb\ufffdc\ufffdd')
    expect(toPlainText('`a\u2066b\u2069`')).toBe('a\ufffdb\ufffd')
    // Joiners and marks of direction are part of words in many languages.
    expect(toPlainText('\u0645\u06cc\u200c\u062e \u200f\ufffd')).toBe('\u0645\u06cc\u200c\u062e \u200f\ufffd')
  })

  it('are all there without their form', () => {
    expect(toPlainText('# a\n\n- **b**\n- c\n\n| d | e |\n|---|---|\n| f | g |\n\n---\n\n```\nh\n```')).toBe(
      'a\nb\nc\nd, e\nf, g\nh',
    )
  })
})

describe('what is too much', () => {
  const depth = (blocks: readonly Block[]): number =>
    Math.max(
      0,
      ...blocks.map((block) => {
        if (block.kind === 'quote') return 1 + depth(block.blocks)
        return block.kind === 'list' ? 1 + depth(block.items.flatMap((item) => item.blocks)) : 1
      }),
    )

  it('is drawn, and ends: 100 kB of each mark, alone and between others', () => {
    let shapes = 0
    for (const mark of '[*>|_`~<&\\#-!(') {
      for (const unit of [
        mark,
        `${mark} `,
        `${mark}\n`,
        `${mark}a`,
        `a${mark}`,
        `${mark}${mark}a`,
        `a${mark}a\n`,
        `${mark}(`,
      ]) {
        const blocks = read(unit.repeat(Math.ceil(100_000 / unit.length)))
        expect(depth(blocks)).toBeLessThanOrEqual(MARKDOWN_DEPTH_MAX + 2)
        shapes++
      }
    }
    expect(shapes).toBe(112)
  })

  it('keeps its words', () => {
    const deep = `${'> '.repeat(50)}end`
    expect(toPlainText(deep)).toContain('end')
    const long = `**a** ${'b '.repeat(MARKDOWN_INLINE_CHARACTERS_MAX)}`
    expect(toPlainText(long).startsWith('**a** b b')).toBe(true)
    const wide = `${'|a'.repeat(MARKDOWN_COLUMNS_MAX + 1)}|\n${'|-'.repeat(MARKDOWN_COLUMNS_MAX + 1)}|`
    expect(read(wide)).toEqual([{ kind: 'plain', text: wide }])
    const line = 'a line of words\n'
    const past = line.repeat(Math.ceil((MARKDOWN_CHARACTERS_MAX * 1.5) / line.length))
    expect(read(past).at(-1)?.kind).toBe('plain')
    const words = (text: string) => text.replace(/\s+/g, '')
    expect(words(toPlainText(past))).toBe(words(past))
  })
})

describe('colours of code', () => {
  it('are pieces that add up to the code', () => {
    const code = "const a = b + 1 // c\nfunction d() { return 'e' }"
    const pieces = flatten(readLanguage(code, 'ts') ?? [], 'plain')
    expect(pieces.map(({ text }) => text).join('')).toBe(code)
    expect(pieces).toContainEqual({ text: 'const', tint: 'keyword' })
    expect(pieces).toContainEqual({ text: '// c', tint: 'comment' })
    expect(pieces).toContainEqual({ text: 'd', tint: 'name' })
  })

  it('are not there for unknown languages and long code', async () => {
    expect(await tintCode('a', 'no-such-language')).toBeNull()
    expect(await tintCode('a', '')).toBeNull()
    expect(await tintCode('1'.repeat(HIGHLIGHT_CHARACTERS_MAX + 1), 'js')).toBeNull()
    expect(await tintCode('1', 'js')).toEqual([{ text: '1', tint: 'number' }])
  })
})
