/** Who may send a stage what, by its place in the route. Pure; keeps nothing and refuses nobody. */
import type { StagePlace } from '../wire/peer-control.ts'
import type { StageFrame } from '../wire/peer-frame.ts'
import type { ServedStage } from './hop.ts'

export interface FrameRights {
  readonly asker: string
  readonly place: StagePlace
  readonly facts: Pick<ServedStage['facts'], 'width' | 'vocabulary'>
}

/** Frames of anybody else are lost without a word: whose place is elsewhere may have been told wrong. */
export function isKnown(peer: string, { asker, place: { before, tail } }: Pick<FrameRights, 'asker' | 'place'>) {
  return peer === asker || peer === before || peer === tail
}

/** Null where it may. */
export function whyNotSent(from: string, frame: StageFrame, { asker, place, facts }: FrameRights): string | null {
  const [first, tail] = [place.before === null, place.after === null]
  const ids = frame.type === 'token' ? [frame.id] : 'ids' in frame ? frame.ids : []
  if (ids.some((id) => id >= facts.vocabulary)) return 'a token id is outside the vocabulary'
  switch (frame.type) {
    case 'tokens':
    case 'chained':
      return first && from === asker ? null : 'tokens come from the asker to the first stage'
    case 'hidden':
      if (from !== place.before) return 'hidden states come from the stage before'
      return frame.width === facts.width ? null : `rows have ${frame.width} values`
    case 'ids':
      return tail && from === asker ? null : 'ids come from the asker to the tail'
    case 'token':
      return from === place.tail ? null : 'tokens come from the tail'
    default:
      return frame satisfies never
  }
}
