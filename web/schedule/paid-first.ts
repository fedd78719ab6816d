/**
 * The order of frames at one stage: those of a request that nobody pays for wait while others are computed, but not for ever. A
 * room's and an account's own requests wait for nobody.
 */
import { STAGE_TURNS_BEFORE_UNPAID } from '../wire/limits/mesh.ts'
import type { ServedStage } from './hop.ts'

interface Waiting {
  /** Frames of others that may end before its turn. */
  turns: number
  readonly begin: () => void
}

export class PaidFirst {
  #running = 0
  /** In the order in which they came: frames of one request keep theirs. */
  #waiting: Waiting[] = []

  /** The stage as one request sees it. */
  of(stage: ServedStage, unpaid: boolean): ServedStage {
    const { facts } = stage
    return {
      facts,
      open: (wish) => stage.open(wish),
      truncate: (...what) => stage.truncate(...what),
      close: (session) => stage.close(session),
      run: async (frame) => {
        if (unpaid) {
          await this.#turn()
          return stage.run(frame)
        }
        this.#running += 1
        const made = await stage.run(frame)
        this.#ended()
        return made
      },
    }
  }

  async #turn(): Promise<void> {
    if (this.#running === 0 && this.#waiting.length === 0) return
    await new Promise<void>((begin) => this.#waiting.push({ turns: STAGE_TURNS_BEFORE_UNPAID, begin }))
  }

  #ended(): void {
    this.#running -= 1
    for (const one of this.#waiting) one.turns -= 1
    while (this.#waiting[0] && (this.#running === 0 || this.#waiting[0].turns <= 0)) this.#waiting.shift()?.begin()
  }
}
