/**
 * How words are found in a text whatever their case and accents, and the place shown with a little around it. Pure; the
 * list of conversations and its search read it alike.
 */
/** Upper and lower case, and letters with and without marks, are found alike. */
export function foldForSearch(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
}

export interface Excerpt {
  readonly before: string
  readonly found: string
  readonly after: string
}

const EXCERPT_CHARACTERS = 40

/** The first place of the query in the text with a little around it; null where there is none. */
export function excerptOf(text: string, query: string): Excerpt | null {
  // Folding may change lengths, so places are found in the folded text letter by letter.
  const folded: string[] = []
  const places: number[] = []
  let place = 0
  for (const letter of text.normalize('NFC')) {
    for (const piece of foldForSearch(letter)) {
      folded.push(piece)
      places.push(place)
    }
    place += letter.length
  }
  const composed = text.normalize('NFC')
  const wanted = foldForSearch(query)
  if (wanted === '') return null
  const joined = folded.join('')
  const hit = joined.indexOf(wanted)
  if (hit < 0) return null
  const units: number[] = []
  folded.forEach((piece, index) => {
    for (let unit = 0; unit < piece.length; unit += 1) units.push(index)
  })
  const start = places[units[hit] ?? 0] ?? 0
  const after = units[hit + wanted.length]
  const end = after === undefined ? composed.length : (places[after] ?? composed.length)
  const from = Math.max(0, start - EXCERPT_CHARACTERS)
  const to = Math.min(composed.length, end + EXCERPT_CHARACTERS)
  const clean = (piece: string) => piece.replace(/\s+/g, ' ')
  return {
    before: (from > 0 ? '…' : '') + clean(composed.slice(from, start)),
    found: clean(composed.slice(start, end)),
    after: clean(composed.slice(end, to)) + (to < composed.length ? '…' : ''),
  }
}
