/**
 * The lines of jobs that wait at the server, one for each model. Who goes next is decided by `web/rules/job-line.ts`; this
 * only sorts jobs into their lines. It finds no worker and tells nobody.
 */
import { JobLine, type LineCapacity, type LinePlace } from '../../web/rules/job-line.ts'
import { keyOfPeer } from '../../web/wire/peers.ts'
import type { BookedJob } from './job-book.ts'

export class JobLines {
  /** None is empty. */
  readonly #lines = new Map<string, JobLine>()

  get size(): number {
    return [...this.#lines.values()].reduce((sum, { size }) => sum + size, 0)
  }

  get models(): ReadonlySet<string> {
    return new Set(this.#lines.keys())
  }

  has(modelId: string): boolean {
    return this.#lines.has(modelId)
  }

  /** The tabs of one device are one asker: opening more of them gives nobody more. */
  add({ key, asker, wish, unpaid }: BookedJob): void {
    const line = this.#lines.get(wish.modelId) ?? new JobLine()
    this.#lines.set(wish.modelId, line)
    const tokens = wish.promptTokens + wish.maxTokens
    line.add({ key, asker: keyOfPeer(asker) ?? asker, class: wish.class, tokens, unpaid })
  }

  remove({ key, wish }: BookedJob): void {
    const line = this.#lines.get(wish.modelId)
    line?.remove(key)
    if (line?.size === 0) this.#lines.delete(wish.modelId)
  }

  /** The key of the first that fits, taken out. */
  take(modelId: string, fits: (key: string) => boolean): string | null {
    const line = this.#lines.get(modelId)
    const next = line?.take(({ key }) => fits(key))
    if (line?.size === 0) this.#lines.delete(modelId)
    return next?.key ?? null
  }

  places(modelId: string, capacityFor: (key: string) => LineCapacity | null): readonly LinePlace[] {
    return this.#lines.get(modelId)?.places(({ key }) => capacityFor(key)) ?? []
  }
}
