/**
 * A summary of a text of any length: each piece is summarised, then the summaries together, until one is left. A few
 * pieces are asked for at once; what runs beside what is the app's to say.
 */
import { SDK_PIECE_CHARACTERS, SDK_PIECES_MAX } from '../wire/limits/sdk.ts'
import { type Chat, each, invalid, type PieceOptions, type Prompt, say } from './helper-call.ts'
import { piecesOf } from './pieces.ts'

export interface SummariseOptions extends PieceOptions {
  /** Sentences of the summary at most (3). */
  readonly sentences?: number
  /** In words, as "German"; none stands for the text's own. */
  readonly language?: string
}

const inLanguage = (language: string | undefined) =>
  language === undefined ? 'Write in the language of the text.' : `Write in ${language}.`

function summaryPrompt(text: string, { sentences = 3, language }: SummariseOptions): Prompt {
  const most = sentences === 1 ? 'one sentence' : `at most ${sentences} sentences`
  const system = `Summarise the text in ${most}. Say only what it says. ${inLanguage(language)} Give the summary and nothing else.`
  return { system, user: text }
}

/** What takes the place of a text that is too long: its summaries, in order. */
function mergedText(summaries: readonly string[]): string {
  return summaries.join('\n\n')
}

export async function summarise(weft: Chat, text: string, options: SummariseOptions = {}): Promise<string> {
  if (text.trim() === '') throw invalid('The text is empty.')
  const { onText, onPiece, ...quietly } = options
  let whole = text
  let done = 0
  for (;;) {
    const pieces = piecesOf(whole, SDK_PIECE_CHARACTERS)
    if (pieces.length > SDK_PIECES_MAX) throw invalid(`The text has more than ${SDK_PIECES_MAX} pieces.`)
    if (pieces.length === 1) return say(weft, summaryPrompt(whole, options), options)
    // One more at least, of all these together.
    const all = done + pieces.length + 1
    const summaries = await each(pieces, async (piece) => {
      const summary = await say(weft, summaryPrompt(piece, options), quietly)
      onPiece?.(++done, all)
      return summary
    })
    const merged = mergedText(summaries)
    // Summaries that are no shorter would be merged for ever.
    if (merged.length >= whole.length) return merged.slice(0, SDK_PIECE_CHARACTERS)
    whole = merged
  }
}
