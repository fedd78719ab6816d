/** A text in another language, piece by piece; what stood between the pieces stands there again. */
import { SDK_PIECE_CHARACTERS, SDK_PIECES_MAX } from '../wire/limits/sdk.ts'
import { type Chat, each, invalid, type PieceOptions, type Prompt, say } from './helper-call.ts'
import { piecesOf } from './pieces.ts'

export interface TranslateOptions extends PieceOptions {
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
  const { onText, onPiece, ...quietly } = options
  /** What there is of each piece. Text is told up to the first one that is not done. */
  const texts = pieces.map(() => '')
  const whole = new Set<number>()
  const tell = () => {
    const growing = pieces.findIndex((_, index) => !whole.has(index))
    onText?.(texts.slice(0, growing < 0 ? pieces.length : growing + 1).join(''))
  }
  const one = async (piece: string, index: number): Promise<string> => {
    const [before, inner, after] = edgesOf(piece)
    if (inner === '') return piece
    const grown = (text: string) => {
      texts[index] = before + text
      tell()
    }
    const told = onText ? { ...quietly, onText: grown } : quietly
    return `${before}${await say(weft, translatePrompt(inner, options), told)}${after}`
  }
  return (
    await each(pieces, async (piece, index) => {
      const text = await one(piece, index)
      texts[index] = text
      whole.add(index)
      onPiece?.(whole.size, pieces.length)
      tell()
      return text
    })
  ).join('')
}
