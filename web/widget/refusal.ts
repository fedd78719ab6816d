/**
 * How a frame that answers nobody tells the page around it: that it is there, and by which code it refuses. Goes to any page, as it
 * says nothing of the visitor.
 */

import { CODES, type Code } from '../wire/codes.ts'
import { EMBED_VERSION, type FrameWord, writeEmbedWord } from '../wire/embed-words.ts'
import { PARTNER_REFUSALS, type PartnerRefusal } from '../wire/partner-keys.ts'

export function sayRefused(host: Pick<Window, 'postMessage'>, refused: Code): void {
  const words: readonly FrameWord[] = [
    { kind: 'here', version: EMBED_VERSION },
    { kind: 'state', consent: 'none', work: 'idle', refused },
  ]
  for (const word of words) host.postMessage(writeEmbedWord(word), '*')
}

/** As the server wrote it into the page; a page that says nothing known is of no key. */
export function refusalOf(content: string | null | undefined): PartnerRefusal {
  return PARTNER_REFUSALS.find((code) => code === content) ?? 'partner-unknown'
}

export function sentencesOf(code: PartnerRefusal): readonly [says: string, next: string] {
  return CODES[code]
}
