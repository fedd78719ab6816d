/**
 * `marked`'s lexer with what an answer needs: bounded work, and only decisions that the next two lines settle, so that a
 * growing text can be read from its last block on. Knows no tree, no drawing; makes no HTML.
 */
import { Lexer, type MarkedToken, type Token, Tokenizer, type Tokens, type TokensList } from 'marked'
import { MARKDOWN_DEPTH_MAX, MARKDOWN_INLINE_CHARACTERS_MAX } from '../../wire/limits/page.ts'

/** Definitions of `[label]: address`, by label. */
export type Links = Readonly<Record<string, Pick<Tokens.Def, 'href' | 'title'>>>

class AnswerTokenizer extends Tokenizer {
  /** A block of HTML reads on to its end tag, which may never come. Its lines are lines like others. */
  override html(): undefined {
    return undefined
  }

  /** A rule under a paragraph is a rule: models mean it so, and a paragraph that turns into a heading jumps. */
  override lheading(): undefined {
    return undefined
  }

  /**
   * marked 18.2.1 reads a list in a quote again when the quote goes on lazily, and throws where the block before the
   * quote forbids a list (`- [ ] \n    >* \n![`). Inside a quote there is none before it. Goes when that is mended.
   */
  override blockquote(source: string): Tokens.Blockquote | undefined {
    const { state } = this.lexer
    const { lastToken } = state
    delete state.lastToken
    const token = super.blockquote(source)
    if (lastToken) state.lastToken = lastToken
    return token
  }

  /** `\(x\)` and `\[x\]` are formulas to those who write them, and stay as they are. */
  override escape(source: string): Tokens.Escape | undefined {
    const mark = /^\\[()[\]{}]/.exec(source)?.[0]
    return mark === undefined ? super.escape(source) : { type: 'escape', raw: mark, text: mark }
  }

  /** One line: a title in quotes could otherwise read on over any number of blocks. */
  override def(source: string): Tokens.Def | undefined {
    const end = source.indexOf('\n')
    return super.def(end < 0 ? source : source.slice(0, end + 1))
  }
}

function plainToken(source: string): Tokens.Text {
  return { type: 'text', raw: source, text: source, escaped: false }
}

class AnswerLexer extends Lexer {
  #depth = 0

  override blockTokens(source: string, tokens?: Token[], clipped?: boolean): Token[]
  override blockTokens(source: string, tokens?: TokensList, clipped?: boolean): TokensList
  override blockTokens(source: string, tokens: Token[] = [], clipped = false): Token[] {
    if (this.#depth > MARKDOWN_DEPTH_MAX) {
      if (source !== '') tokens.push({ type: 'paragraph', raw: source, text: source, tokens: [plainToken(source)] })
      this.state.top = true
      return tokens
    }
    this.#depth++
    try {
      return super.blockTokens(source, tokens, clipped)
    } finally {
      this.#depth--
    }
  }

  override inlineTokens(source: string, tokens: Token[] = []): Token[] {
    if (this.#depth > MARKDOWN_DEPTH_MAX || source.length > MARKDOWN_INLINE_CHARACTERS_MAX) {
      tokens.push(plainToken(source))
      return tokens
    }
    this.#depth++
    try {
      return super.inlineTokens(source, tokens)
    } finally {
      this.#depth--
    }
  }
}

/** A text cut into blocks, whose words are not yet read. Only what is drawn has its words read. */
export interface Lexed {
  readonly blocks: readonly MarkedToken[]
  /** It holds definitions. */
  readonly defines: boolean
  /** Reads the words of all blocks, with these definitions besides the text's own. */
  readInlines(links: Links): void
}

/** `source` has line feeds only. Blocks follow each other without a gap: their `raw` add up to `source`. */
export function lexBlocks(source: string): Lexed {
  const lexer = new AnswerLexer({ gfm: true, breaks: true, tokenizer: new AnswerTokenizer() })
  try {
    lexer.blockTokens(source, lexer.tokens)
  } catch {
    // A mistake of the lexer must not take an answer away: its text is there, without its form.
    lexer.tokens.splice(0, lexer.tokens.length, plainToken(source))
    lexer.inlineQueue = []
  }
  return {
    // Without extensions the lexer makes no others.
    blocks: lexer.tokens as MarkedToken[],
    defines: Object.keys(lexer.tokens.links).length > 0,
    readInlines(links) {
      Object.assign(lexer.tokens.links, links)
      for (const { src, tokens } of lexer.inlineQueue) {
        lexer.state.inRawBlock = false
        lexer.state.inLink = false
        try {
          lexer.inlineTokens(src, tokens)
        } catch {
          tokens.splice(0, tokens.length, plainToken(src))
        }
      }
      lexer.inlineQueue = []
    },
  }
}
