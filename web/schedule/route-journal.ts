/**
 * What an asker has sent into a route and what came back: the token at every position and the frames in which they went.
 * With it a stage that took a dead one's place can be brought to where the others are, or all of them can begin anew.
 */
import type { Frame } from '../engine/stage.ts'
import { cutSchedule, replayPlan } from '../rules/replay.ts'
import type { ScheduledFrame } from '../wire/frame-schedule.ts'
import { DECODE_ROWS_MAX } from '../wire/limits/engine.ts'
import { assert } from '../wire/result.ts'

export interface TokensFrame extends ScheduledFrame {
  readonly ids: Uint32Array
}

export class RouteJournal {
  #schedule: ScheduledFrame[] = []
  /** By position. A token that was drawn is known when it comes back. */
  readonly #ids = new Map<number, number>()

  sent({ position, count, mode, input }: Frame): void {
    this.#schedule.push({ position, count, mode })
    if (input.kind === 'tokens') for (const [index, id] of input.ids.entries()) this.#ids.set(position + index, id)
  }

  drawn(position: number, id: number): void {
    this.#ids.set(position, id)
  }

  /** Where the next frame begins. */
  get end(): number {
    const last = this.#schedule.at(-1)
    return last ? last.position + last.count : 0
  }

  idAt(position: number): number | undefined {
    return this.#ids.get(position)
  }

  /** Forgets what was sent from `position` on. The token that stands there is known still. */
  cut(position: number): void {
    this.#schedule = cutSchedule(this.#schedule, position)
    for (const at of [...this.#ids.keys()]) if (at > position) this.#ids.delete(at)
  }

  /** `[0, position)` again, in frames that give the same bits. */
  upTo(position: number): readonly TokensFrame[] {
    return replayPlan(cutSchedule(this.#schedule, position), DECODE_ROWS_MAX).map((frame) => {
      const ids = Array.from({ length: frame.count }, (_, index) => this.#ids.get(frame.position + index))
      assert(
        ids.every((id) => id !== undefined),
        'every token that a stage holds has come back to its asker',
      )
      return { ...frame, ids: Uint32Array.from(ids) }
    })
  }
}
