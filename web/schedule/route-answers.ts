/** What the stages of a route still have to say before their asker goes on. Knows neither links nor frames. */
import type { StageSays } from '../wire/peer-control.ts'
import { type Failure, ok, type Result } from '../wire/result.ts'

interface Awaited {
  readonly from: Set<string>
  readonly matches: (message: StageSays) => boolean
  /** The position that they have to reach for it; null of a word alone. */
  readonly end: number | null
  readonly settle: (result: Result<null>) => void
}

export class RouteAnswers {
  #awaited: Awaited[] = []

  /** Resolves when all of these have said something that matches, or with what ended the wait. */
  wait(from: Set<string>, matches: (message: StageSays) => boolean, end: number | null = null): Promise<Result<null>> {
    return new Promise((settle) => {
      this.#awaited.push({ from, matches, end, settle })
    })
  }

  /** Whether somebody waited for that. */
  heard(from: string, message: StageSays): boolean {
    const answered = this.#awaited.filter((awaited) => awaited.from.has(from) && awaited.matches(message))
    for (const awaited of answered) {
      awaited.from.delete(from)
      if (awaited.from.size === 0) this.#settle(awaited, ok(null))
    }
    return answered.length > 0
  }

  /** Ends the oldest wait; false where nobody waits. */
  refuse(failure: Failure): boolean {
    const [awaited] = this.#awaited
    if (awaited) this.#settle(awaited, failure)
    return awaited !== undefined
  }

  /** Oldest first: who still has to say something, and how far they have to come for it. */
  get asked(): readonly { readonly from: ReadonlySet<string>; readonly end: number | null }[] {
    return this.#awaited
  }

  /** Whether this stage still has something to say. */
  isAsked(peer: string): boolean {
    return this.#awaited.some(({ from }) => from.has(peer))
  }

  endAll(reason: Failure): void {
    while (this.refuse(reason));
  }

  #settle(awaited: Awaited, result: Result<null>): void {
    this.#awaited = this.#awaited.filter((other) => other !== awaited)
    awaited.settle(result)
  }
}
