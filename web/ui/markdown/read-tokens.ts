/**
 * From the lexer's tokens to our tree: the one place that knows both. What the tree has no kind for becomes its text:
 * HTML, pictures (drawn as links: a page that fetched one would tell somebody what is being read), odd addresses. Pure.
 */
import type { MarkedToken, Token, Tokens } from 'marked'
import { MARKDOWN_COLUMNS_MAX } from '../../wire/limits/page.ts'
import { safeAddress } from './address.ts'
import { decodeNamed, drawableCode, drawableText } from './characters.ts'
import type { Align, Block, Inline, Item } from './tree.ts'

const LEVELS = [3, 4, 5, 6] as const

/** Without extensions the lexer makes no other tokens than its own. */
const own = (tokens: readonly Token[] | undefined): readonly MarkedToken[] => (tokens ?? []) as readonly MarkedToken[]

function readBlocks(tokens: readonly Token[] | undefined): readonly Block[] {
  return own(tokens).flatMap((token) => readBlock(token) ?? [])
}

/** null for what is not drawn: blank lines, definitions, and a task's box, which its item holds. */
export function readBlock(token: MarkedToken): Block | null {
  switch (token.type) {
    case 'space':
    case 'def':
    case 'checkbox':
      return null
    case 'paragraph':
      return { kind: 'paragraph', children: readInlines(token.tokens) }
    case 'heading':
      return { kind: 'heading', level: LEVELS[token.depth - 1] ?? 6, children: readInlines(token.tokens) }
    case 'code':
      return { kind: 'code', language: drawableCode((token.lang ?? '').split(/\s/, 1)[0] ?? ''), text: codeText(token) }
    case 'blockquote':
      return { kind: 'quote', blocks: readBlocks(token.tokens) }
    case 'list':
      return {
        kind: 'list',
        ordered: token.ordered,
        start: token.start === '' ? 1 : token.start,
        items: token.items.map(readItem),
      }
    case 'table':
      return readTable(token)
    case 'hr':
      return { kind: 'rule' }
    case 'text':
      // A line of a list: the same as a paragraph, so that a list looks the same when a blank line comes into it.
      return {
        kind: 'paragraph',
        children: token.tokens ? readInlines(token.tokens) : [{ kind: 'text', text: drawableText(token.text) }],
      }
    default:
      return { kind: 'plain', text: drawableText(token.raw) }
  }
}

function codeText(token: Tokens.Code): string {
  return drawableCode(token.text.replace(/\n$/, ''))
}

function readItem(item: Tokens.ListItem): Item {
  return { done: item.task ? item.checked === true : null, blocks: readBlocks(item.tokens) }
}

function readTable(token: Tokens.Table): Block {
  if (token.header.length > MARKDOWN_COLUMNS_MAX) return { kind: 'plain', text: drawableText(token.raw) }
  const cells = (row: readonly Tokens.TableCell[]) => row.map((cell) => readInlines(cell.tokens))
  return { kind: 'table', aligns: token.align.map(readAlign), header: cells(token.header), rows: token.rows.map(cells) }
}

function readAlign(written: string | null): Align {
  if (written === 'center') return 'center'
  return written === 'right' ? 'end' : 'start'
}

/** Neighbouring texts become one: the lexer cuts at every mark that might have begun something. */
function readInlines(tokens: readonly Token[] | undefined): readonly Inline[] {
  const joined: Inline[] = []
  for (const inline of own(tokens).flatMap(readInline)) {
    const last = joined.at(-1)
    if (inline.kind === 'text' && last?.kind === 'text') {
      joined[joined.length - 1] = { kind: 'text', text: last.text + inline.text }
    } else joined.push(inline)
  }
  return joined
}

function readInline(token: MarkedToken): readonly Inline[] {
  switch (token.type) {
    case 'strong':
      return [{ kind: 'strong', children: readInlines(token.tokens) }]
    case 'em':
      return [{ kind: 'emphasis', children: readInlines(token.tokens) }]
    case 'del':
      return [{ kind: 'struck', children: readInlines(token.tokens) }]
    case 'codespan':
      return [{ kind: 'code', text: drawableCode(token.text) }]
    case 'br':
      return [{ kind: 'break' }]
    case 'link':
      return readLink(token.href, readInlines(token.tokens))
    case 'image':
      return readLink(token.href, textOf(token.text || 'Picture'))
    case 'checkbox':
      return []
    case 'html':
      return textOf(token.raw, false)
    case 'text':
    case 'escape':
      return token.type === 'text' && token.tokens ? readInlines(token.tokens) : textOf(token.text)
    default:
      return textOf(token.raw)
  }
}

function readLink(written: string, children: readonly Inline[]): readonly Inline[] {
  const address = safeAddress(decodeNamed(written))
  return address === null ? children : [{ kind: 'link', address, children }]
}

/** Line ends that are not breaks (in a tag, in what was too long to read) are drawn as breaks. */
function textOf(written: string, named = true): readonly Inline[] {
  const text = drawableText(named ? decodeNamed(written) : written)
  return text
    .split('\n')
    .flatMap((line, index): Inline[] => [
      ...(index > 0 ? [{ kind: 'break' as const }] : []),
      ...(line === '' ? [] : [{ kind: 'text' as const, text: line }]),
    ])
}
