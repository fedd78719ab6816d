/** Cuts a long text where a reader would: between paragraphs, else sentences, else words. Joined again it is the same text. */
const BORDERS: readonly RegExp[] = [/\n\s*\n/g, /[.!?]\s+/g, /\s+/g]

/** The last end of a border before `most`, of the coarsest kind that leaves no piece of less than a third. */
function cutOf(text: string, most: number): number {
  const window = text.slice(0, most)
  for (const border of BORDERS) {
    const ends = [...window.matchAll(border)].map((match) => match.index + match[0].length)
    const last = ends.findLast((end) => end < text.length)
    if (last !== undefined && last >= most / 3) return last
  }
  // Never between the halves of one character.
  const code = text.charCodeAt(most - 1)
  return code >= 0xd800 && code <= 0xdbff ? most - 1 : most
}

/** Pieces of at most `most` UTF-16 units, at least two. */
export function piecesOf(text: string, most: number): readonly string[] {
  const pieces: string[] = []
  let rest = text
  while (rest.length > most) {
    const at = cutOf(rest, most)
    pieces.push(rest.slice(0, at))
    rest = rest.slice(at)
  }
  if (rest !== '') pieces.push(rest)
  return pieces
}
