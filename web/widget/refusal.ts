/**
 * How a frame that answers nobody tells the page around it: that it is there, and by which code it refuses. Goes to any page, as it
 * says nothing of the visitor.
 */

import { CODES, type Code } from '../wire/codes.ts'
import { EMBED_VERSION, type FrameWord, writeEmbedWord } from '../wire/embed-words.ts'
import { PARTNER_REFUSALS } from '../wire/partner-keys.ts'

export function sayRefused(host: Pick<Window, 'postMessage'>, refused: Code): void {
  const words: readonly FrameWord[] = [
    { kind: 'here', version: EMBED_VERSION },
    { kind: 'state', consent: 'none', work: 'idle', refused },
  ]
  for (const word of words) host.postMessage(writeEmbedWord(word), '*')
}

/** `ledger-away`: an outage, which says nothing of the key. */
const REFUSALS = [...PARTNER_REFUSALS, 'ledger-away'] as const
type Refusal = (typeof REFUSALS)[number]

/** As the server wrote it into the page; a page that says nothing known is of no key. */
export function refusalOf(content: string | null | undefined): Refusal {
  return REFUSALS.find((code) => code === content) ?? 'partner-unknown'
}

/** Of these it is worth to try again. */
export function isOutage(code: Code): boolean {
  return OUTAGES.includes(code)
}
const OUTAGES: readonly Code[] = ['ledger-away', 'source-unreachable', 'source-error-page']

export function sentencesOf(code: Refusal): readonly [says: string, next: string] {
  return code === 'ledger-away' ? AWAY : CODES[code]
}
/** A visitor knows of no ledger. */
const AWAY = ['This chat cannot be looked up right now.', 'Nothing was started. Try again in a moment.'] as const
