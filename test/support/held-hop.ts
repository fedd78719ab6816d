/** A real stage whose frames are held to a schema, as the engine's worker does it: the masks of a vocabulary come before it. */
import type { Frame, FrameOutput, StageEngine } from '../../web/engine/stage.ts'
import { type Constraint, type TokenBytes, TokenMasks } from '../../web/rules/token-masks.ts'
import type { Hop } from '../../web/schedule/hop.ts'
import type { Result } from '../../web/wire/result.ts'

export function heldHop(stage: Hop & Pick<StageEngine, 'facts'>, vocabulary: TokenBytes): Hop {
  const masks = new TokenMasks(vocabulary, stage.facts.vocabulary)
  return {
    open: (request) => stage.open(request),
    truncate: (session, epoch, position, sampler) => stage.truncate(session, epoch, position, sampler),
    close: (session) => stage.close(session),
    async run(frame: Frame, constraint?: Constraint): Promise<Result<FrameOutput>> {
      if (!constraint) return stage.run(frame)
      const mask = masks.mask(constraint)
      return mask.ok ? stage.run({ ...frame, mask: mask.value }) : mask
    },
  }
}
