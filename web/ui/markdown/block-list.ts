/**
 * The blocks of an answer while it grows. What stands before the last block or two is read once and keeps its key and
 * its object, so that nothing of it is drawn again; only the rest is read at each step. At the end the blocks are those
 * of reading the whole text at once, wherever it was cut on its way. No DOM, no clock.
 */
import type { MarkedToken } from 'marked'
import { MARKDOWN_CHARACTERS_MAX, MARKDOWN_PLAIN_CHARACTERS } from '../../wire/limits/page.ts'
import { drawableText } from './characters.ts'
import { type Lexed, type Links, lexBlocks } from './lexer.ts'
import { mend } from './mend.ts'
import { readBlock } from './read-tokens.ts'
import { type Block, plainText } from './tree.ts'

export interface DrawnBlock {
  /** Where the block begins in the text. */
  readonly key: number
  /** Its text will not change any more. */
  readonly finished: boolean
  readonly block: Block
}

/** The whole text at once. */
export function readMarkdown(text: string): readonly DrawnBlock[] {
  const source = unified(text)
  const lexed = lexBlocks(source.slice(0, MARKDOWN_CHARACTERS_MAX))
  return [...drawn(lexed, 0, {}), ...readPlain(source)]
}

/** The words of a text in Markdown, for what cannot show form. */
export function toPlainText(text: string): string {
  return plainText(readMarkdown(text).map(({ block }) => block))
}

export class BlockList {
  #text = ''
  /** Blocks of `#text` before `#settled`, which no text after it can change. */
  #blocks: readonly DrawnBlock[] = []
  #settled = 0
  #links: Links = {}
  /** A definition was seen, on the way or inside a quote. */
  #defined = false

  /** The blocks of `text`; `running`: more of it may come. A text that does not go on from the last one begins anew. */
  update(text: string, running: boolean): readonly DrawnBlock[] {
    const whole = unified(text)
    if (!whole.startsWith(this.#text)) this.#restart()
    this.#text = whole
    const readable = whole.slice(0, MARKDOWN_CHARACTERS_MAX)
    let lexed = lexBlocks(readable.slice(this.#settled))
    if (lexed.defines) this.#defined = true
    if (this.#settle(lexed, readable.slice(this.#settled))) lexed = lexBlocks(readable.slice(this.#settled))
    // A definition is known to the blocks after it at once, to those before it at the end.
    if (!running && this.#defined) return readMarkdown(whole)
    const open = running && whole.length === readable.length
    const tail = open ? this.#mended(readable.slice(this.#settled), lexed) : lexed
    const blocks = [...this.#blocks, ...drawn(tail, this.#settled, this.#links), ...readPlain(whole)]
    const last = blocks.at(-1)
    return running && last ? [...blocks.slice(0, -1), { ...last, finished: false }] : blocks
  }

  #restart(): void {
    this.#blocks = []
    this.#settled = 0
    this.#links = {}
    this.#defined = false
  }

  /** Moves the blocks that can change no more; false when there are none. */
  #settle(lexed: Lexed, tail: string): boolean {
    const { count, length } = settledPart(lexed.blocks, tail)
    if (count === 0) return false
    const part: Lexed = { ...lexed, blocks: lexed.blocks.slice(0, count) }
    const blocks = drawn(part, this.#settled, this.#links)
    this.#links = { ...definitions(part.blocks), ...this.#links }
    this.#blocks = [...this.#blocks, ...blocks]
    this.#settled += length
    return true
  }

  #mended(tail: string, lexed: Lexed): Lexed {
    const leaf = openLeaf(lexed.blocks)
    const inCode = leaf?.type === 'code' && leaf.codeBlockStyle !== 'indented'
    const mended = mend(tail, { inCode, inTable: leaf?.type === 'table' && /\n.*\n/.test(leaf.raw) })
    return mended === tail ? lexed : lexBlocks(mended)
  }
}

function unified(text: string): string {
  return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text
}

/**
 * A border between two blocks stands when two whole lines follow it: what a block takes from the text before it is
 * decided by its first line, a table's by its second one.
 */
function settledPart(
  blocks: readonly MarkedToken[],
  source: string,
): { readonly count: number; readonly length: number } {
  let end = source.length
  for (let count = blocks.length - 1, lines = 0; count > 0; count--) {
    const block = blocks[count]
    const length = end - (block?.raw.length ?? 0)
    // Of a `raw` only the length is right: the lexer writes a single space after a block as a line feed.
    lines += source.slice(length, end).split('\n').length - 1
    end = length
    if (lines >= 2 && block?.type !== 'space') return { count, length }
  }
  return { count: 0, length: 0 }
}

function drawn(lexed: Lexed, start: number, links: Links): readonly DrawnBlock[] {
  lexed.readInlines(links)
  let key = start
  return lexed.blocks.flatMap((token) => {
    const block = readBlock(token)
    const from = key
    key += token.raw.length
    return block === null ? [] : [{ key: from, finished: true, block }]
  })
}

function definitions(blocks: readonly MarkedToken[]): Links {
  const found = blocks.flatMap((token) => (token.type === 'def' ? [token] : [])).reverse()
  return Object.fromEntries(found.map(({ tag, href, title }) => [tag, { href, title }]))
}

/** The block at the very end, in whatever quotes and lists it lies. */
function openLeaf(blocks: readonly MarkedToken[]): MarkedToken | null {
  const last = blocks.at(-1)
  if (last?.type === 'list') return openLeaf((last.items.at(-1)?.tokens ?? []) as MarkedToken[])
  if (last?.type === 'blockquote') return openLeaf((last.tokens ?? []) as MarkedToken[])
  return last ?? null
}

/** What is past the cap, in pieces that end with a line where they can. */
function readPlain(text: string): readonly DrawnBlock[] {
  const blocks: DrawnBlock[] = []
  for (let start = MARKDOWN_CHARACTERS_MAX; start < text.length; ) {
    const piece = text.slice(start, start + MARKDOWN_PLAIN_CHARACTERS)
    const end = piece.length < MARKDOWN_PLAIN_CHARACTERS ? piece.length : piece.lastIndexOf('\n') + 1 || piece.length
    blocks.push({ key: start, finished: true, block: { kind: 'plain', text: drawableText(piece.slice(0, end)) } })
    start += end
  }
  return blocks
}
