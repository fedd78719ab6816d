/**
 * Whether a press on a button of consent counts: a person's own, on what they could see for a while, in a frame that is large
 * enough to be read. Pure: the facts come in.
 */
import type { EmbedConsent } from '../wire/embed-words.ts'
import { EMBED_FRAME_HEIGHT_MIN, EMBED_FRAME_WIDTH_MIN, EMBED_SEEN_MS_MIN } from '../wire/limits/partners.ts'

export interface Press {
  readonly consent: EmbedConsent
  /** By a person, and no script. */
  readonly trusted: boolean
  /** How long the button has been in sight. */
  readonly seenMs: number
  /** Whether the browser tells of what covers a button. */
  readonly exact: boolean
  readonly width: number
  readonly height: number
  /** The choice that was made by a first press, elsewhere in the frame; null without one. */
  readonly first: EmbedConsent | null
  /** Whether it is on the button that asks for a second press, which stands elsewhere. */
  readonly second: boolean
}

/**
 * `again`: one more press, on a button at another place, as nobody can tell whether this one was seen. `covered`: it was not
 * seen long enough. `small`: nobody can read in such a frame.
 */
export type PressEnd = 'counts' | 'again' | 'covered' | 'small' | 'ignored'

export function judgePress({ consent, trusted, seenMs, exact, width, height, first, second }: Press): PressEnd {
  if (!trusted) return 'ignored'
  if (width < EMBED_FRAME_WIDTH_MIN || height < EMBED_FRAME_HEIGHT_MIN) return 'small'
  if (seenMs < EMBED_SEEN_MS_MIN) return 'covered'
  return exact || (second && first === consent) ? 'counts' : 'again'
}
