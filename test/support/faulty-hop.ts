/** A hop over a real stage that loses its device before chosen frames: every session it held is gone, as after a crash. */
import type { Frame, FrameOutput, OpenRequest, SamplerSpec } from '../../web/engine/stage.ts'
import type { Hop } from '../../web/schedule/hop.ts'
import { fail, type Result } from '../../web/wire/result.ts'

export class FaultyHop implements Hop {
  /** Every frame that ran, in order. */
  readonly frames: Frame[] = []
  private readonly stage: Hop
  private readonly losesBefore: Set<number>
  private ended = false
  private calls = 0

  /** `losesBefore`: counts of `run` calls (from 0) at which the device is lost instead. */
  constructor(stage: Hop, losesBefore: readonly number[] = []) {
    this.stage = stage
    this.losesBefore = new Set(losesBefore)
  }

  async open(request: OpenRequest): Promise<Result<null>> {
    this.ended = false
    return this.stage.open(request)
  }

  async run(frame: Frame): Promise<Result<FrameOutput>> {
    if (this.losesBefore.delete(this.calls)) {
      this.ended = true
      await this.stage.close(frame.session)
    }
    this.calls += 1
    if (this.ended) return fail('device-lost', 'The test took it.')
    this.frames.push(frame)
    return this.stage.run(frame)
  }

  async truncate(session: number, epoch: number, position: number, sampler?: SamplerSpec): Promise<Result<null>> {
    if (this.ended) return fail('device-lost', 'The test took it.')
    return this.stage.truncate(session, epoch, position, sampler)
  }

  close(session: number): Promise<void> {
    return this.stage.close(session)
  }
}
