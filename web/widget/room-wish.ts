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
  /** Awaited before anything is asked: false where the key answers nobody here any more. */
  readonly cleared: () => Promise<boolean>
}

/** What a room is told by who sees the frame. */
export interface RoomSight {
  /** Whether the line that says what runs is in the visitor's sight, now or in a moment. */
  readonly inSight: () => Promise<boolean>
}

export type AnsweredReason = Extract<FrameWord, { readonly kind: 'answered' }>['reason']
