/** What the frame wants of the chat behind it, and is told by it. Decides nothing. */
import type { EmbedWork, FrameWord } from '../wire/embed-words.ts'
import type { PartnerRefusal, PartnerView } from '../wire/partner-keys.ts'

export interface RoomWish {
  readonly partner: PartnerView
  readonly onWork: (work: EmbedWork) => void
  readonly onAnswered: (reason: AnsweredReason) => void
  /** The server lets nothing more be done for visitors of this key. */
  readonly onRefused: (code: PartnerRefusal) => void
  /** What was given has been stopped: the visitor agrees to using it alone from now on. */
  readonly onStopped: () => void
}

export type AnsweredReason = Extract<FrameWord, { readonly kind: 'answered' }>['reason']
