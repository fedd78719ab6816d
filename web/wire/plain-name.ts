/**
 * Names from outside (files, model files) as they may stand in a line of the page: no line breaks, no control characters
 * and none that turn the direction of what stands beside them. Pure; the text of a message is not its business.
 */
import { NAME_CHARACTERS_MAX } from './limits/models.ts'

/** C0 and C1 controls, marks, embeddings, overrides and isolates of direction, line and paragraph separators. */
const UNSEEN = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+/gu

export function plainName(name: string): string {
  const plain = name.replace(UNSEEN, ' ').replace(/\s+/g, ' ').trim()
  const cut = plain.slice(0, NAME_CHARACTERS_MAX)
  // Half of a character is none.
  return cut.replace(/[\ud800-\udbff]$/, '')
}
