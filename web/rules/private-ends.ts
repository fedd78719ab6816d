/**
 * Whether a plan leaves both ends of a model with the asker. The server makes plans and is not asked to keep a secret: who
 * wants private ends looks for themselves. Pure.
 */
import type { LayerSpan, PeerId } from '../wire/peers.ts'
import { middleOf, type PrivateEnds } from '../wire/plan-events.ts'

interface Stage {
  readonly span: LayerSpan
  readonly peer: PeerId
  readonly standby: unknown
}

/** `stages`: as parsed, so that they cover all layers in order. */
export function keepsEnds(stages: readonly Stage[], asker: PeerId, ends: PrivateEnds, layers: number): boolean {
  const { first, last } = middleOf(ends, layers)
  const [head, tail] = [stages[0], stages.at(-1)]
  const own = (stage: Stage | undefined) => stage?.peer === asker && stage.standby === null
  return (
    own(head) &&
    own(tail) &&
    head?.span.last === first &&
    tail?.span.first === last &&
    tail.span.last === layers &&
    stages.slice(1, -1).every(({ peer }) => peer !== asker)
  )
}
