/** A text in another language, piece by piece; what stood between the pieces stands there again. */
import { SDK_PIECE_CHARACTERS, SDK_PIECES_MAX } from '../wire/limits.ts'
import { type Chat, each, type HelperOptions, invalid, type Prompt, say } from './helper-call.ts'
import { piecesOf } from './pieces.ts'

export interface TranslateOptions extends HelperOptions {
  /** In words, as "German". */
  readonly to: string
  /** None stands for whatever it is. */
  readonly from?: string
}

function translatePrompt(text: string, { to, from }: TranslateOptions): Prompt {
  const of = from === undefined ? '' : ` from ${from}`
  return {
    system: `Translate the text${of} into ${to}. Keep its meaning, tone and line breaks. Give the translation and nothing else.`,
    user: text,
  }
}

/** The spaces and line ends around a piece, which no model is asked to keep. */
export function edgesOf(piece: string): readonly [before: string, inner: string, after: string] {
  const inner = piece.trim()
  if (inner === '') return [piece, '', '']
  const at = piece.indexOf(inner)
  return [piece.slice(0, at), inner, piece.slice(at + inner.length)]
}

export async function translate(weft: Chat, text: string, options: TranslateOptions): Promise<string> {
  const pieces = piecesOf(text, SDK_PIECE_CHARACTERS)
  if (pieces.length > SDK_PIECES_MAX) throw invalid(`The text has more than ${SDK_PIECES_MAX} pieces.`)
  const translated = await each(pieces, async (piece) => {
    const [before, inner, after] = edgesOf(piece)
    return inner === '' ? piece : `${before}${await say(weft, translatePrompt(inner, options), options)}${after}`
  })
  return translated.join('')
}
